"""Rules for the container files that need no engine. tests/containers/ runs them for real."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from configparser import RawConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import crossplane
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"init", "secrets", "migrate", "tools"}  # those that end by themselves
VARIABLES = set(re.findall(r"\$\{([A-Z_]+)", TEXT))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_guarded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONCE)
    # Our own images are nobody else's: a registry must not be asked for them.
    assert service.get("pull_policy") == ("never" if service["image"].startswith("deepfake-") else None)


def test_only_the_proxy_touches_the_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    outside = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert outside == {"edge"}
    assert [name for name, service in SERVICES.items() if "edge" in service.get("networks", [])] == ["proxy"]
    for name in ("database", "broker", "worker", "sweeper"):
        assert SERVICES[name]["networks"] == ["data"]
    assert "data" not in SERVICES["proxy"]["networks"]
    for port in SERVICES["proxy"]["ports"]:
        assert port.startswith("${HTTP_ADDRESS:-127.0.0.1}:"), "open to this machine alone unless asked"


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_files(name: str) -> None:
    for variable in SERVICES[name].get("environment", {}):
        if re.search("SECRET|PASSWORD|TOKEN|DATABASE_URL|BROKER_URL", variable):
            assert variable.endswith("_FILE")
    mounts = [mount for mount in SERVICES[name].get("volumes", []) if "-secrets:" in mount]
    if name != "init":
        assert all(mount.endswith(":ro") for mount in mounts)
        assert len(mounts) == {"proxy": 0, "secrets": 2}.get(name, 1)


@pytest.mark.parametrize("name", ["database", "broker", "secrets"])
def test_an_update_leaves_these_running(name: str) -> None:
    """Compose replaces what depends on a service that is replaced, as all are that run our own images."""
    needed = SERVICES[name].get("depends_on", {})
    assert set(needed) <= {"secrets"}
    assert not SERVICES[name]["image"].startswith("deepfake-")


@pytest.mark.parametrize("name", SERVICES)
def test_images_can_be_replaced(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z-]+:\$\{[A-Z_]*TAG:-[a-z0-9.]+\}", image)


def test_worker_and_supervisor_agree() -> None:
    supervisor = RawConfigParser()
    supervisor.read(ROOT / "deepfake_site/supervisord.conf")
    words = shlex.split(supervisor["program:worker"]["command"])
    ours = SERVICES["worker"]["command"]
    assert words[words.index("celery") :] == ours
    assert SERVICES["worker-gpu"]["command"] == ours
    assert SERVICES["worker-gpu"]["deploy"]["replicas"] == "${GPU_WORKERS:-1}"
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert SERVICES["worker-gpu"]["environment"]["DEVICE"] == "cuda"


def test_every_variable_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/deployment.md").read_text()))
    documented |= set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text()))
    assert len(VARIABLES) > 15
    assert documented >= VARIABLES
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    assert "HTTP_PORT" in example
    assert documented | {"COMPOSE_PROFILES"} >= set(example)


def test_the_example_sets_nothing() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_dockerfile() -> None:
    text = (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)
    assert not text.startswith("# syntax")
    assert "@sha256" not in text + TEXT
    assert {image for image in images if ":" in image} == {"python:${PYTHON_TAG}", "nginx:${NGINX_TAG}"}
    for_pdf = re.compile(r"^RUN apt-get update -qq && apt-get install .*?/var/lib/apt/lists/\*$", re.M | re.S)
    text, found = for_pdf.subn("", text)
    assert found == 1, "libraries and fonts for PDF reports, and nothing else, come from Debian"
    assert not re.search(r"apt-get|gcc|build-essential|curl ", text), "no compiler, nothing from elsewhere"
    for target in ("proxy", "site"):
        part = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM |\Z)", text, flags=re.MULTILINE | re.DOTALL)
        assert part is not None
        assert re.search(r"^USER (site|nginx)$", part[1], flags=re.MULTILINE)


def _reaches_the_build(path: str) -> bool:
    """Whether .dockerignore lets a file through: the last line that fits it decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").rstrip("/")
        if pattern and not line.startswith("#"):
            parts = path.split("/")
            parents = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
            short = pattern.removeprefix("**/")
            if any(
                fnmatch(part, pattern) or ("**/" in pattern and fnmatch(part, f"*{short}"))
                for part in parents
            ):
                kept = line.startswith("!")
    return kept


def test_what_the_build_sees() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seen = {path for path in listed.splitlines() if _reaches_the_build(path)}
    needed = {
        path for path in listed.splitlines() if path.startswith(("deepfake_site/", "ml_app/", "static/"))
    }
    assert needed <= seen
    assert {path for path in listed.splitlines() if path.startswith("models/")} <= seen, (
        "every model that ships"
    )
    private = (
        ".env",
        "media/x.mp4",
        "var/secret_key",
        ".git/config",
        "nginx/certificates/privkey.pem",
        "tests/a.py",
    )
    assert not [path for path in private if _reaches_the_build(path)]


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    """nginx/ as the proxy's image has it, rendered as its start script does, with paths of this machine."""
    defaults = dict(re.findall(r'"\$\{([A-Z_]+):=([^}]*)\}"', (ROOT / "nginx/start").read_text()))
    defaults |= {"BODY_LIMIT_MB": str(int(defaults["MAX_UPLOAD_MB"]) + 1), "TLS_PORT": ":8443"}
    (tmp_path / "mime.types").write_text("types { text/css css; }\n")
    (tmp_path / "trusted.conf").write_text("set_real_ip_from 192.0.2.0/24;\n")
    files = [
        ROOT / "nginx/nginx.conf",
        *(ROOT / "nginx/snippets").glob("*"),
        *(ROOT / "nginx/templates").glob("*"),
    ]
    for path in files:
        text = re.sub(r"\$\{([A-Z_]+)\}", lambda match: defaults[match[1]], path.read_text())
        text = re.sub(r"include (/etc/nginx/snippets|/etc/nginx|/tmp/nginx)/", f"include {tmp_path}/", text)
        (tmp_path / path.name.removesuffix(".template")).write_text(text)
    return tmp_path


@pytest.mark.parametrize("server", ["plain.conf", "tls.conf"])
def test_nginx_configuration(nginx: Path, server: str) -> None:
    (nginx / "server.conf").symlink_to(server)
    parsed = crossplane.parse(str(nginx / "nginx.conf"), strict=True, combine=True, catch_errors=True)
    # It takes the lines of maps and types for directives, and does not know the newest one.
    known = re.compile(r'unknown directive "(default|POST|\d .*|~.*|text/css|http2)"')
    assert [error for error in parsed["errors"] if not known.match(error["error"])] == []
    _assert_nothing_is_said_twice(parsed["config"][0]["parsed"])
    http = next(block for block in parsed["config"][0]["parsed"] if block["directive"] == "http")["block"]
    servers = [block["block"] for block in http if block["directive"] == "server"]
    assert len(servers) == (2 if server == "tls.conf" else 1)
    places = {
        " ".join(b["args"]): _directives(b["block"]) for b in servers[-1] if b["directive"] == "location"
    }
    assert places["= /"]["proxy_request_buffering"] == ["off"]
    assert places["= /"]["client_max_body_size"] == ["501m"]
    assert "limit_req" in places["= /"]
    for_programs = places["~ ^/(api/v1/scans|upload|detect)/?$"]
    assert for_programs["proxy_request_buffering"] == ["off"]
    assert for_programs["client_max_body_size"] == ["501m"]
    assert "limit_req" in for_programs and "error_page" in for_programs
    assert (
        "limit_req"
        in places["~ ^/accounts/(login|signup|password/reset|2fa/authenticate|2fa/webauthn/login)/$"]
    )
    assert places["/protected-media/"]["internal"] == []
    for name, place in places.items():
        if "proxy_pass" in place:
            assert place["proxy_set_header X-Forwarded-For"] == ["$remote_addr"], name
            assert place["proxy_pass"] == ["$web"], f"{name}: looked up again when the container is a new one"
        elif "return" not in place:
            assert place["add_header X-Content-Type-Options"] == ["nosniff", "always"], name


_REPEATABLE = {
    "add_header",
    "proxy_set_header",
    "server",
    "location",
    "map",
    "error_page",
    "include",
    "default",
}
_REPEATABLE |= {"limit_req_zone", "limit_conn_zone", "set_real_ip_from", "limit_req"}


def _assert_nothing_is_said_twice(block: list[dict[str, Any]]) -> None:
    """nginx refuses to start where a directive is repeated that it takes once."""
    names = [line["directive"] for line in block]
    assert {name for name in names if names.count(name) > 1} <= _REPEATABLE
    for line in block:
        if line["directive"] not in ("map", "types"):
            _assert_nothing_is_said_twice(line.get("block", []))


def _directives(block: list[dict[str, Any]]) -> dict[str, list[str]]:
    several = ("add_header", "proxy_set_header")
    return {
        f"{d['directive']} {d['args'][0]}" if d["directive"] in several else d["directive"]: (
            d["args"][1:] if d["directive"] in several else d["args"]
        )
        for d in block
    }


def _prepare(tmp_path: Path) -> str:
    program = tmp_path / "app/bin/prepare_volumes.py"
    environment = {
        **os.environ,
        "SECRETS_DIR": str(tmp_path / "secrets"),
        "MODELS_DIR": str(tmp_path / "models"),
    }
    return subprocess.run(
        [sys.executable, program], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_first_start_makes_secrets_and_places_models(tmp_path: Path) -> None:
    for folder in ("secrets/site", "secrets/database", "secrets/broker", "models/imported", "app/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "app/bin/prepare_volumes.py").write_bytes((ROOT / "bin/prepare_volumes.py").read_bytes())
    shipped = tmp_path / "app/models/standard"
    shipped.mkdir(parents=True)
    (shipped / "manifest.json").write_text("1")
    (shipped / "head-10.safetensors").write_text("old")

    _prepare(tmp_path)
    secrets = {path: path.read_text() for path in (tmp_path / "secrets").rglob("*") if path.is_file()}
    named = {path.relative_to(tmp_path / "secrets").as_posix(): text for path, text in secrets.items()}
    password = named["database/password"]
    assert len(password) >= 40
    assert named["site/database_url"] == f"postgres://site:{password}@database:5432/site"
    assert named["broker/password"] in named["site/broker_url"]
    assert named["broker/redis.conf"] == f"requirepass {named['broker/password']}\n"
    assert len({*named.values()}) == len(named) == 6
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets/site").iterdir()} == {0o400}
    assert (tmp_path / "models/standard/head-10.safetensors").read_text() == "old"

    # An update with other weights: they are replaced, and nothing else is touched.
    (shipped / "manifest.json").write_text("2")
    (shipped / "head-10.safetensors").write_text("new")
    assert _prepare(tmp_path) == "Placed the detector standard\n"
    assert {path: path.read_text() for path in secrets} == secrets
    assert (tmp_path / "models/standard/head-10.safetensors").read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["imported", "standard"]
    assert _prepare(tmp_path) == ""
