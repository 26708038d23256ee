"""A database as it was before teams, with rows in it, brought up to date: see test_upgrade.py.

Run as a program of its own, on the empty database that DATABASE_URL names.
"""

from __future__ import annotations

import django
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("ml_app", "0012_invitations")]
SHA256 = "ab" * 32


def fill() -> None:
    """Rows of an owner and of a visitor who gave the same bytes."""
    apps = MigrationExecutor(connection).loader.project_state(BEFORE).apps
    user = apps.get_model("auth", "User").objects.create(username="anna")
    for owner, uploaded_by in ((f"user:{user.pk}", user), ("visitor:x", None)):
        video = apps.get_model("ml_app", "Video").objects.create(
            owner=owner, uploaded_by=uploaded_by, original_name="talk.mp4", sha256=SHA256, size=1
        )
        apps.get_model("ml_app", "Scan").objects.create(
            video=video, owner=owner, frame_count=20, detector_name="standard"
        )
        apps.get_model("ml_app", "Batch").objects.create(
            owner=owner, name="b", frame_count=20, detector_name="standard"
        )


def check() -> None:
    """All is there, its owners' alone, and each owner still has the same bytes once."""
    from django.contrib.auth.models import User
    from django.db import IntegrityError, transaction

    from ml_app.models import Video
    from ml_app.services import access

    anna = access.actor_of_user(User.objects.get())
    for actor in (anna, access.Actor("visitor:x")):
        for found in (access.visible_scans, access.visible_videos, access.visible_batches):
            (row,) = found(actor)
            assert row.team is None and row.owner == actor.owner
    try:
        with transaction.atomic():
            Video.objects.create(owner="visitor:x", original_name="again", sha256=SHA256, size=1)
    except IntegrityError:
        return
    raise AssertionError("the same bytes twice")


def main() -> None:
    django.setup()
    MigrationExecutor(connection).migrate([*BEFORE, ("auth", "0012_alter_user_first_name_max_length")])
    fill()
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    check()
    print("upgraded")  # noqa: T201


if __name__ == "__main__":
    main()
