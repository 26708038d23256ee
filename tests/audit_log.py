"""The audit log between tests: what `flush` does for every other table, done for the one that refuses it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import connections

from ml_app.models import AuditEntry

_MIGRATION = import_module("ml_app.migrations.0013_audit")


def empty(sender: Any, using: str, **_: Any) -> None:
    """Take all entries away, as the database's owner could; receives `post_migrate`, which `flush` sends.

    Tests that commit would otherwise leave their entries to those after them, about accounts whose numbers
    come again.
    """
    if sender is not apps.get_app_config("ml_app") or not AuditEntry.objects.using(using).exists():
        return
    with connections[using].schema_editor() as editor:
        _MIGRATION.unprotect(apps, editor)
        editor.execute(f"DELETE FROM {_MIGRATION.TABLE}")
        _MIGRATION.protect(apps, editor)
