"""`manage.py createsuperuser`: Django's own, noted in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction

from ml_app import audit
from ml_app.audit import Action


class Command(createsuperuser.Command):
    """Makes an administrator."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """As Django's; what it makes is in the log, or not made."""
        administrators = get_user_model().objects.filter(is_superuser=True)
        before = set(administrators.values_list("pk", flat=True))
        with transaction.atomic():
            said = super().handle(*args, **options)
            for user in administrators.exclude(pk__in=before):
                audit.record(Action.MADE, user, is_staff=user.is_staff, is_superuser=True)
        return said
