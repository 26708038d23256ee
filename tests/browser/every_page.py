"""A site on which every page has something to show."""

from __future__ import annotations

import io
import uuid

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from PIL import Image

from ml_app.accounts.invitations import invite
from ml_app.models import Batch, BatchItem, Notice, Origin, Watch
from ml_app.services.notifications.notice_mail import token_of
from tests.factories import (
    MembershipFactory,
    PictureFactory,
    ReviewFactory,
    ScanFactory,
    UserFactory,
    VideoFactory,
    add_face,
)
from tests.media import Clips, picture
from tests.provenance.signing import GENERATED
from tests.web.conftest import OWNER


def every_page(clips: Clips) -> tuple[dict[str, str], AbstractBaseUser]:
    """Addresses of every page, by name; and an account that sees the desk."""
    clip = clips("talk.mp4", seconds=2, people=2, size=(480, 270), fps=10)
    video = VideoFactory(owner=OWNER, original_name="speech.mp4", width=480, height=270, duration_s=2.0)
    video.file.save("speech.mp4", ContentFile(clip.read_bytes()))
    done = ScanFactory(
        video=video, done=True, notes=["fewer_frames_than_requested"], provenance=GENERATED.to_json()
    )
    add_face(done, number=1, level=0.9, frames=12)
    add_face(done, number=2, level=0.2, frames=12)
    ReviewFactory(scan=done)
    gif = VideoFactory(owner=OWNER, original_name="wink.gif")
    gif.file.save("wink.gif", ContentFile(b"GIF89a"))
    genuine = ScanFactory(video=gif, done=True, verdict="real", evidence="weak", fake_probability=0.2)
    add_face(genuine, level=0.2, frames=3)
    still = PictureFactory(owner=OWNER, original_name="portrait.jpg", width=480, height=270)
    shown = io.BytesIO()
    Image.fromarray(picture(0.0, (480, 270), people=2)).save(shown, "JPEG")
    still.file.save("portrait.jpg", ContentFile(shown.getvalue()))
    portrait = ScanFactory(video=still, done=True, frame_count=1, notes=[])
    add_face(portrait, number=1, level=0.9, frames=1)
    add_face(portrait, number=2, level=0.2, frames=1)
    purged = ScanFactory(
        video__owner=OWNER, done=True, verdict="not_analysable", reason="no_face", fake_probability=None
    )
    type(purged.video).objects.filter(pk=purged.video.pk).update(file="")
    running = ScanFactory(video__owner=OWNER, running=True)
    failed = ScanFactory(video__owner=OWNER, failed=True)
    cancelled = ScanFactory(video__owner=OWNER, cancelled=True)
    batch = Batch.objects.create(
        owner=OWNER, name="Recordings of Monday.zip", frame_count=40, detector_name="standard"
    )
    told = (("speech.mp4", done, ""), ("wink.gif", genuine, ""), ("inner.zip", None, "zip_nested"))
    for number, (name, scan, code) in enumerate((*told, ("later.mp4", None, "")), 1):
        ordered = scan.created_at if scan else None
        BatchItem.objects.create(
            batch=batch, number=number, name=name, scan=scan, error_code=code, ordered_at=ordered
        )
    awaited = ScanFactory(video__owner=OWNER, video__sha256="", video__file=None, queue="link", running=True)
    Origin.objects.create(video=awaited.video, url="https://video.example/watch?v=1")
    Origin.objects.create(
        video=video, url="https://video.example/watch?v=2", title="A talk", uploader="Jane Doe"
    )
    account = UserFactory(is_staff=True, is_superuser=True)
    team = MembershipFactory(user=account, team__name="Politics and investigations").team
    somebody = MembershipFactory(team=team, user__username="somebody-with-a-long-name@example.org").user
    _row, secret = invite(email="anna@example.org", by=account, team=team, role="viewer")
    given = ScanFactory(video__team=team, team=team, done=True)
    for event, scan in (("waits", given), ("failed", failed), ("decided", done)):
        Notice.objects.create(user=account, event=event, scan=scan, key=event)
    for watched in ({"scan": given}, {"team": team}, {"person": somebody}):
        Watch.objects.create(user=account, **watched)
    stop = token_of(account)
    addresses = {
        "upload": "/",
        "desk-upload-team": f"/?team={team.pk}",
        "desk-batches-team": f"/batches/?team={team.pk}",
        "desk-history-team": f"/scans/?whose={team.pk}",
        "desk-history-nothing": f"/scans/?whose={team.pk}&name=nowhere",
        "desk-scan-team": f"/scans/{given.pk}/",
        "desk-teams": "/teams/",
        "desk-team-page": f"/teams/{team.pk}/",
        "desk-team-settings": f"/teams/{team.pk}/settings/",
        "desk-team-join": f"/accounts/invitation/{secret}/",
        "desk-notices": "/notices/",
        "desk-notice-settings": "/notices/settings/",
        "stop-mail": f"/notices/stop/{stop}/",
        "desk-purge": f"/videos/{given.video_id}/purge/",
        "desk-team": f"/admin/ml_app/team/{team.pk}/change/",
        "batches": "/batches/",
        "batch": f"/batches/{batch.pk}/",
        "scan-fetching": f"/scans/{awaited.pk}/",
        "history": "/scans/",
        "history-filtered": "/scans/?name=speech&verdict=fake&since=nonsense",
        "about": "/about/",
        "models": "/models/",
        "too-large": "/too-large/",
        "not-found": f"/scans/{uuid.uuid4()}/",
        "scan": f"/scans/{done.pk}/",
        "scan-picture": f"/scans/{portrait.pk}/",
        "desk-picture": f"/admin/ml_app/scan/{portrait.pk}/change/",
        "offline": "/offline/",
        "login": "/accounts/login/",
        "signup": "/accounts/signup/",
        "password-reset": "/accounts/password/reset/",
        "password-reset-sent": "/accounts/password/reset/done/",
        "confirmation-sent": "/accounts/confirm-email/",
        "confirmation-unknown": "/accounts/confirm-email/x/",
        "invitation-used": f"/accounts/invitation/{'x' * 43}/",
        "sso-error": "/accounts/3rdparty/login/error/",
        "desk-account": "/accounts/",
        "desk-email": "/accounts/email/",
        "desk-password": "/accounts/password/change/",
        "desk-second-factors": "/accounts/2fa/",
        "desk-keys": "/accounts/2fa/webauthn/",
        "desk-sessions": "/accounts/sessions/",
        "desk-connections": "/accounts/3rdparty/",
        "desk-sign-out": "/accounts/logout/",
        "desk-reauthenticate": "/accounts/reauthenticate/",
        "desk-invitations": "/accounts/invitations/",
        "desk-audit": "/audit/",
        "desk-second-factor-list": "/admin/mfa/authenticator/",
        "scan-gif": f"/scans/{genuine.pk}/",
        "scan-purged": f"/scans/{purged.pk}/",
        "scan-running": f"/scans/{running.pk}/",
        "scan-failed": f"/scans/{failed.pk}/",
        "scan-cancelled": f"/scans/{cancelled.pk}/",
        "video": f"/videos/{video.pk}/",
        "delete": f"/videos/{video.pk}/delete/",
        "delete-scan": f"/scans/{done.pk}/delete/",
        "desk": "/admin/ml_app/scan/",
        "desk-scan": f"/admin/ml_app/scan/{done.pk}/change/",
    }
    return addresses, account
