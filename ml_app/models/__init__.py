"""The rows, each with its query sets: videos, scans, workers, the API, accounts, teams and the audit log."""

from ml_app.models.api_token import ApiToken
from ml_app.models.audit_entry import AuditEntry
from ml_app.models.batch import Batch, BatchItem, BatchItemQuerySet, BatchQuerySet, ItemState
from ml_app.models.face import Face, FaceFrame, face_frame_path
from ml_app.models.invitation import Invitation, InvitationQuerySet
from ml_app.models.kept_answer import KeptAnswer
from ml_app.models.notice import Notice, NoticeMail, NoticeSettings, TellingMark, Watch
from ml_app.models.opinion import Opinion
from ml_app.models.origin import Origin
from ml_app.models.review import Review, ReviewCase, ReviewCaseQuerySet, SavedFilter
from ml_app.models.scan import Scan, ScanQuerySet
from ml_app.models.states import FETCHED
from ml_app.models.team import Membership, Role, Team, TeamQuerySet
from ml_app.models.verdicts import Evidence, Verdict
from ml_app.models.video import EXAMPLE, Video, VideoQuerySet, video_path
from ml_app.models.webhook import Delivery, Webhook
from ml_app.models.worker import SEEN_SECONDS, Worker

# `video_path` and `face_frame_path` are named in migrations.
__all__ = [
    "EXAMPLE",
    "FETCHED",
    "SEEN_SECONDS",
    "ApiToken",
    "AuditEntry",
    "Batch",
    "BatchItem",
    "BatchItemQuerySet",
    "BatchQuerySet",
    "Delivery",
    "Evidence",
    "Face",
    "FaceFrame",
    "Invitation",
    "InvitationQuerySet",
    "ItemState",
    "KeptAnswer",
    "Membership",
    "Notice",
    "NoticeMail",
    "NoticeSettings",
    "Opinion",
    "Origin",
    "Review",
    "ReviewCase",
    "ReviewCaseQuerySet",
    "Role",
    "SavedFilter",
    "Scan",
    "ScanQuerySet",
    "Team",
    "TeamQuerySet",
    "TellingMark",
    "Verdict",
    "Video",
    "VideoQuerySet",
    "Watch",
    "Webhook",
    "Worker",
    "face_frame_path",
    "video_path",
]
