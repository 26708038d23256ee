"""The first step of `docker compose up`: makes the missing secrets, and puts the shipped models in place.

Standard library only. Runs as the site's user, in volumes that are that user's. A secret that exists is never
changed: the database was made with its password.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

OWN, OTHERS = 0o400, 0o444  # a file for our own user, or for that of the one other container that mounts it


def keep(path: Path, value: str, mode: int) -> str:
    """Write `value`, whole or not at all, unless the file is there. Returns what it holds."""
    if not path.exists():
        partial = path.with_name(f".{path.name}")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(value)
        partial.chmod(mode)
        partial.rename(path)
        print(f"Made {path}")
    return path.read_text()


def make_secrets(folder: Path) -> None:
    """The key, the passwords, and the addresses that hold them. No line ends: they are read as they are."""
    site, database, broker = folder / "site", folder / "database", folder / "broker"
    keep(site / "secret_key", secrets.token_urlsafe(50), OWN)
    password = keep(database / "password", secrets.token_urlsafe(32), OTHERS)
    keep(site / "database_url", f"postgres://site:{password}@database:5432/site", OWN)
    password = keep(broker / "password", secrets.token_urlsafe(32), OTHERS)
    keep(broker / "redis.conf", f"requirepass {password}\n", OTHERS)
    keep(site / "broker_url", f"redis://:{password}@broker:6379/0", OWN)


def place_models(shipped: Path, models: Path) -> None:
    """Copy each detector whose manifest is not the shipped one. Imported detectors are left alone."""
    for source in sorted(path for path in shipped.iterdir() if path.is_dir()):
        target = models / source.name
        new, old = source / "manifest.json", target / "manifest.json"
        if old.exists() and old.read_bytes() == new.read_bytes():
            continue
        partial, before = models / f".{source.name}.new", models / f".{source.name}.old"
        for rubbish in (partial, before):
            shutil.rmtree(rubbish, ignore_errors=True)
        shutil.copytree(source, partial)
        if target.exists():
            target.rename(before)
        partial.rename(target)
        shutil.rmtree(before, ignore_errors=True)
        print(f"Placed the detector {source.name}")
    for card in shipped.glob("*.md"):
        shutil.copyfile(card, models / card.name)


if __name__ == "__main__":
    make_secrets(Path(os.environ.get("SECRETS_DIR", "/secrets")))
    place_models(Path(__file__).resolve().parents[1] / "models", Path(os.environ["MODELS_DIR"]))
