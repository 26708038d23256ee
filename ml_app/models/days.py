"""Days of the calendar as conditions on moments."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone


def _midnight(day: date, *, days: int = 0) -> datetime:
    """The beginning of a day, or of one some days later. The calendar's ends stay where they are."""
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min))
    except OverflowError:
        return timezone.make_aware(datetime(day.year, 1, 2))


def in_days(field: str, since: date | None, until: date | None) -> Q:
    """A moment within days of the current time zone, both inclusive; either may be left out."""
    found = Q(**{f"{field}__gte": _midnight(since)}) if since else Q()
    return found & Q(**{f"{field}__lt": _midnight(until, days=1)}) if until else found
