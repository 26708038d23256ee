"""Several detectors on the page of a scan, in words and in drawings, and how they are ordered."""

from __future__ import annotations

import html
import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from ml_app.models import Batch, Face, Opinion, Scan, Verdict
from ml_app.services.scanning.recorded import findings_json
from ml_app.web.side_by_side import Voice, agreement
from tests.media import Clips
from tests.web.test_detector_choice import second

__all__ = ["second"]


@pytest.fixture
def compared(done: Scan) -> Scan:
    """A scan of two persons, with a landmark detector's opinion of the first."""
    frames = [{"time_s": at / 10, "box": [0, 0, 9, 9], "fake_probability": 0.3 + at / 100} for at in range(5)]
    said = {"verdict": "real", "reason": None, "evidence": "weak", "fake_probability": 0.32}
    Opinion.objects.create(
        scan=done,
        number=1,
        detector_name="landmarks",
        detector_version="1",
        detector_architecture="landmark_cnn_lstm",
        detector_frame_count=40,
        detector_sha256="cd" * 32,
        verdict="real",
        evidence="weak",
        fake_probability=0.32,
        threshold=0.6,
        uncertain_low=0.4,
        uncertain_high=0.6,
        frames_analysed=40,
        faces=[{"id": 1, "frames": frames, **said}],
    )
    done.also = "landmarks"
    done.save()
    Face.objects.filter(scan=done, number=1).update(verdict="fake")
    return done


def test_the_page_shows_scores_beside_each_other_and_on_one_timeline(owner: Client, compared: Scan) -> None:
    page = html.unescape(owner.get(f"/scans/{compared.pk}/").content.decode())
    assert "They contradict each other: standard sees manipulation, landmarks no evidence of it." in page
    assert page.count('class="plot-other plot-other-1"') == 4 + 1  # of five frames, and the legend's
    assert "40 frames read, threshold 60" in page
    assert "Not judged" in page  # the second person
    assert "cd" * 32 in page


def test_a_scan_without_opinions_says_nothing_of_them(owner: Client, done: Scan) -> None:
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "Side by side" not in page.split("again-title")[0]
    assert "plot-other" not in page


def test_the_desk_shows_them_too(staff: Client, compared: Scan) -> None:
    assert (
        "They contradict each other"
        in staff.get(f"/admin/ml_app/scan/{compared.pk}/change/").content.decode()
    )


def test_programs_hear_the_same(owner: Client, compared: Scan) -> None:
    told = findings_json(compared)
    assert told
    (opinion,) = told["opinions"]
    assert opinion["detector"]["name"] == "landmarks"
    assert opinion["uncertain_band"] == [0.4, 0.6]
    assert len(opinion["faces"][0]["frames"]) == 5
    heard = owner.get(f"/api/v1/scans/{compared.pk}/").json()
    assert heard["findings"]["opinions"] == [opinion]
    assert heard["also"] == ["landmarks"]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (("fake", "fake"), "They agree: all see manipulation."),
        (("real", "real"), "They agree: none finds evidence of manipulation."),
        (("fake", "uncertain"), "a alone sees manipulation; b does not decide."),
        (("uncertain", "real"), "b finds no evidence of manipulation; a does not decide."),
        (("uncertain", "not_analysable"), "None of them decides."),
        (("real", "fake"), "They contradict each other: b sees manipulation, a no evidence of it."),
    ],
)
def test_agreement_in_words(verdicts: tuple[str, str], words: str) -> None:
    voices = [
        Voice(name, Verdict(verdict), "", "", 0.5) for name, verdict in zip("ab", verdicts, strict=True)
    ]
    assert agreement(voices) == words


def test_others_are_asked_where_they_are_wanted(newcomer: Client, second: Path, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    assert 'name="also" value="landmarks"' in newcomer.get("/").content.decode()
    wanted = {"frame_count": 40, "also": ["landmarks", "standard"]}
    newcomer.post("/", wanted | {"video": SimpleUploadedFile(path.name, path.read_bytes())})
    scan = Scan.objects.get()
    assert (scan.detector_name, scan.others) == ("standard", ["landmarks"])
    newcomer.post("/batches/", wanted | {"empty": "1", "name": "many"})
    assert Batch.objects.get().also == "landmarks"
    newcomer.post(f"/videos/{scan.video_id}/scan/", {"frame_count": 20, "also": "landmarks"})
    assert Scan.objects.get(frame_count=20).others == ["landmarks"]
    newcomer.post("/links/", {"url": "https://video.example/1", "frame_count": 60, "also": "landmarks"})
    assert Scan.objects.get(frame_count=60).others == ["landmarks"]


@pytest.mark.django_db
def test_the_command_line_asks_others_as_well(second: Path, clips: Clips) -> None:
    path, link = clips("talk.mp4", seconds=1), "https://video.example/1"
    said = io.StringIO()
    for _ in range(2):
        call_command("enqueue", str(path), link, "--detector", "landmarks", "--also", "standard", stdout=said)
    ordered = Scan.objects.values_list("detector_name", "also")
    assert list(ordered) == [("landmarks", "standard")] * 2
    with pytest.raises(CommandError, match="detector"):
        call_command("enqueue", str(path), "--also", "oracle")


def test_programs_ask_others_as_well(newcomer: Client, second: Path, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)

    def send(also: str) -> int:
        file = SimpleUploadedFile(path.name, path.read_bytes())
        return newcomer.post("/api/v1/scans/", {"file": file, "also": also}).status_code

    assert send("nobody") == 422
    assert send("landmarks") == 202
    assert Scan.objects.get().others == ["landmarks"]
