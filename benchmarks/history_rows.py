"""What `benchmarks.history` fills its database with: accounts in teams, scans, and what hangs on them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

SHARE = 0.2  # of the scans that belong to one busy account
GIVEN = 0.6  # of an account's scans that it gives to one of its teams
FRAMES = 10  # rows of FaceFrame for each scan
TEAMS_OF_EACH = 3
WORDS = ("speech", "interview", "press", "rally", "clip", "statement", "upload", "leak", "debate", "studio")


@dataclass(frozen=True)
class People:
    """Who is there: the busy account first, and the teams of each account."""

    busy: Any
    staff: Any
    teams_of: dict[str, list[int]]  # by owner

    @property
    def owners(self) -> list[str]:
        """All accounts as owners."""
        return list(self.teams_of)


def make_people(users: int, teams: int) -> People:
    from django.contrib.auth.models import User

    from ml_app.models import Membership, Role, Team

    chance = random.Random(1)
    User.objects.bulk_create(User(username=f"user{number}") for number in range(users))
    made = list(User.objects.order_by("pk"))
    numbers = [team.pk for team in Team.objects.bulk_create(Team(name=f"Desk {at}") for at in range(teams))]
    teams_of = {f"user:{user.pk}": chance.sample(numbers, min(TEAMS_OF_EACH, teams)) for user in made}
    Membership.objects.bulk_create(
        Membership(user=user, team_id=team, role=chance.choice(Role.values))
        for user in made
        for team in teams_of[f"user:{user.pk}"]
    )
    Membership.objects.filter(user=made[0]).update(role=Role.ADMINISTRATOR)
    return People(made[0], User.objects.create_superuser("staff"), teams_of)


def fill(count: int, start: int, people: People) -> None:
    """Add finished scans, each of a video of its own, with a face, its frames and now and then a review."""
    from django.db import connection
    from django.utils import timezone

    from ml_app.models import Face, Scan, Video

    chance, now = random.Random(start), timezone.now()
    left = iter(range(start, start + count))
    while numbers := list(islice(left, 2000)):
        videos = [_video(number, chance, now, people) for number in numbers]
        Video.objects.bulk_create(videos)
        scans = [_scan(video, chance) for video in videos]
        Scan.objects.bulk_create(scans)
        _hang_on(scans, chance, people)
        Face.objects.bulk_create(
            Face(scan=scan, number=1, verdict=scan.verdict, evidence="weak", fake_probability=0.4)
            for scan in scans
            if scan.verdict
        )
    with connection.cursor() as cursor:
        cursor.execute(_FRAMES_OF_NEW_FACES, [FRAMES])
        cursor.execute("VACUUM ANALYZE")


def _hang_on(scans: list[Any], chance: random.Random, people: People) -> None:
    """What people make of scans: cases, a twentieth of them decided, batches of forty, notices, entries."""
    from ml_app.audit import Action, chain
    from ml_app.models import AuditEntry, Batch, BatchItem, Notice, Review, ReviewCase

    decided = {
        scan.pk: chance.choice(Review.Decision.values) for scan in scans[::20] if scan.status == "done"
    }
    ReviewCase.objects.bulk_create(
        ReviewCase(
            scan=scan,
            team_id=scan.team_id,
            needs=0 if scan.pk in decided else 1,
            outcome=decided.get(scan.pk, ""),
            urgency=chance.randrange(300),
            waiting_since=scan.finished_at,
        )
        for scan in scans
        if scan.status == "done"
    )
    Review.objects.bulk_create(
        Review(scan_id=key, reviewer=people.staff, decision=decision) for key, decision in decided.items()
    )
    me = people.owners[0]
    mine = [scan for scan in scans if scan.owner == me]
    for at in range(0, len(mine), 40):
        batch = Batch.objects.create(
            owner=me, name=f"Recordings {at}", frame_count=40, detector_name="standard"
        )
        BatchItem.objects.bulk_create(
            BatchItem(batch=batch, number=number, name="x", scan=scan, ordered_at=scan.created_at)
            for number, scan in enumerate(mine[at : at + 40], 1)
        )
    Notice.objects.bulk_create(
        Notice(user=user, event="done", scan=scan, key=f"ended:{scan.pk}", made_at=scan.finished_at)
        for user in (people.busy, people.staff)
        for scan in mine
    )
    chain.append(
        [
            AuditEntry(
                at=scan.finished_at,
                actor_kind="account",
                actor_id=scan.owner.removeprefix("user:")[:64],
                action=Action.ORDERED,
                object_kind="scan",
                object_id=str(scan.pk),
                details={},
            )
            for scan in scans
        ]
    )


# In the database: a million objects of Python would take minutes.
_FRAMES_OF_NEW_FACES = """
INSERT INTO ml_app_faceframe (face_id, time_s, "left", top, "right", bottom, fake_probability, sharpness,
                              brightness, thumbnail, heatmap)
SELECT face.id, n, 100, 80, 220, 200, 0.4, 80, 120, 'scans/' || face.scan_id || '/0/' || n || '.jpg', ''
FROM ml_app_face face, generate_series(1, %s) n
WHERE NOT EXISTS (SELECT 1 FROM ml_app_faceframe frame WHERE frame.face_id = face.id)
"""


def _video(number: int, chance: random.Random, now: Any, people: People) -> Any:
    from ml_app.models import Video

    owner = people.owners[0] if chance.random() < SHARE else chance.choice(people.owners)
    if chance.random() < SHARE:
        owner = f"visitor:{number % 5000}"
    teams = people.teams_of.get(owner)
    return Video(
        owner=owner,
        team_id=chance.choice(teams) if teams and chance.random() < GIVEN else None,
        original_name=f"{chance.choice(WORDS)}-{chance.choice(WORDS)}-{number:06d}.mp4",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        size=20_000_000,
        file=f"videos/{number}/original.mp4",
        uploaded_at=now - timedelta(minutes=number),
        duration_s=30.0,
        frame_rate=25.0,
        width=1280,
        height=720,
    )


def _scan(video: Any, chance: random.Random) -> Any:
    from ml_app.models import Scan

    common = {"video": video, "owner": video.owner, "team_id": video.team_id, "detector_name": "standard"}
    moments = {"created_at": video.uploaded_at, "finished_at": video.uploaded_at + timedelta(seconds=9)}
    frames = chance.choice((20, 40, 40, 40, 100))
    if chance.random() < 0.02:
        return Scan(**common, **moments, frame_count=frames, status="failed", error_code="decoder_timeout")
    return Scan(
        **common,
        **moments,
        frame_count=frames,
        status="done",
        verdict=chance.choice(("real", "fake", "uncertain", "uncertain", "not_analysable")),
        evidence="weak",
        fake_probability=chance.random(),
        threshold=0.5,
        uncertain_low=0.4,
        uncertain_high=0.6,
        frames_analysed=frames,
        frames_with_faces=frames,
        detector_sha256="ab" * 32,
        detector_version="1",
        seconds={"total": 4.2, "faces": 3.0, "network": 1.0},
    )
