"""Columns that hold a probability."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q

PROBABILITY = [MinValueValidator(0.0), MaxValueValidator(1.0)]


def in_unit_interval(name: str) -> Q:
    """A constraint: nothing, or a number from 0 to 1."""
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": 0.0, f"{name}__lte": 1.0})
