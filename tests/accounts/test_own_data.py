"""One's own data: all of it in a zip file, or gone."""

from __future__ import annotations

import io
import json
import resource
import zipfile
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from ml_app.batches.creating import Order, create_empty, note_file
from ml_app.models import ApiToken, Batch, Invitation, KeptAnswer, Review, Scan, Video, Webhook
from ml_app.services.tokens import create_token
from tests.accounts.conftest import PASSWORD, make_user, sign_in
from tests.factories import ReviewFactory, ScanFactory, add_face


@pytest.fixture
def ben(anna: User) -> User:
    """Somebody else, with a scan of their own."""
    ben = make_user("ben")
    add_face(ScanFactory(video__owner=f"user:{ben.pk}", done=True), frames=2)
    return ben


@pytest.fixture
def full(anna: User, ben: User) -> Scan:
    """A scan of Anna's, and one row of everything else that may be hers."""
    owner = f"user:{anna.pk}"
    scan: Scan = ScanFactory(
        video__owner=owner, video__original_name="../speech.mp4", video__uploaded_by=anna, done=True
    )
    scan.video.file.save("speech.mp4", ContentFile(b"moving pictures" * 1000))
    add_face(scan, frames=4)
    ReviewFactory(scan=scan, reviewer=ben, note="Seen by Ben")
    EmailAddress.objects.create(user=anna, email="anna@example.org", verified=True, primary=True)
    create_token(user=anna, name="nightly")
    Webhook.objects.create(user=anna, url="https://anna.example/hook", secret="hidden")
    KeptAnswer.objects.create(owner=owner, key="k", fingerprint="f")
    Invitation.objects.create(
        email="anna@example.org", digest="d", expires_at=timezone.now(), accepted_by=anna
    )
    batch = create_empty(order=Order(owner, anna, 20), name="Monday")
    note_file(batch=batch, name="later.mp4", code="too_large")
    return scan


def confirm(client: Client) -> Client:
    """Sign in, and give the password once more."""
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def unpacked(response: Any) -> zipfile.ZipFile:
    assert response["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    return archive


def test_the_zip_has_everything_and_nothing_of_others(full: Scan, ben: User) -> None:
    archive = unpacked(confirm(Client()).post("/accounts/data/"))
    told = json.loads(archive.read("account.json"))
    assert told["account"]["username"] == "anna"
    assert told["addresses"][0]["email"] == "anna@example.org"
    assert told["tokens"][0]["name"] == "nightly"
    assert told["webhooks"][0]["url"] == "https://anna.example/hook"
    assert told["batches"][0]["files"][0]["name"] == "later.mp4"
    scan = json.loads(archive.read(f"scans/{full.pk}.json"))
    assert scan["verdict"] == "fake" and scan["findings"]["faces"][0]["frames"]
    assert scan["reviews"][0]["note"] == "Seen by Ben"
    video = json.loads(archive.read(f"videos/{full.video_id}.json"))
    assert (video["original_name"], video["sha256"]) == ("../speech.mp4", full.video.sha256)
    assert archive.read(f"videos/{full.video_id}.mp4") == b"moving pictures" * 1000
    pictures = [name for name in archive.namelist() if name.endswith((".jpg", ".png"))]
    assert len(pictures) == 4 + 3
    assert all(name.startswith(f"scans/{full.pk}/") for name in pictures)
    assert not [name for name in archive.namelist() if name.startswith(("/", "..")) or "/../" in name]
    everything = b"".join(archive.read(name) for name in archive.namelist())
    for secret in ("hidden", ApiToken.objects.get().digest, User.objects.get(username="anna").password):
        assert secret.encode() not in everything
    other = Scan.objects.get(owner=f"user:{ben.pk}")
    assert str(other.pk) not in "".join(archive.namelist())


def test_it_is_one_file_that_leaves_nothing_behind(full: Scan, settings: Any) -> None:
    before = sorted(Path(settings.MEDIA_ROOT).rglob("*.*"))
    response = confirm(Client()).post("/accounts/data/")
    assert "deepfake-detector-data.zip" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    content = b"".join(response.streaming_content)
    assert len(content) == int(response["Content-Length"])
    assert sorted(Path(settings.MEDIA_ROOT).rglob("*.*")) == before


def test_a_full_disk_is_told(full: Scan) -> None:
    client = confirm(Client())
    full.video.file.save("large.mp4", ContentFile(bytes(2**20)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, hard))
    try:
        response = client.post("/accounts/data/")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert response.status_code == 302
    assert "There is no room" in client.get("/accounts/").content.decode()


def test_media_that_are_gone_are_left_out(full: Scan) -> None:
    Path(full.video.file.path).unlink()
    names = unpacked(confirm(Client()).post("/accounts/data/")).namelist()
    assert f"videos/{full.video_id}.json" in names
    assert f"videos/{full.video_id}.mp4" not in names


def test_both_ask_for_the_password_again(full: Scan) -> None:
    client = Client()
    sign_in(client)
    for response in (client.post("/accounts/data/"), client.get("/accounts/delete/")):
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/")
    assert client.post("/accounts/delete/").status_code == 302
    assert User.objects.filter(username="anna").exists()


def test_once_confirmed_it_goes_on(full: Scan) -> None:
    client = Client()
    sign_in(client)
    asked = client.post("/accounts/data/")
    archive = unpacked(client.post(asked["Location"], {"password": PASSWORD}))
    assert f"scans/{full.pk}.json" in archive.namelist()
    later = Client()
    sign_in(later)
    asked = later.post("/accounts/delete/")
    assert later.post(asked["Location"], {"password": "not this one"}).status_code == 200
    assert User.objects.filter(username="anna").exists()
    assert later.post(asked["Location"], {"password": PASSWORD}).status_code == 302
    assert not User.objects.filter(username="anna").exists()
    assert later.get("/accounts/").status_code == 302


def test_single_sign_on_alone_has_nothing_to_confirm(anna: User) -> None:
    anna.set_unusable_password()
    anna.save()
    client = Client()
    client.force_login(anna)
    assert "account.json" in unpacked(client.post("/accounts/data/")).namelist()
    assert client.get("/accounts/delete/").status_code == 200
    client.post("/accounts/delete/")
    assert not User.objects.filter(pk=anna.pk).exists()


def test_deletion_is_whole(
    full: Scan, ben: User, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    here, there = confirm(Client()), Client()
    sign_in(there)
    AccessAttempt.objects.create(username="anna", ip_address="192.0.2.1", failures_since_start=1)
    page = here.get("/accounts/delete/").content.decode()
    assert "1 video" in page
    anna = User.objects.get(username="anna")
    with django_capture_on_commit_callbacks(execute=True):
        response = here.post("/accounts/delete/", follow=True)
    assert "were deleted" in response.content.decode()
    assert not User.objects.filter(pk=anna.pk).exists()
    for model in (Video, Scan, Batch, KeptAnswer):
        assert not model.objects.filter(owner=f"user:{anna.pk}").exists()
    for model in (ApiToken, Webhook, EmailAddress, Invitation, UserSession, Review, AccessAttempt):
        assert not model.objects.exists(), model
    assert there.get("/accounts/").status_code == 302
    assert all("_auth_user_id" not in row.get_decoded() for row in Session.objects.all())
    media = Path(settings.MEDIA_ROOT)
    for folder in (f"videos/{full.video_id}", f"scans/{full.pk}"):
        assert not (media / folder).exists()
    assert list(media.rglob("*.jpg")), "others' files are all there"
    assert Scan.objects.get().owner == f"user:{ben.pk}"


def test_decisions_about_others_stay_without_a_name(anna: User, ben: User) -> None:
    theirs = Scan.objects.get(owner=f"user:{ben.pk}")
    ReviewFactory(scan=theirs, reviewer=anna, note="Manipulated at 0:03")
    client = confirm(Client())
    assert "decided" in client.get("/accounts/delete/").content.decode()
    client.post("/accounts/delete/")
    review = Review.objects.get()
    assert review.note == "Manipulated at 0:03"
    assert review.reviewer.username.startswith("deleted-")
    assert (review.reviewer.is_active, review.reviewer.has_usable_password()) == (False, False)
    assert not User.objects.filter(username="anna").exists()


def test_the_last_administrator_stays(anna: User) -> None:
    User.objects.update(is_superuser=True, is_staff=True)
    client = confirm(Client())
    page = client.post("/accounts/delete/", follow=True).content.decode()
    assert "This is the last administrator" in page
    assert User.objects.filter(username="anna").exists()
    make_user("root", is_superuser=True, is_staff=True)
    client.post("/accounts/delete/")
    assert not User.objects.filter(username="anna").exists()
