"""A visitor who logs in keeps the scans of their browser."""

from django.core.files.base import ContentFile
from django.test import Client

from ml_app.models import Scan, Video
from tests.factories import ScanFactory, UserFactory, VideoFactory
from tests.web.conftest import OWNER, visitor


def log_in(client: Client) -> str:
    user = UserFactory(is_staff=True)
    user.set_password("a long enough sentence")
    user.save()
    response = client.post(
        "/accounts/login/", {"login": user.username, "password": "a long enough sentence", "next": "/"}
    )
    assert response.status_code == 302
    return f"user:{user.pk}"


def test_scans_move_to_the_account(owner: Client, done: Scan) -> None:
    other = ScanFactory(done=True)
    account = log_in(owner)
    done.refresh_from_db()
    done.video.refresh_from_db()
    assert done.owner == done.video.owner == account
    assert done.video.uploaded_by is not None
    assert "speech.mp4" in owner.get("/scans/").content.decode()
    assert owner.get(f"/videos/{done.video_id}/delete/").status_code == 200
    other.refresh_from_db()
    assert other.owner == "visitor:somebody"
    # The next person at this browser, and whoever still had the visitor's token, see nothing.
    owner.post("/admin/logout/")
    assert owner.get(f"/scans/{done.pk}/").status_code == 404
    assert visitor(OWNER.removeprefix("visitor:")).get(f"/scans/{done.pk}/").status_code == 404


def test_an_account_that_has_the_same_file_gets_its_scans(owner: Client, done: Scan) -> None:
    user = UserFactory(is_staff=True)
    mine = VideoFactory(owner=f"user:{user.pk}", sha256=done.video.sha256)
    earlier = ScanFactory(video=mine, done=True, frame_count=20)
    waiting = ScanFactory(video=done.video)
    owner.force_login(user)
    assert list(Video.objects.filter(sha256=mine.sha256)) == [mine]
    account = f"user:{user.pk}"
    assert set(Scan.objects.values_list("owner", "video")) == {(account, mine.pk)}
    statuses = dict(Scan.objects.exclude(pk=earlier.pk).values_list("pk", "status"))
    assert statuses.pop(done.pk) == "done"
    assert statuses.pop(waiting.pk) == "cancelled"
    assert list(statuses.values()) == ["queued"]  # ordered anew, from the account's own file


def test_of_two_rows_the_one_with_a_file_stays(owner: Client, done: Scan) -> None:
    user = UserFactory()
    purged = VideoFactory(owner=f"user:{user.pk}", sha256=done.video.sha256)
    Video.objects.filter(pk=purged.pk).update(file="")
    earlier = ScanFactory(video=purged, done=True)
    done.video.file.save("clip.mp4", ContentFile(b"bytes"))
    owner.force_login(user)
    earlier.refresh_from_db()
    kept = Video.objects.get(sha256=purged.sha256)
    assert (kept, kept.owner) == (done.video, f"user:{user.pk}")
    assert earlier.video == kept


def test_logging_in_without_scans(newcomer: Client) -> None:
    log_in(newcomer)
    assert newcomer.get("/scans/").status_code == 200
