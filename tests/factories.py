"""Rows for tests, with real thumbnails of the public-domain astronaut."""

from __future__ import annotations

import functools
import hashlib
import io
import math
from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.utils import timezone
from factory.django import DjangoModelFactory
from PIL import Image

from ml_app.models import (
    Batch,
    Evidence,
    Face,
    FaceFrame,
    Membership,
    Review,
    ReviewCase,
    Role,
    Scan,
    Team,
    Verdict,
    Video,
)
from ml_app.services.reviews.reviewing import open_case


@functools.cache
def _thumbnail(shift: int) -> bytes:
    from tests.media import portrait

    image = Image.fromarray(portrait()[40 : 40 + 150, 40 + shift : 40 + shift + 150]).resize((112, 112))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@functools.cache
def _heatmap() -> bytes:
    alpha = Image.radial_gradient("L").resize((112, 112)).point(lambda value: max(0, 190 - value))
    image = Image.new("RGBA", (112, 112), (253, 231, 37, 0))
    image.putalpha(alpha)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"user{n}")


class VideoFactory(DjangoModelFactory):
    class Meta:
        model = Video

    owner = "visitor:somebody"
    original_name = factory.Sequence(lambda n: f"clip-{n}.mp4")
    sha256 = factory.Sequence(lambda n: hashlib.sha256(str(n).encode()).hexdigest())
    size = 1_234_567
    container = "mov,mp4,m4a,3gp,3g2,mj2"
    codec = "h264"
    duration_s = 8.0
    frame_rate = 25.0
    width = 1280
    height = 720
    file = factory.django.FileField(data=b"0123456789" * 10, filename="clip.mp4")


class PictureFactory(VideoFactory):
    """A JPEG with a face, whose file says of itself what cameras say."""

    original_name = factory.Sequence(lambda n: f"picture-{n}.jpg")
    kind = Video.Kind.PICTURE
    container = "jpeg"
    codec = "jpeg"
    duration_s = 0.0
    frame_rate = None
    width = 320
    height = 240
    file_says = factory.LazyFunction(
        lambda: [["camera_make", "Make <of> a camera"], ["software", "Editor 3"]]
    )
    file = factory.django.FileField(data=b"0123456789" * 10, filename="picture.jpg")


class ScanFactory(DjangoModelFactory):
    class Meta:
        model = Scan
        skip_postgeneration_save = True

    class Params:
        running = factory.Trait(
            status=Scan.Status.RUNNING,
            stage="faces",
            progress_done=12,
            progress_total=40,
            attempts=1,
            worker="w",
            lease_expires_at=factory.LazyFunction(timezone.now),
        )
        failed = factory.Trait(
            status=Scan.Status.FAILED,
            error_code="decoder_timeout",
            error_detail="600 s",
            finished_at=factory.LazyFunction(timezone.now),
        )
        cancelled = factory.Trait(
            status=Scan.Status.CANCELLED, finished_at=factory.LazyFunction(timezone.now)
        )
        done = factory.Trait(
            status=Scan.Status.DONE,
            verdict=Verdict.FAKE,
            evidence=Evidence.STRONG,
            fake_probability=0.93,
            threshold=0.5,
            uncertain_low=0.4,
            uncertain_high=0.6,
            frames_analysed=20,
            frames_with_faces=18,
            notes=["fewer_frames_than_requested"],
            detector_version="1.0",
            detector_architecture="resnext50_lstm",
            detector_frame_count=40,
            detector_sha256="ab" * 32,
            device="cpu",
            seconds={"total": 3.21, "decode": 0.4, "faces": 2.0, "network": 0.7, "explain": 0.1},
            finished_at=factory.LazyFunction(timezone.now),
        )

    @factory.post_generation
    def case(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        """As a worker leaves a scan that has ended: waiting for its first look."""
        if create and self.status == Scan.Status.DONE:
            open_case(scan=self)

    video = factory.SubFactory(VideoFactory)
    owner = factory.SelfAttribute("video.owner")
    frame_count = 40
    detector_name = "standard"


class ReviewFactory(DjangoModelFactory):
    class Meta:
        model = Review

    scan = factory.SubFactory(ScanFactory, done=True)
    decision = Review.Decision.CONFIRMED_FAKE
    note = "Seen at 0:03"
    reviewer = factory.SubFactory(UserFactory)


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Desk {n}")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.ANALYST


def give_to_team(scan: Scan) -> dict[str, Any]:
    """Give a scan with its video, and the batches of its owner, to a team.

    Returns:
        The accounts by what they are there: the owner, a teammate of each role, one of another team.
    """
    team = TeamFactory()
    number = scan.owner.removeprefix("user:")
    account = get_user_model().objects.filter(pk=number).first() if number.isdecimal() else None
    people = {"owner": account or UserFactory(), **{role: UserFactory() for role in Role.values}}
    for who, user in people.items():
        MembershipFactory(team=team, user=user, role=Role.ANALYST if who == "owner" else who)
    given = {"owner": f"user:{people['owner'].pk}", "team": team}
    Batch.objects.filter(owner=scan.owner).update(**given)
    Video.objects.filter(pk=scan.video_id).update(**given)
    Scan.objects.filter(pk=scan.pk).update(**given)
    ReviewCase.objects.filter(pk=scan.pk).update(team=team)
    scan.refresh_from_db()
    return people | {"other team": MembershipFactory(role=Role.ADMINISTRATOR).user}


def add_face(scan: Scan, *, number: int = 1, level: float = 0.8, frames: int = 20, **values: Any) -> Face:
    """A person with `frames` sightings whose scores sway about `level`; the first three have heatmaps."""
    fake = level >= 0.5
    defaults = {
        "verdict": Verdict.FAKE if fake else Verdict.REAL,
        "evidence": Evidence.STRONG if fake else Evidence.MODERATE,
        "fake_probability": level,
    }
    face = Face.objects.create(scan=scan, number=number, **{**defaults, **values})
    length = scan.video.duration_s or 8.0
    for i in range(frames):
        frame = FaceFrame(
            face=face,
            time_s=length * (i + 0.5) / frames,
            left=100 + i,
            top=80,
            right=220 + i,
            bottom=200,
            fake_probability=min(1.0, max(0.0, level + 0.2 * math.sin(i * 0.9 + number))),
            sharpness=80.0,
            brightness=120.0,
        )
        frame.thumbnail.save(f"{number}-{i}.jpg", ContentFile(_thumbnail(i % 8)), save=False)
        if i < 3:
            frame.heatmap.save(f"{number}-{i}.png", ContentFile(_heatmap()), save=False)
        frame.save()
    return face
