"""`manage.py changepassword`: Django's own, noted in the audit log."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import changepassword

from ml_app import audit
from ml_app.audit import Action, ObjectKind, Subject


class Command(changepassword.Command):
    """Gives an account another password."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """As Django's, then the entry: a transaction would lock the database while somebody types."""
        said: str | None = super().handle(*args, **options)
        user = get_user_model().objects.get(username=options["username"] or getpass.getuser())
        audit.record(Action.CHANGED, Subject(ObjectKind.PASSWORD, str(user.pk), user.get_username()))
        return said
