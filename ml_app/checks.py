"""System checks: settings that are dangerous, or that cannot work together. `manage.py run` shows them.

Each has an id and a hint that says what to set. docs/security.md explains the reasons.
"""

from __future__ import annotations

import ctypes
import stat
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from deepfake_site.logs import FORMATTERS

_PDF_LIBRARIES = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", ".localhost", "[::1]", "::1"})


def _reachable() -> bool:
    """Whether other machines are meant to reach the site."""
    return any(host not in _LOOPBACK for host in settings.ALLOWED_HOSTS)


@register(Tags.security)
def check_exposure(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Who can reach the site, and how."""
    return list(_exposure())


def _exposure() -> Iterator[CheckMessage]:
    if settings.DEBUG and (_reachable() or settings.HOST not in _LOOPBACK):
        yield Error(
            "DEBUG is on, and other machines can reach the site: error pages would show them its inside.",
            hint="Unset DEBUG, or serve this machine alone: unset HOST and ALLOWED_HOSTS.",
            id="ml_app.E001",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS is *: the site answers to any name, so links and redirects can be forged.",
            hint="Name the hosts that people type, such as ALLOWED_HOSTS=detector.example,192.0.2.7",
            id="ml_app.W001",
        )
    if settings.HTTP_ADDRESS not in _LOOPBACK and not _reachable():
        door = f"{'HTTP_ADDRESS' if settings.BEHIND_PROXY else 'HOST'} is {settings.HTTP_ADDRESS}"
        yield Warning(
            f"{door}, but ALLOWED_HOSTS names this machine alone: others will get 400.",
            hint="Name what people type in their browsers, such as ALLOWED_HOSTS=192.0.2.7,localhost",
            id="ml_app.W002",
        )
    if _reachable() and not settings.HTTPS:
        yield Warning(
            "Other machines reach the site without TLS: videos and passwords can be read on the way.",
            hint="Put a proxy with a certificate in front, and set HTTPS=true and BEHIND_PROXY=true.",
            id="ml_app.W003",
        )
    if settings.HTTPS and not settings.BEHIND_PROXY:
        yield Warning(
            "HTTPS is on but BEHIND_PROXY is off: the web server speaks no TLS itself, so it would "
            "redirect every request for ever.",
            hint="Set BEHIND_PROXY=true where a proxy sets X-Forwarded-Proto and X-Forwarded-For.",
            id="ml_app.W004",
        )


@register(Tags.security)
def check_files(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether private files are private."""
    return list(_files())


def _files() -> Iterator[CheckMessage]:
    public = [Path(folder) for folder in (*settings.STATICFILES_DIRS, settings.STATIC_ROOT)]
    for name in ("MEDIA_ROOT", "DATA_DIR", "MODELS_DIR"):
        private = Path(getattr(settings, name)).resolve()
        if any(private.is_relative_to(folder.resolve()) for folder in public):
            yield Error(
                f"{name} lies in a folder of static files, which anybody can download.",
                hint=f"Set {name} or STATIC_ROOT to another folder.",
                id="ml_app.E002",
            )
    prefix = settings.MEDIA_ACCEL_PREFIX
    if prefix and not (prefix.startswith("/") and prefix.endswith("/")):
        yield Error(
            f"MEDIA_ACCEL_PREFIX is {prefix!r}; nginx would find none of the files.",
            hint="It is an internal location with a slash at both ends, such as /protected-media/.",
            id="ml_app.E003",
        )
    if prefix and settings.MEDIA_STORAGE_URL:
        yield Error(
            "MEDIA_ACCEL_PREFIX is set, but the media lie in a bucket, where nginx does not find them.",
            hint="Unset one of MEDIA_ACCEL_PREFIX and MEDIA_STORAGE_URL.",
            id="ml_app.E008",
        )
    key = settings.DATA_DIR / "secret_key"
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield Warning(
            "Others on this machine can read the file of the secret key, and forge sessions with it.",
            hint=f"chmod 600 {key}",
            id="ml_app.W005",
        )


@register
def check_several_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A bucket is for workers on other hosts, which need the rest as well."""
    alone = settings.CELERY_BROKER_URL.startswith("filesystem:") or settings.DATABASES["default"][
        "ENGINE"
    ].endswith("sqlite3")
    if not (settings.MEDIA_STORAGE_URL and alone):
        return []
    return [
        Warning(
            "The media lie in a bucket, but the queue or the database in a folder of this machine: workers "
            "on other hosts would never hear of a scan.",
            hint="Set CELERY_BROKER_URL and DATABASE_URL too, or leave MEDIA_STORAGE_URL out.",
            id="ml_app.W008",
        )
    ]


SHORTEST_TOKEN = 16  # characters


@register(Tags.security)
def check_metrics(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Who can read /metrics."""
    return list(_metrics())


def _metrics() -> Iterator[CheckMessage]:
    if 0 < len(settings.METRICS_TOKEN) < SHORTEST_TOKEN:
        yield Warning(
            f"METRICS_TOKEN has {len(settings.METRICS_TOKEN)} characters and can be guessed.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            id="ml_app.W006",
        )
    for network in settings.METRICS_NETWORKS:
        try:
            everybody = ip_network(network, strict=False).prefixlen == 0
        except ValueError:
            yield Error(
                f"METRICS_NETWORKS has {network!r}, which is no network.",
                hint="Give addresses or networks such as METRICS_NETWORKS=127.0.0.1,192.0.2.0/24",
                id="ml_app.E006",
            )
            continue
        if everybody or (_reachable() and not settings.BEHIND_PROXY):
            yield Warning(
                f"METRICS_NETWORKS has {network}, which may let everybody read /metrics: "
                + ("it is every address." if everybody else "behind a proxy, all come from its address."),
                hint="Name the networks of your own machines, set BEHIND_PROXY=true where a proxy is in "
                "front, or use METRICS_TOKEN instead.",
                id="ml_app.W007",
            )


@register(Tags.security)
def check_single_sign_on(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether people can come in by the server that is named."""
    server = urlsplit(settings.OIDC_SERVER)
    at_home = server.scheme == "http" and server.hostname in _LOOPBACK
    if not settings.OIDC_SERVER or ((server.scheme == "https" or at_home) and settings.OIDC_CLIENT_ID):
        return []
    return [
        Error(
            "OIDC_SERVER is no https address, or OIDC_CLIENT_ID is missing: nobody could sign in by it.",
            hint="Set OIDC_SERVER=https://id.example with OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or neither.",
            id="ml_app.E016",
        )
    ]


# The least that each can be, for the site to work at all
_LEAST = {
    "MAX_UPLOAD_MB": 1,
    "MAX_DURATION_MINUTES": 1,
    "MAX_ATTEMPTS": 1,
    "LEASE_SECONDS": 1,
    "MEDIA_RETENTION_DAYS": 0,
    "FINDINGS_RETENTION_DAYS": 0,
    "AXES_FAILURE_LIMIT": 1,
    "MIN_FREE_DISK_MB": 0,
    "MAX_SCAN_MINUTES": 0.001,
    "INTERACTIVE_PER_OWNER": 1,
    "WORKER_NICE": 0,
    "QUEUE_LIMIT": 0,
    "BATCH_QUEUE_LIMIT": 0,
    "API_SCANS_PER_MINUTE": 0,
    "API_ALIAS_WAIT_SECONDS": 0,
    "INVITATION_DAYS": 0.001,
}
_VARIABLES = {"AXES_FAILURE_LIMIT": "LOGIN_FAILURE_LIMIT"}


@register
def check_numbers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Limits that nothing could keep."""
    return [
        Error(
            f"{_VARIABLES.get(name, name)} is {getattr(settings, name)}, which cannot work.",
            hint=f"Set it to {least} or more, or leave it out.",
            id="ml_app.E004",
        )
        for name, least in _LEAST.items()
        if not getattr(settings, name) >= least
    ]


@register
def check_pdf(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What PDF reports need of the system."""
    missing = [name for name in _PDF_LIBRARIES if not _is_there(name)]
    if not missing:
        return []
    return [
        Warning(
            f"Reports are made as JSON alone: {', '.join(missing)} cannot be loaded, which PDF needs.",
            hint="On Debian and Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0 fonts-noto-core",
            id="ml_app.W020",
        )
    ]


@register
def check_trust_list(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether the signers of Content Credentials can be looked up."""
    file = settings.C2PA_TRUST_LIST
    try:
        if not file or "-----BEGIN CERTIFICATE-----" in Path(file).read_text(encoding="ascii"):
            return []
    except (OSError, UnicodeDecodeError):
        pass
    return [
        Error(
            f"C2PA_TRUST_LIST is {file!r}, which holds no certificates that can be read.",
            hint="Give a file of certificates in PEM, or leave it out.",
            id="ml_app.E020",
        )
    ]


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@register
def check_choices(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Words that mean nothing."""
    return list(_choices())


def _choices() -> Iterator[CheckMessage]:
    device = settings.DEVICE
    if device not in ("auto", "cpu") and not device.startswith("cuda"):
        yield Error(f"DEVICE is {device!r}.", hint="It can be auto, cpu or cuda.", id="ml_app.E005")
    if settings.FACE_FINDER not in ("blazeface", "hog"):
        yield Error(
            f"FACE_FINDER is {settings.FACE_FINDER!r}.", hint="It can be blazeface or hog.", id="ml_app.E015"
        )
    if settings.LOG_FORMAT not in FORMATTERS:
        yield Error(
            f"LOG_FORMAT is {settings.LOG_FORMAT!r}.", hint="It can be plain or json.", id="ml_app.E007"
        )
    if settings.AUDIT_ADDRESSES not in ("full", "network", "none"):
        yield Error(
            f"AUDIT_ADDRESSES is {settings.AUDIT_ADDRESSES!r}.",
            hint="It can be full, network or none.",
            id="ml_app.E020",
        )
    for name, network in _networks():
        try:
            ip_network(network, strict=False)
        except ValueError:
            yield Error(
                f"{name} has {network!r}, which is no network.",
                hint=f"Give addresses or networks such as {name}=127.0.0.1,10.0.0.0/8",
                id="ml_app.E006",
            )


def _networks() -> Iterator[tuple[str, str]]:
    for name in ("WEBHOOK_NETWORKS", "LINK_NETWORKS"):
        yield from ((name, network) for network in getattr(settings, name))
