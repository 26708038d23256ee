"""`manage.py first_start`: the code with which the first administrator is made in a browser."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from ml_app.accounts import first


class Command(BaseCommand):
    """Prints the address of the page, with the code."""

    help = "Print where the first administrator makes their account in a browser, with the code for it."

    def handle(self, *args: Any, **options: Any) -> None:
        """One line, below the address of the site."""
        if not first.is_needed():
            raise CommandError("There is an administrator already, who invites others under Account.")
        self.stdout.write(f"{reverse('ml_app:first')}?code={first.first_code()}")
