"""Retention: what is deleted when, by command and by the sweeper."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from ml_app import services
from ml_app.jobs import sweeper
from ml_app.jobs.sweeper import sweep
from ml_app.models import Scan, Video
from tests.factories import ReviewFactory, ScanFactory, TeamFactory, VideoFactory, add_face

pytestmark = pytest.mark.django_db(transaction=True)  # files go when the transaction is committed


def aged(days: float, **values: object) -> Scan:
    """A scan of a video that was uploaded so many days ago, with real pictures."""
    scan = ScanFactory(video__uploaded_at=timezone.now() - timedelta(days=days), **values)
    add_face(scan, frames=4)
    return scan


def files(media: Path) -> set[Path]:
    return {path for path in media.rglob("*") if path.is_file()}


def prune(*arguments: str, command: str = "prune_media") -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


forget = partial(prune, command="prune_findings")


def test_old_media_go_and_young_ones_rows_and_hashes_stay(media: Path, settings: Settings) -> None:
    settings.MEDIA_RETENTION_DAYS = 30
    young = aged(29, done=True)
    kept = files(media)
    old = aged(31, done=True)
    assert prune() == "Deleted the media of 1 video.\n"
    assert files(media) == kept
    before = (old.video.sha256, old.video.size, old.verdict, old.fake_probability)
    old = Scan.objects.select_related("video").get(pk=old.pk)
    assert (old.video.sha256, old.video.size, old.verdict, old.fake_probability) == before
    assert old.faces.get().frames.filter(thumbnail="").count() == 4
    assert young.faces.get().frames.exclude(thumbnail="").count() == 4
    assert prune() == "Deleted the media of 0 videos.\n"


def test_nothing_is_pruned_unless_asked_for(media: Path) -> None:
    aged(5000, done=True)
    kept = files(media)
    assert "Everything is kept" in prune()
    assert sweep().pruned == 0
    assert files(media) == kept
    assert prune("--days", "1") == "Deleted the media of 1 video.\n"
    assert not files(media)
    with pytest.raises(CommandError, match="0 or more"):
        prune("--days=-1")


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_is_being_analysed_is_left_for_the_next_time(
    media: Path, settings: Settings, state: str
) -> None:
    settings.MEDIA_RETENTION_DAYS = 1
    aged(9, running=state == "running")
    kept = files(media)
    assert services.prune_media() == 0
    assert files(media) == kept
    Scan.objects.update(status="cancelled", lease_expires_at=None, finished_at=timezone.now())
    assert services.prune_media() == 1
    assert not files(media)


def test_the_sweeper_prunes_as_well(media: Path, settings: Settings) -> None:
    settings.MEDIA_RETENTION_DAYS = 0.5
    aged(1, done=True)
    assert sweep().pruned == 1
    assert not files(media)
    assert Video.objects.get().file.name == ""


def test_old_findings_go_with_all_files_and_the_rest_stays(media: Path, settings: Settings) -> None:
    settings.FINDINGS_RETENTION_DAYS = 30
    long_ago = timezone.now() - timedelta(days=31)
    scanned_again = aged(31, done=True)  # of an old upload, but ordered just now
    reviewed = aged(31, done=True, created_at=long_ago)
    ReviewFactory(scan=reviewed)
    running = aged(31, running=True, created_at=long_ago)
    young = aged(29, done=True, created_at=timezone.now() - timedelta(days=29))
    stay = {scanned_again.pk, reviewed.pk, running.pk, young.pk}
    kept = files(media)
    aged(31, done=True, created_at=long_ago)
    aged(31, failed=True, created_at=long_ago)
    VideoFactory(uploaded_at=long_ago)  # whose scans its owner has deleted
    assert forget() == "Deleted 3 videos with their findings.\n"
    assert set(Scan.objects.values_list("pk", flat=True)) == stay
    assert Video.objects.count() == 4
    assert files(media) == kept
    assert forget("--days", "31.5") == "Deleted 0 videos with their findings.\n"
    assert "Everything is kept" in forget("--days", "0")


def test_the_sweeper_forgets_some_at_a_time(
    media: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "PRUNED_AT_ONCE", 2)
    long_ago = timezone.now() - timedelta(days=9)
    for _ in range(3):
        aged(9, done=True, created_at=long_ago)
    assert sweep().forgotten == 0, "nothing, unless it is asked for"
    settings.FINDINGS_RETENTION_DAYS = 1
    assert [sweep().forgotten for _ in range(3)] == [2, 1, 0]
    assert not files(media)
    assert not Video.objects.exists()


def test_a_team_keeps_media_and_findings_as_long_as_it_says(media: Path, settings: Settings) -> None:
    settings.MEDIA_RETENTION_DAYS, settings.FINDINGS_RETENTION_DAYS = 30, 90
    short = TeamFactory(media_retention_days=5, findings_retention_days=10)
    long = TeamFactory(media_retention_days=0, findings_retention_days=0)
    usual = TeamFactory()
    made: dict[tuple[str, int], Scan] = {}
    for name, team in (("short", short), ("long", long), ("usual", usual), ("alone", None)):
        for days in (4, 7, 40, 400):
            scan = aged(days, done=True, video__team=team, team=team)
            Scan.objects.filter(pk=scan.pk).update(created_at=scan.video.uploaded_at)
            made[name, days] = scan

    def kept(**values: object) -> set[tuple[str, int]]:
        pks = set(Video.objects.filter(**values).values_list("pk", flat=True))
        return {key for key, scan in made.items() if scan.video_id in pks}

    assert prune() == "Deleted the media of 7 videos.\n"
    with_media = {key for key in kept() if Video.objects.get(pk=made[key].video_id).file}
    assert with_media == {
        ("short", 4),
        *(("long", days) for days in (4, 7, 40, 400)),
        *((name, days) for name in ("usual", "alone") for days in (4, 7)),
    }
    assert forget() == "Deleted 4 videos with their findings.\n"
    assert kept() == set(made) - {("short", 40), ("short", 400), ("usual", 400), ("alone", 400)}
    assert prune("--days", "6") == "Deleted the media of 5 videos.\n", "what is said applies to all"


def test_a_teams_retention_works_where_the_site_keeps_all(media: Path) -> None:
    assert "Everything is kept" in prune()
    team = TeamFactory(media_retention_days=5)
    aged(6, done=True, video__team=team, team=team)
    aged(6, done=True)
    assert sweep().pruned == 1
    assert prune() == "Deleted the media of 0 videos.\n"
