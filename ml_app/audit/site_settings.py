"""The site's settings in the log: recorded when they differ from what was recorded last."""

from __future__ import annotations

from django.utils.crypto import salted_hmac

from deepfake_site.environment import effective, is_secret
from ml_app.audit.recording import record
from ml_app.audit.subjects import Subject
from ml_app.models.audit_entry import Action, AuditEntry, ObjectKind

SITE = Subject(ObjectKind.SETTING, "site", "environment")


def record_site_settings() -> list[str]:
    """Append an entry with the settings as they are, and the names of those that changed.

    Of what is secret, the log has a number that says no more than whether it is still the same.

    Returns:
        The names; empty if nothing changed, and nothing was appended.
    """
    values = {
        name: f"secret {_number(value)}" if value and is_secret(name, value) else value
        for name, value in effective().items()
    }
    entries = AuditEntry.objects.filter(object_kind=SITE.kind, object_id=SITE.id)
    last = entries.order_by("-number").first()
    before = last.details["values"] if last else {}
    changed = sorted(name for name in {*before, *values} if before.get(name) != values.get(name))
    if changed:
        record(Action.CHANGED, SITE, changed=changed if last else ["first recorded"], values=values)
    return changed


def _number(secret: str) -> str:
    return salted_hmac("ml_app.audit.settings", secret, algorithm="sha256").hexdigest()[:16]
