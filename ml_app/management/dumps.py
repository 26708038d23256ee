"""Copies of the database in its own format, made while the site runs, and put back while it does not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

_PROGRAMS = "It comes with the package postgresql-client, of the server's version or a newer one."


def vendor() -> str:
    """ "sqlite" or "postgresql"."""
    if connection.vendor not in ("sqlite", "postgresql"):
        raise CommandError(f"Only SQLite and PostgreSQL can be backed up here, not {connection.vendor}.")
    return connection.vendor


def dump(path: Path) -> None:
    """Write the database as it is at one moment; the site may go on writing."""
    if vendor() == "sqlite":
        source, target = sqlite3.connect(_sqlite_file()), sqlite3.connect(path)
        with closing(source), closing(target):
            source.backup(target)
    else:
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")


def load(path: Path) -> None:
    """Put a dump in the place of everything that the database holds. Nothing else may use it meanwhile."""
    if vendor() == "sqlite":
        file = _sqlite_file()
        connection.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(path, f"{file}.restored")
        Path(f"{file}.restored").replace(file)
        return
    with connection.cursor() as cursor:  # tables of a newer version than the dump's would be in its way
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connection.close()
    name = connection.settings_dict["NAME"]
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _run("pg_restore", *options, f"--dbname={name}", str(path))


def _sqlite_file() -> Path:
    return Path(str(connection.settings_dict["NAME"]))


def _address(values: dict[str, Any]) -> dict[str, str]:
    """What DATABASE_URL says, in the variables that PostgreSQL's programs read."""
    options = values.get("OPTIONS", {})
    found = {
        "PGDATABASE": values["NAME"],
        "PGHOST": options.get("host") or values.get("HOST"),
        "PGPORT": options.get("port") or values.get("PORT"),
        "PGUSER": options.get("user") or values.get("USER"),
        "PGPASSWORD": options.get("password") or values.get("PASSWORD"),
        "PGSSLMODE": options.get("sslmode"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _run(program: str, *arguments: str) -> None:
    # By the environment, where the list of processes does not show the password.
    environment = os.environ | _address(connection.settings_dict)
    try:
        done = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CommandError(f"The program {program} was not found. {_PROGRAMS}") from error
    if done.returncode:
        raise CommandError(f"{program} failed: {done.stderr.strip()}")
