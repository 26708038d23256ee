"""What settings promise: a clean deployment, hints for risky ones, secure cookies, throttled logins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.test import Client, RequestFactory

from deepfake_site.addresses import client_address

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {"HTTPS": "true", "BEHIND_PROXY": "true", "ALLOWED_HOSTS": "detector.example"}


def manage(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` in a process of its own, with nothing set but what is given."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**bare, "DATA_DIR": str(tmp_path / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_deployment_is_clean(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("System check identified no issues")
    assert "WARNING" not in done.stderr


SHOW = (
    "from django.conf import settings as s; print(s.SECRET_KEY, s.DEBUG, s.SESSION_COOKIE_SECURE, "
    "s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS)"
)


def test_the_key_may_come_from_a_file_and_tls_secures_cookies(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k" * 60 + "\n")
    shown = manage(
        tmp_path, "shell", "--no-imports", "-c", SHOW, SECRET_KEY_FILE=str(secret), **PRODUCTION
    ).stdout
    assert shown.split() == ["k" * 60, "False", "True", "True", "True", "31536000"]
    assert not (tmp_path / "data" / "secret_key").exists()


def test_without_any_setting_a_key_is_made_and_debug_is_off(tmp_path: Path) -> None:
    key, *rest = manage(tmp_path, "shell", "--no-imports", "-c", SHOW).stdout.split()
    assert key == (tmp_path / "data" / "secret_key").read_text().strip()
    assert rest == ["False", "False", "False", "False", "0"]


@pytest.fixture
def _local(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]  # the test runner adds another


def ids() -> set[str]:
    found = [message for message in run_checks() if message.id and message.id.startswith("ml_app.")]
    assert all(message.hint for message in found)
    return {str(message.id) for message in found}


@pytest.mark.usefixtures("_local")
def test_what_everybody_starts_with_is_silent() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HOST": "0.0.0.0"}, "HOST is 0.0.0.0"),
        # As in a container whose proxy serves this machine alone
        ({"HOST": "0.0.0.0", "BEHIND_PROXY": "true"}, ""),
        ({"HOST": "0.0.0.0", "BEHIND_PROXY": "true", "HTTP_ADDRESS": "0.0.0.0"}, "HTTP_ADDRESS is 0.0.0.0"),
    ],
)
def test_who_is_let_in_at_the_door_that_visitors_use(
    environment: dict[str, str], named: str, tmp_path: Path
) -> None:
    said = manage(tmp_path, "check", **environment).stderr
    assert ("ml_app.W002" in said) == bool(named)
    assert named in said


@pytest.mark.usefixtures("_local")
@pytest.mark.parametrize(
    ("values", "id_"),
    [
        ({"DEBUG": True, "HOST": "0.0.0.0"}, "ml_app.E001"),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["detector.example"]}, "ml_app.E001"),
        ({"MEDIA_ROOT": ROOT / "static" / "media"}, "ml_app.E002"),
        ({"MEDIA_ACCEL_PREFIX": "protected"}, "ml_app.E003"),
        ({"MAX_UPLOAD_MB": 0}, "ml_app.E004"),
        ({"LEASE_SECONDS": float("nan")}, "ml_app.E004"),
        ({"DEVICE": "gpu"}, "ml_app.E005"),
        ({"METRICS_NETWORKS": ["10.0.0.0/33"]}, "ml_app.E006"),
        ({"WEBHOOK_NETWORKS": ["localhost"]}, "ml_app.E006"),
        ({"LINK_NETWORKS": ["everywhere"]}, "ml_app.E006"),
        ({"API_SCANS_PER_MINUTE": -1}, "ml_app.E004"),
        ({"LOG_FORMAT": "xml"}, "ml_app.E007"),
        ({"AUDIT_ADDRESSES": "some"}, "ml_app.E020"),
        ({"INVITATION_DAYS": 0}, "ml_app.E004"),
        ({"OIDC_SERVER": "https://id.example"}, "ml_app.E016"),
        ({"OIDC_SERVER": "http://id.example", "OIDC_CLIENT_ID": "detector"}, "ml_app.E016"),
        ({"MEDIA_STORAGE_URL": "s3://b", "MEDIA_ACCEL_PREFIX": "/p/"}, "ml_app.E008"),
        ({"MEDIA_STORAGE_URL": "s3://b"}, "ml_app.W008"),
        ({"ALLOWED_HOSTS": ["*"]}, "ml_app.W001"),
        ({"HTTP_ADDRESS": "0.0.0.0"}, "ml_app.W002"),
        ({"ALLOWED_HOSTS": ["detector.example"]}, "ml_app.W003"),
        ({"HTTPS": True}, "ml_app.W004"),
        ({"METRICS_TOKEN": "metrics"}, "ml_app.W006"),
        ({"METRICS_NETWORKS": ["0.0.0.0/0"]}, "ml_app.W007"),
        ({"METRICS_NETWORKS": ["10.0.0.0/8"], "ALLOWED_HOSTS": ["detector.example"]}, "ml_app.W007"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_risky_settings_are_named_with_a_hint(values: dict[str, Any], id_: str, settings: Any) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    assert id_ in ids()


@pytest.mark.usefixtures("_local")
def test_a_key_that_others_can_read(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret_key").write_text("x" * 60)
    (tmp_path / "secret_key").chmod(0o644)
    assert ids() == {"ml_app.W005"}


def test_a_missing_library_for_pdf_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_app.checks._PDF_LIBRARIES", ("libpango-of-nowhere.so.0",))
    (message,) = [found for found in run_checks() if found.id == "ml_app.W020"]
    assert "libpango-of-nowhere" in message.msg
    assert "apt-get install" in str(message.hint)


def test_every_check_is_documented() -> None:
    defined = set(re.findall(r'id="(ml_app\.[EW]\d+)"', (ROOT / "ml_app/checks.py").read_text()))
    documented = set(re.findall(r"`(ml_app\.[EW]\d+)`", (ROOT / "docs/security.md").read_text()))
    assert defined == documented
    assert len(defined) >= 13


@pytest.mark.parametrize(
    ("behind", "forwarded", "address"),
    [
        (False, "203.0.113.9", "192.0.2.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "198.51.100.66, 203.0.113.9", "203.0.113.9"),  # the first was written by the client
        (True, "2001:db8::1", "2001:db8::1"),
        (True, "nonsense", "192.0.2.1"),
        (True, "", "192.0.2.1"),
    ],
)
def test_only_a_proxy_is_believed(settings: Any, behind: bool, forwarded: str, address: str) -> None:
    settings.BEHIND_PROXY = behind
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="192.0.2.1")
    assert client_address(request) == address


@pytest.fixture
def _plain_static_files(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.mark.usefixtures("_plain_static_files")
def test_passwords_of_the_admin_cannot_be_guessed_for_long(db: None, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 4
    get_user_model().objects.create_superuser("root", password="correct horse")
    guess = {"login": "root", "password": "wrong"}
    right = {"login": "root", "password": "correct horse"}

    def login(data: dict[str, str], address: str = "192.0.2.1") -> Any:
        return Client(REMOTE_ADDR=address).post("/accounts/login/?next=/admin/", data)

    assert [login(guess).status_code for _ in range(3)] == [200] * 3
    assert login(right).status_code == 302, "who mistypes now and then is not locked out"
    refused = [login(guess) for _ in range(3)][-1]
    assert refused.status_code == 429
    assert "Too many attempts" in refused.content.decode()
    assert "masthead" in refused.content.decode()
    assert login(right).status_code == 429, "not even the right password, or guessing would go on"
    assert login(right, "192.0.2.2").status_code == 302, "nobody else is locked out"
