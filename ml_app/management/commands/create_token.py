"""`manage.py create_token`: a token for a program that uses the API in somebody's name."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ml_app.models import ApiToken
from ml_app.services.tokens import create_token

LONGEST_DAYS = 36500.0


class Command(BaseCommand):
    """Makes a token and prints it once."""

    help = (
        "Make a token for the API. It is printed alone on the last line of the output, once: the site keeps "
        "a hash of it alone. Its owner sees and revokes it on the page /tokens/."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument(
            "--scope", choices=ApiToken.Scope.values, default="read", help="what it is for; default: read"
        )
        parser.add_argument("--name", default="", metavar="TEXT", help="what uses it, for the list of tokens")
        parser.add_argument("--days", type=float, help="how long it opens anything; default: until revoked")

    def handle(
        self, *args: Any, username: str, scope: str, name: str, days: float | None, **options: Any
    ) -> None:
        """One row."""
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account “{username}”. `manage.py createsuperuser` makes one.")
        if days is not None and not 0 < days <= LONGEST_DAYS:
            raise CommandError("--days must be more than 0, and not longer than a century.")
        expires = timezone.now() + timedelta(days=days) if days is not None else None
        token, text = create_token(user=user, scope=scope, name=name, expires_at=expires)
        until = f"until {expires:%Y-%m-%d %H:%M} UTC" if expires else "until it is revoked"
        self.stderr.write(f"For {username}, to {token.get_scope_display()}, {until}. It is shown this once:")
        self.stdout.write(text)
