"""Settings, driven by the environment. docs/configuration.md lists every variable."""

from pathlib import Path
from typing import Any, Literal

from kombu import Queue

from deepfake_site import sentry
from deepfake_site.accounts import *  # noqa: F403 - the part that is about people
from deepfake_site.accounts import OIDC_ORIGIN
from deepfake_site.environment import Environment
from deepfake_site.logs import FORMATTERS
from deepfake_site.media_storage import storage_from
from deepfake_site.secrets import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

DEBUG: bool = env.bool("DEBUG", default=False)
HOST: str = env.str("HOST", default="127.0.0.1")  # what `manage.py run` serves

# Everything the site writes besides media: database, broker, secret key, logs, upload buffers.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY: str = env.str("SECRET_KEY", default="") or secret_key(DATA_DIR / "secret_key")
# Signs reports. The key follows from this or from SECRET_KEY, so it lasts as long as they do.
REPORT_KEY: str = env.str("REPORT_KEY", default="")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# What links in e-mails begin with where no request says it
_ORIGINS = [origin for origin in CSRF_TRUSTED_ORIGINS if "*" not in origin]
SITE_URL: str = env.str(
    "SITE_URL", default=(_ORIGINS or [f"http://{HOST}:{env.str('PORT', default='8000')}"])[0]
).rstrip("/")

INSTALLED_APPS = [
    "ml_app.apps.MlAppConfig",  # before the admin, whose frame it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # Swagger UI's files, so that the page of the API needs no other host
]

MIDDLEWARE = [
    "ml_app.web.views.probes.ProbesMiddleware",  # the first: under any host name, without TLS
    "deepfake_site.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ml_app.audit.who.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "ml_app.accounts.door.DoorMiddleware",
    "axes.middleware.AxesMiddleware",  # the last: it answers instead of the login page
]

ROOT_URLCONF = "deepfake_site.urls"
WSGI_APPLICATION = "deepfake_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {
                "findings": "ml_app.web.templatetags.findings",
                "masthead": "ml_app.web.templatetags.masthead",
                "reports": "ml_app.web.templatetags.reports",
            },
        },
    },
]

# Database: SQLite in WAL mode unless DATABASE_URL names another.
DATABASES: dict[str, Any] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # take the write lock at once instead of failing half-way
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 3600)  # a new connection costs more than a page
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # and one that died meanwhile is replaced
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"  # where a browser asks for none of these
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("pt-br", "Português"),
    ("ar", "العربية"),
    ("hi", "हिन्दी"),
    ("zh-hans", "简体中文"),
]
LOCALE_PATHS = [BASE_DIR / "ml_app" / "accounts" / "locale"]  # what libraries do not bring in a language
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "deepfake_site.static_files.AppDirectoriesFinder",
]
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(BASE_DIR / "media")))
MEDIA_URL = ""  # media have no public address: a view checks who asks
# Where nginx finds MEDIA_ROOT as an internal location, such as /protected-media/: it then sends the files.
MEDIA_ACCEL_PREFIX: str = env.str("MEDIA_ACCEL_PREFIX", default="")
MEDIA_STORAGE_URL: str = env.str(
    "MEDIA_STORAGE_URL", default=""
)  # s3://…; MEDIA_ROOT then holds uploads only
STORAGES = {
    "default": storage_from(MEDIA_STORAGE_URL),
    "staticfiles": {"BACKEND": "deepfake_site.static_files.StaticFilesStorage"},
}

# The detector
C2PA_TRUST_LIST: str = env.str("C2PA_TRUST_LIST", default="")  # a PEM file of those whose word counts
MODELS_DIR = Path(env.str("MODELS_DIR", default=str(BASE_DIR / "models")))
DETECTOR: str = env.str("DETECTOR", default="standard")
DEVICE: str = env.str("DEVICE", default="auto")  # auto, cpu or cuda
FACE_FINDER: Literal["blazeface", "hog"] = env.str("FACE_FINDER", default="blazeface")  # blazeface or hog
FRAME_COUNTS = (10, 20, 40, 60, 80, 100)
DEFAULT_FRAME_COUNT = 40

# Uploads
MAX_UPLOAD_MB: int = env.int("MAX_UPLOAD_MB", default=500)
MAX_DURATION_MINUTES: int = env.int("MAX_DURATION_MINUTES", default=120)
MEDIA_RETENTION_DAYS: float = env.float("MEDIA_RETENTION_DAYS", default=0.0)  # 0: keep
FINDINGS_RETENTION_DAYS: float = env.float("FINDINGS_RETENTION_DAYS", default=0.0)  # 0: keep
FILE_UPLOAD_HANDLERS = ["ml_app.storage.uploads.IncomingUploadHandler"]

# Links
LINKS: bool = env.bool("LINKS", default=True)  # videos may be given as links, which workers fetch
LINK_MAX_MINUTES: float = env.float("LINK_MAX_MINUTES", default=10.0)
LINK_NETWORKS: list[str] = env.list("LINK_NETWORKS", default=[])  # private ones that links may lead into

# Batches
BATCH_FILES: int = env.int("BATCH_FILES", default=5000)  # of one batch

# The API
API_ALIASES: bool = env.bool("API_ALIASES", default=True)  # POST /upload and POST /detect
API_ALIAS_WAIT_SECONDS: float = env.float("API_ALIAS_WAIT_SECONDS", default=20.0)
API_SCANS_PER_MINUTE: int = env.int("API_SCANS_PER_MINUTE", default=600)  # of one owner; 0: no limit
WEBHOOK_NETWORKS: list[str] = env.list("WEBHOOK_NETWORKS", default=[])  # private ones that may be told
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "ml_app.api.documenting.Schema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Deepfake detector",
    "DESCRIPTION": "Scans of videos for signs of manipulation: see docs/api.md for a guide.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["ml_app.api.pages.without_slashes"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"DecisionEnum": "ml_app.api.shapes.DECISIONS"},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# Jobs. The Scan row is the truth; the queue only carries its id.
MAX_SCAN_MINUTES: float = env.float("MAX_SCAN_MINUTES", default=30.0)
INTERACTIVE_PER_OWNER: int = env.int("INTERACTIVE_PER_OWNER", default=5)  # what comes on top is a batch
QUEUE_LIMIT: int = env.int("QUEUE_LIMIT", default=200)  # with more waiting, uploads are refused; 0: never
BATCH_QUEUE_LIMIT: int = env.int("BATCH_QUEUE_LIMIT", default=5000)
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", default="filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    BROKER_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost//"  # or kombu warns that it has no host
    CELERY_BROKER_TRANSPORT = "deepfake_site.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR),
        "data_folder_out": str(BROKER_DIR),
        "control_folder": str(BROKER_DIR / "control"),
    }
# Nobody uses it. In the embedded broker its answers would pile up as files; on RabbitMQ its queue is
# exclusive, and the second worker of a host could not start.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2.0  # a broker that is away keeps nobody waiting: the sweeper sends later
if CELERY_BROKER_URL.startswith(("redis", "sentinel")):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "queue_order_strategy": "priority",  # the first queue that is not empty
        # An unfinished message comes back after so long. The sweeper is faster; twice does no harm.
        "visibility_timeout": MAX_SCAN_MINUTES * 60 + 600,
    }
# In this order: a worker takes of the second only where the first is empty.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("interactive", "batch")]
CELERY_TASK_DEFAULT_QUEUE = CELERY_TASK_DEFAULT_ROUTING_KEY = "interactive"
CELERY_TASK_ACKS_LATE = True  # and with it, no message is held by a worker that is busy with another
CELERY_BROKER_HEARTBEAT = 0  # a worker that is busy for minutes would seem dead to RabbitMQ
CELERY_TASK_IGNORE_RESULT = True
CELERY_DB_REUSE_MAX = 2**62  # or each task makes a new connection, which costs 7 ms; tasks close what is old
CELERY_WORKER_POOL = "solo"  # one scan at a time: decoding and face detection have processes of their own
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
WORKER_NICE: int = env.int("WORKER_NICE", default=10)  # pages of the same machine go first
LEASE_SECONDS: float = env.float("LEASE_SECONDS", default=30.0)
MAX_ATTEMPTS: int = env.int("MAX_ATTEMPTS", default=3)

# Watching: /metrics is closed unless one of these opens it.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
METRICS_NETWORKS: list[str] = env.list("METRICS_NETWORKS", default=[])
MIN_FREE_DISK_MB: int = env.int("MIN_FREE_DISK_MB", default=1024)  # less is not ready for uploads

# Security
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 365 * 24 * 3600  # a visitor's history hangs on this cookie
HTTPS: bool = env.bool("HTTPS", default=False)  # the site is reached through TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
# Other hosts of the same domain are not ours to decide about, which two of Django's checks would have us do.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_SUBDOMAINS", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", default=False)  # its X-Forwarded-* headers can be believed
# Where visitors come in, at the proxy of docker-compose.yml or at the site itself: for the system checks.
HTTP_ADDRESS: str = env.str("HTTP_ADDRESS", default="127.0.0.1" if BEHIND_PROXY else HOST)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# Nobody else on this machine reads what was uploaded, except a proxy that is to send it.
FILE_UPLOAD_PERMISSIONS = 0o644 if MEDIA_ACCEL_PREFIX else 0o600
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "media-src": ["'self'", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        # Browsers hold redirects of a form to it as well, and signing in elsewhere is one.
        "form-action": ["'self'", *([OIDC_ORIGIN] if OIDC_ORIGIN else [])],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

LOG_FORMAT: str = env.str("LOG_FORMAT", default="plain")  # or json
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"chosen": {"()": FORMATTERS.get(LOG_FORMAT, FORMATTERS["plain"])}},
    "filters": {"brief": {"()": "deepfake_site.logs.Brief"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
    "loggers": {
        # Its line says what to do; anybody can cause it, as often as they like.
        "django.security.DisallowedHost": {"filters": ["brief"]},
        # They tell of every message; the task itself tells of every scan.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# Errors to a Sentry server, if one is named. The package is not among the requirements.
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    sentry.start(SENTRY_DSN, environment=env.str("SENTRY_ENVIRONMENT", default="production"))
