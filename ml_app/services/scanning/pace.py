"""How fast one owner may order. Counted from the rows, so that all web processes count the same."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from ml_app.errors import refuse
from ml_app.models import Scan

WINDOW = timedelta(minutes=1)


def refuse_if_too_many(*, owner: str) -> None:
    """
    Raises:
        ServiceError: "too_many": the owner ordered API_SCANS_PER_MINUTE in the last minute.
    """
    limit = settings.API_SCANS_PER_MINUTE
    if not limit or not owner:
        return
    recent = Scan.objects.filter(owner=owner, created_at__gt=timezone.now() - WINDOW).order_by()
    if recent[:limit].count() >= limit:
        raise refuse("too_many")
