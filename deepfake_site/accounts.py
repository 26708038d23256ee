"""The part of the settings that is about people: passwords, sign-up, second factors, single sign-on, e-mail.

settings.py takes all of it over. docs/configuration.md lists every variable.
"""

from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from deepfake_site.environment import Environment

env = Environment()

# Who may come in
ANONYMOUS_USE: bool = env.bool("ANONYMOUS_USE", default=True)  # without an account, as a cookie
SIGNUP_OPEN: bool = env.bool("SIGNUP_OPEN", default=False)  # else by invitation alone
TEAMS_OPEN: bool = env.bool("TEAMS_OPEN", default=False)  # else whoever was given the permission
INVITATION_DAYS: float = env.float("INVITATION_DAYS", default=7.0)
STAFF_MFA_REQUIRED: bool = env.bool("STAFF_MFA_REQUIRED", default=False)

# Reviews
REVIEW_SECOND_LOOK: bool = env.bool("REVIEW_SECOND_LOOK", default=False)  # two have to decide alike

# Notices
NOTICE_DIGEST_HOUR: int = env.int("NOTICE_DIGEST_HOUR", default=7)  # of the day, in TIME_ZONE

# The audit log
AUDIT_VIEWS: bool = env.bool("AUDIT_VIEWS", default=True)  # also who saw which scan
AUDIT_ADDRESSES: Literal["full", "network", "none"] = env.str("AUDIT_ADDRESSES", default="full")

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "ml_app:upload"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # the first: it refuses before a password is looked at
    "allauth.account.auth_backends.AuthenticationBackend",
]
USERSESSIONS_ADAPTER = "ml_app.accounts.adapters.SessionsAdapter"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Guessing passwords: after so many failures an address has to wait. The count lies in the database.
AXES_FAILURE_LIMIT: int = env.int("LOGIN_FAILURE_LIMIT", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=env.float("LOGIN_COOLOFF_MINUTES", default=15.0))
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_CLIENT_IP_CALLABLE = "deepfake_site.addresses.client_address"
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_DISABLE_ACCESS_LOG = True  # only failures are kept, and only while they count
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_VERBOSE = False

# Accounts
ACCOUNT_ADAPTER = "ml_app.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "ml_app.accounts.forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of a changed password, of a second factor that was added or removed
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if env.bool("HTTPS", default=False) else "http"
ACCOUNT_RATE_LIMITS = {"login_failed": None}  # axes counts those, for all processes together

# Second factors
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Deepfake detector"
MFA_TOTP_TOLERANCE = 1  # a code before or after: clocks of phones differ, and people type slowly
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not env.bool("HTTPS", default=False)  # http://localhost is secure enough

# Single sign-on, where a server is named. Templates ask allauth whether there is one.
OIDC_SERVER: str = env.str("OIDC_SERVER", default="")
OIDC_CLIENT_ID: str = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET: str = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME: str = env.str("OIDC_NAME", default="") or "OpenID Connect"
OIDC_SIGNUP: bool = env.bool("OIDC_SIGNUP", default=True)  # whoever that server lets in gets an account
OIDC_ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(OIDC_SERVER)) if OIDC_SERVER else ""
SOCIALACCOUNT_ADAPTER = "ml_app.accounts.adapters.SingleSignOnAdapter"
# One server, named by the operator: an address that it calls confirmed is confirmed, and finds its account.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_SERVER},
            }
        ]
        if OIDC_SERVER
        else [],
    }
}

# E-mail is printed unless a server is named, such as smtp+tls://user:password@mail.example:587
_EMAIL: dict[str, Any] = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND: str = _EMAIL["EMAIL_BACKEND"]
EMAIL_HOST: str = _EMAIL.get("EMAIL_HOST") or "localhost"
EMAIL_PORT: int = _EMAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER: str = _EMAIL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD: str = _EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS: bool = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10.0  # seconds; whoever waits for the page waits for the mail server
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", default="detector@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
