"""Another scan by another detector, and what a weak one says of itself."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from ml_app.detection.checkpoints.files import load_tensors, read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import HeadMetadata
from ml_app.models import Batch, Scan, Team
from tests.detection.importing.keras_files import published_like, write_keras, write_range
from tests.detection.landmark_faces import write_landmark_detector
from tests.factories import give_to_team
from tests.media import Clips

MORE = "Another detector is a second opinion"


def _chosen(page: str) -> list[str]:
    return re.findall(r'<input type="radio" name="detector" value="(\w*)"[^>]*checked', page)


@pytest.fixture
def second(settings: Any, standard_models: Path, tmp_path: Path) -> Path:
    """A second detector beside "standard", measured to be weak."""
    settings.MODELS_DIR = tmp_path / "models"
    shutil.copytree(standard_models, settings.MODELS_DIR)
    head = open_folder(write_landmark_detector(settings.MODELS_DIR, "landmarks", (40,)), "landmarks").heads[
        40
    ]
    weak = {"auc": {"value": 0.59, "low": 0.52, "high": 0.67, "n": 237}}
    save_checkpoint(
        head.path, load_tensors(head), replace(read_metadata(head.path, HeadMetadata), metrics=weak)
    )
    return head.path


def test_one_detector_leaves_nothing_to_choose(owner: Client, done: Scan) -> None:
    for url in (f"/videos/{done.video_id}/", f"/scans/{done.pk}/"):
        page = owner.get(url).content.decode()
        assert "Scan again" in page
        assert MORE not in page


def test_another_detector_can_be_chosen(owner: Client, stranger: Client, done: Scan, second: Path) -> None:
    for url in (f"/videos/{done.video_id}/", f"/scans/{done.pk}/"):
        page = owner.get(url).content.decode()
        assert MORE in page
        assert _chosen(page) == ["standard"]
    url, wanted = f"/videos/{done.video_id}/scan/", {"frame_count": 60, "detector": "landmarks"}
    assert stranger.post(url, wanted).status_code == 404
    owner.post(url, wanted)
    owner.post(url, {"frame_count": 60})
    assert set(Scan.objects.filter(frame_count=60).values_list("detector_name", flat=True)) == {
        "landmarks",
        "standard",
    }


def test_a_team_looks_with_its_own_unless_somebody_chooses(done: Scan, second: Path) -> None:
    analyst = Client()
    analyst.force_login(give_to_team(done)["analyst"])
    Team.objects.update(default_detector="landmarks")
    for url in (f"/videos/{done.video_id}/", f"/scans/{done.pk}/"):
        assert _chosen(analyst.get(url).content.decode()) == ["landmarks"]
    url = f"/videos/{done.video_id}/scan/"
    analyst.post(url, {"frame_count": 60, "detector": "standard"})
    assert Scan.objects.get(frame_count=60).detector_name == "standard"
    analyst.post(url, {"frame_count": 20})
    assert Scan.objects.get(frame_count=20).detector_name == "landmarks"


def test_a_detector_that_is_not_there_is_refused(owner: Client, done: Scan, second: Path) -> None:
    response = owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": 60, "detector": "../x"})
    assert response.status_code == 422
    assert "Choose one of the installed detectors." in response.content.decode()
    assert not Scan.objects.filter(frame_count=60).exists()


def test_a_weak_detector_does_not_sound_as_if_it_decided(owner: Client, done: Scan, second: Path) -> None:
    url = f"/scans/{done.pk}/"
    assert "little better than chance" not in owner.get(url).content.decode()
    done.detector_name, done.detector_sha256 = "landmarks", sha256_of(second)
    done.save()
    page = owner.get(url).content.decode()
    assert "little better than chance" in page
    assert "0.59 (0.5 is guessing" in page


def test_the_models_page_says_what_it_reads(owner: Client, second: Path) -> None:
    assert "the movement of 68 points of the face" in owner.get("/models/").content.decode()


def test_the_forms_offer_every_detector_with_its_worth(newcomer: Client, second: Path, settings: Any) -> None:
    settings.LINKS = True
    for url in ("/", "/batches/"):
        page = html.unescape(newcomer.get(url).content.decode())
        assert _chosen(page) == ["standard"]
        assert "68 points of the face move, and no pixels. Area under the ROC curve: 0.59 (0.52 to" in page
    assert page_of_link(newcomer).count("<option") == 2 + len(settings.FRAME_COUNTS)


def page_of_link(client: Client) -> str:
    return client.get("/").content.decode().split('<form class="link"')[1].split("</form>")[0]


def test_the_slider_learns_what_each_detector_was_made_for(newcomer: Client, second: Path) -> None:
    page = newcomer.get("/").content.decode()
    known = json.loads(html.unescape(page.split('data-detectors="')[1].split('"')[0]))
    assert {name: list(frames) for name, frames in known.items()} == {
        "standard": ["20", "40"],
        "landmarks": ["40"],
        "": ["20", "40"],
    }
    assert "area under the ROC curve is 0.59" in known["landmarks"]["40"]


def test_nothing_is_to_be_chosen_on_the_forms_of_one_detector(newcomer: Client) -> None:
    for url in ("/", "/batches/"):
        assert "data-detectors" not in newcomer.get(url).content.decode()


def test_an_upload_goes_to_the_detector_that_was_chosen(newcomer: Client, second: Path, clips: Clips) -> None:
    path = clips("talk.mp4", seconds=1)
    for wanted in ("../x", "landmarks"):
        file = SimpleUploadedFile(path.name, path.read_bytes())
        answer = newcomer.post("/", {"frame_count": 40, "detector": wanted, "video": file})
    assert Scan.objects.get().detector_name == "landmarks"
    file = SimpleUploadedFile(path.name, path.read_bytes())
    answer = newcomer.post("/", {"frame_count": 40, "detector": "landmarks", "video": file})
    assert _chosen(newcomer.get(answer["Location"]).content.decode()) == ["landmarks"]


def test_a_link_and_a_batch_go_to_the_detector_that_was_chosen(
    newcomer: Client, second: Path, settings: Any
) -> None:
    settings.LINKS = True
    wanted = {"frame_count": 40, "detector": "landmarks"}
    newcomer.post("/links/", wanted | {"url": "https://example.org/a.mp4"})
    assert Scan.objects.get().detector_name == "landmarks"
    newcomer.post("/batches/", wanted | {"empty": "1", "name": "many"})
    newcomer.post("/batches/", {"frame_count": 40, "empty": "1", "name": "many"})
    assert sorted(Batch.objects.values_list("detector_name", flat=True)) == ["landmarks", "standard"]


def test_a_team_uses_its_own_where_nobody_chooses(done: Scan, second: Path) -> None:
    analyst = Client()
    analyst.force_login(give_to_team(done)["analyst"])
    Team.objects.update(default_detector="landmarks")
    page = analyst.get("/").content.decode()
    assert _chosen(page) == [""]
    assert "what a team has chosen" in page
    team = done.team_id
    for detector in ("", "standard"):
        fields = {"frame_count": 40, "team": team, "detector": detector, "empty": "1", "name": "many"}
        analyst.post("/batches/", fields)
    assert sorted(Batch.objects.values_list("detector_name", flat=True)) == ["landmarks", "standard"]


def test_the_models_page_compares_what_was_measured(owner: Client, second: Path) -> None:
    assert "All detectors beside each other" not in owner.get("/models/").content.decode()
    head = open_folder(second.parents[1], "standard").heads[40]
    told = {"auc": {"value": 0.77, "low": 0.71, "high": 0.83, "n": 237}}
    save_checkpoint(
        head.path, load_tensors(head), replace(read_metadata(head.path, HeadMetadata), metrics=told)
    )
    page = owner.get("/models/").content.decode()
    assert "All detectors beside each other" in page
    assert "<b>0.77</b> (0.71 to 0.83)" in page
    assert "<b>0.59</b> (0.52 to 0.67)" in page


def test_an_imported_landmark_network_says_what_it_reads(
    owner: Client, done: Scan, second: Path, settings: Any
) -> None:
    published = settings.MODELS_DIR.parent / "published"
    published.mkdir()
    write_keras(published / "model.h5", published_like())
    write_range(published)
    call_command("import_checkpoint", str(published / "model.h5"), "--name", "points", stdout=io.StringIO())
    page = owner.get(f"/scans/{done.pk}/").content.decode()
    assert "Reads where 68 points of the face stand from frame to frame, and no pixels." in page
    owner.post(f"/videos/{done.video_id}/scan/", {"frame_count": 10, "detector": "points"})
    assert Scan.objects.get(frame_count=10).detector_name == "points"
    assert "the places of 68 points of the face" in owner.get("/models/").content.decode()
