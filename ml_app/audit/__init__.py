"""The log of who did what: appended in a chain of hashes, never changed, and checked."""

from ml_app.audit.recording import gathered, record, seen
from ml_app.audit.subjects import Subject, subject_of
from ml_app.audit.who import Who, about_request
from ml_app.models.audit_entry import Action, ObjectKind

__all__ = [
    "Action",
    "ObjectKind",
    "Subject",
    "Who",
    "about_request",
    "gathered",
    "record",
    "seen",
    "subject_of",
]
