"""What reviews say of the detector: figures with intervals, drift, and videos to measure on."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client

from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.models import AuditEntry, Scan, ScanQuerySet
from ml_app.models.review import ReviewCase
from ml_app.services.reviews import agreement
from ml_app.services.reviews.reviewing import record_review
from ml_app.training.evaluation.table import read_table
from ml_app.training.readers.table import read_clips
from tests.detection.conftest import CHANNELS, tiny_backbone
from tests.factories import PictureFactory, ScanFactory, TeamFactory, UserFactory, VideoFactory
from tests.media import Clips

FAKE, GENUINE = "confirmed_fake", "confirmed_genuine"


def settled(outcome: str, **values: Any) -> Scan:
    scan: Scan = ScanFactory(done=True, **values)
    record_review(scan=scan, reviewer=UserFactory(), decision=outcome, note="")
    return scan


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),  # of statsmodels' proportion_confint(method="wilson")
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (7, 20, 0.181190, 0.567135), (1, 1, 0.206543, 1.0)],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    from scipy.stats import binomtest

    share = agreement.wilson(hits, n)
    assert share is not None
    known = binomtest(hits, n).proportion_ci(method="wilson")
    assert (share.low, share.high) == pytest.approx((known.low, known.high), abs=1e-6)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-4)
    assert agreement.wilson(0, 0) is None


@pytest.fixture
def reviewed(db: None) -> None:
    """Of fakes: two found, one missed, one left open. Of genuine ones: one accused, two not. One unknown."""
    for verdict, outcome, probability in (
        ("fake", FAKE, 0.93),
        ("fake", FAKE, 0.95),
        ("real", FAKE, 0.1),
        ("uncertain", FAKE, 0.5),
        ("fake", GENUINE, 0.9),
        ("real", GENUINE, 0.2),
        ("real", GENUINE, 0.25),
        ("fake", "cannot_tell", 0.8),
    ):
        settled(outcome, verdict=verdict, fake_probability=probability)


def test_figures_of_settled_cases(reviewed: None) -> None:
    told = agreement.agreement("all", agreement.cells(ReviewCase.objects.all()))
    shares = (told.agreed, told.precision, told.recall, told.false_alarms, told.abstained)
    assert told.n == 7
    assert [(round(share.value, 3), share.n) for share in shares if share] == [
        (0.667, 6),
        (0.667, 3),
        (0.5, 4),
        (0.333, 3),
        (0.143, 7),
    ]


def test_calibration_of_settled_cases(reviewed: None) -> None:
    bins = agreement.calibration(agreement.cells(ReviewCase.objects.all()))
    assert [(round(each.predicted, 3), each.n, round(each.observed, 3)) for each in bins] == [
        (0.1, 1, 1.0),
        (0.225, 2, 0.0),
        (0.5, 1, 1.0),
        (0.927, 3, 0.667),
    ]


def test_the_page_tells_them_by_version_frames_and_month(
    staff: Client, reviewed: None, django_assert_max_num_queries: Any
) -> None:
    settled(FAKE, detector_version="2.0", frame_count=20)
    with django_assert_max_num_queries(7):
        page = staff.get("/review/figures/").content.decode()
    assert "1.0, 40 frames" in page
    assert "2.0, 20 frames" in page
    assert "By month" in page
    assert "Calibration plot" in page
    assert "nothing to compare yet" in page


def test_nothing_reviewed_is_no_error(staff: Client) -> None:
    page = staff.get("/review/figures/")
    assert page.status_code == 200
    assert "No scan was settled" in page.content.decode()


def test_scores_that_moved_are_a_warning_and_those_of_chance_are_none() -> None:
    before = [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
    assert agreement.stability_index(before, [30] * 10) == pytest.approx(0.0, abs=1e-3)
    moved = agreement.stability_index(before, [100, 100, 40, 20, 10, 10, 5, 5, 5, 5])
    assert moved > agreement.DRIFTED
    by_hand = sum((p - 0.1) * math.log(p / 0.1) for p in (0.19, 0.01))
    assert agreement.stability_index([10**6] * 10, [19 * 10**5, 10**5, *[10**6] * 8]) == pytest.approx(
        by_hand, abs=1e-3
    )
    few = agreement.Drift("x", "1", 40, 0.3, 0.4, 45, 90)
    assert not few.is_warning
    assert agreement.Drift("x", "1", 40, 0.3, 0.2, 450, 900).is_warning


@pytest.mark.django_db
def test_recent_scores_are_set_against_the_checkpoints_own(staff: Client, monkeypatch: Any) -> None:
    from django.conf import settings

    from ml_app.detection.checkpoints.files import read_metadata
    from ml_app.detection.checkpoints.manifest import available

    (folder,) = available(Path(settings.MODELS_DIR))
    pinned = folder.heads[40]
    head = read_metadata(pinned.path, agreement.HeadMetadata)
    rows = [{"predicted": 0.05 + at / 10, "observed": 0.5, "n": 50} for at in range(10)]
    head.metrics["reliability"] = rows
    monkeypatch.setattr(agreement, "read_metadata", lambda path, kind: head)
    video = VideoFactory()
    for number in range(60):
        same = {"video": video, "detector_sha256": pinned.sha256, "detector_name": f"d{number}"}
        ScanFactory(done=True, fake_probability=0.97, **same)
    (drift,) = agreement.drifts(Scan.objects.all())
    assert (drift.detector, drift.frames, drift.recent, drift.calibrated) == (folder.name, 40, 60, 500)
    assert drift.is_warning
    assert "have drifted" in staff.get("/review/figures/").content.decode()


@pytest.mark.django_db
def test_drift_is_kept_for_each_scope_and_reviews_are_counted_at_once(
    staff: Client, monkeypatch: Any
) -> None:
    asked: list[str] = []

    def drifts(scans: ScanQuerySet) -> list[agreement.Drift]:
        asked.append(str(scans.query))
        return []

    monkeypatch.setattr(agreement, "drifts", drifts)
    team = TeamFactory()
    assert staff.get("/review/figures/").context["has_any"] is False
    record_review(scan=ScanFactory(done=True), reviewer=UserFactory(), decision=FAKE, note="")
    assert staff.get("/review/figures/").context["has_any"] is True
    assert len(asked) == 1
    staff.get(f"/review/figures/?team={team.pk}")
    assert len(asked) == 2 and asked[0] != asked[1]
    cache.clear()  # as when its time is over
    staff.get("/review/figures/")
    assert asked[2] == asked[0]


@pytest.fixture
def kept(db: None, clips: Clips) -> list[Scan]:
    """Two genuine clips and two fakes with real files; and what is no clip to learn from."""
    scans = []
    for number, outcome in enumerate((GENUINE, FAKE, GENUINE, FAKE)):
        content = clips(seconds=1 + number % 2, people=1 + number // 2).read_bytes()
        scan = settled(outcome, video__original_name="secret name.mp4")
        scan.video.file.save("clip.mp4", ContentFile(content))
        scans.append(scan)
    settled(FAKE, video=PictureFactory())
    settled("cannot_tell")
    settled(FAKE, video__file=None)
    same = VideoFactory(sha256=scans[0].video.sha256, owner="visitor:b")
    settled(GENUINE, video=same)  # the same file of somebody else
    disputed = VideoFactory()
    settled(GENUINE, video=disputed)
    settled(FAKE, video=disputed, frame_count=20)
    return scans


def unpacked(staff: Client, folder: Path, query: str = "") -> Path:
    response = staff.get(f"/review/clips.zip{query}")
    assert response["Content-Type"] == "application/zip"
    content = io.BytesIO(b"".join(response.streaming_content))  # type: ignore[attr-defined]
    with zipfile.ZipFile(content) as archive:
        archive.extractall(folder)
    return folder / "clips.csv"


def test_the_export_lists_each_file_once_and_names_nobody(
    staff: Client, kept: list[Scan], tmp_path: Path
) -> None:
    table = unpacked(staff, tmp_path / "out")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert sorted(row["label"] for row in rows) == ["fake", "fake", "real", "real"]
    assert "secret" not in table.read_text()
    assert all((table.parent / row["file"]).is_file() for row in rows)
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, entry.details) == ("exported", {"format": "clips", "files": 4})
    assert len(read_clips(table)) == 4, "as `prepare` and `calibrate` read it"
    table = unpacked(staff, tmp_path / "dev", "?split=dev")
    assert [clip.split for clip in read_clips(table)] == ["dev"] * 4
    assert {clip.split for clip in read_table(table)} == {"dev"}


def test_evaluate_takes_it_as_it_is(
    staff: Client, kept: list[Scan], tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
    table, report = unpacked(staff, tmp_path / "out"), tmp_path / "report"
    said = io.StringIO()
    options = ["--frames=20", "--device=cpu", f"--models={settings.MODELS_DIR}", "--resamples=50"]
    call_command(
        "evaluate",
        f"--clips={table}",
        f"--report={report}",
        f"--cache={tmp_path / 'cache'}",
        *options,
        stdout=said,
        stderr=said,
    )
    metrics = json.loads((report / "metrics.json").read_text())
    assert metrics["overall"]["auc"]["n"] + metrics["not_analysable"]["n"] == 4
    assert (report / "index.html").is_file()


def test_without_a_reviewed_video_it_says_so(staff: Client) -> None:
    response = staff.get("/review/clips.zip")
    assert response["Location"] == "/review/figures/"
    assert "Review some first" in staff.get("/review/figures/").content.decode()
