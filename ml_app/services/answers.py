"""Answers that are given once: whoever asks again with the same key hears the first answer again.

A key is reserved before anything is done, so that of two requests at once only one does it; one that fails
gives it free, and one whose process died loses it after a while.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from ml_app.errors import refuse
from ml_app.models import KeptAnswer

KEPT = timedelta(hours=24)
DEAD = timedelta(minutes=15)  # what is not answered by then has died: no request takes so long


def kept_answer(*, owner: str, key: str) -> KeptAnswer | None:
    """What was answered to this key, if anything was."""
    since = timezone.now() - KEPT
    found = KeptAnswer.objects.filter(owner=owner, key=key, status__isnull=False, created_at__gte=since)
    return found.first() if owner else None


def reserve(*, owner: str, key: str, fingerprint: str) -> tuple[KeptAnswer, bool]:
    """Take a key for what is about to be done, or find what was done with it.

    Args:
        fingerprint: SHA-256 of what is asked: the same for the same address and content.

    Returns:
        The row, and whether it is new: then do it, and `keep` or `release`.

    Raises:
        ServiceError: "key_reused" for another content, "key_in_use" while the first one is still being done.
    """
    new = _insert(owner=owner, key=key, fingerprint=fingerprint)
    if new is None and _forget_dead(owner=owner, key=key):
        new = _insert(owner=owner, key=key, fingerprint=fingerprint)
    if new is not None:
        return new, True
    found = KeptAnswer.objects.filter(owner=owner, key=key).first()
    if found is None or (found.status is None and found.fingerprint == fingerprint):
        raise refuse("key_in_use")
    if found.fingerprint != fingerprint:
        raise refuse("key_reused")
    return found, False


def _insert(**values: str) -> KeptAnswer | None:
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(**values)
    except IntegrityError:  # somebody has the key
        return None


def _forget_dead(*, owner: str, key: str) -> bool:
    """Delete a key's row that is too old to be given again, or whose request died; whether there was one."""
    now = timezone.now()
    dead = Q(created_at__lt=now - KEPT) | Q(status=None, created_at__lt=now - DEAD)
    return KeptAnswer.objects.filter(dead, owner=owner, key=key).delete()[0] > 0


def keep(answer: KeptAnswer, *, status: int, body: str, location: str) -> None:
    """It was done: this is what everybody with the key will hear."""
    KeptAnswer.objects.filter(pk=answer.pk).update(status=status, body=body, location=location)


def release(answer: KeptAnswer) -> None:
    """Nothing was done: the key may be used again."""
    KeptAnswer.objects.filter(pk=answer.pk, status=None).delete()


def prune_answers() -> int:
    """Delete those that are too old to be given again. Returns how many."""
    return KeptAnswer.objects.older_than(timezone.now() - KEPT).delete()[0]
