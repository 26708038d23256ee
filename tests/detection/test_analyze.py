"""`manage.py analyze`: one line of JSON a file, a readable summary, exit status, no database."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image as Pillow
from PIL.ExifTags import Base

from ml_app.detection import summary
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import Decision
from ml_app.models import Scan
from tests.batches import zips
from tests.detection.conftest import judge_pictures
from tests.fetching.conftest import host
from tests.fetching.server import Host
from tests.media import Clips, late, make_audio, picture

__all__ = ["host"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _settings(settings: Any, models_dir: Path) -> None:
    settings.MODELS_DIR, settings.DETECTOR, settings.DEVICE = models_dir, "tiny", "cpu"


def analyze(*arguments: object) -> tuple[str, str, int]:
    """What the command wrote to both streams, and its exit status."""
    output, errors, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("analyze", *map(str, arguments), stdout=output, stderr=errors)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    return output.getvalue(), errors.getvalue(), status


def lines(*arguments: object) -> tuple[list[dict[str, Any]], int]:
    output, _, status = analyze(*arguments, "--json")
    return [json.loads(line) for line in output.splitlines()], status


def test_a_line_of_json_has_the_fixed_fields(clips: Clips) -> None:
    path = clips(seconds=1)
    (line,), status = lines(path, "--frames", 10)
    assert status == 0
    assert list(line) == [
        *("file", "origin", "kind", "sha256", "verdict", "reason", "fake_probability"),
        *("frames_requested", "frames_analysed", "frames_with_faces", "duration_s", "file_says"),
        "provenance",
        *("faces", "detector", "seconds", "notes", "opinions", "error"),
    ]
    assert line["file"] == str(path)
    assert (line["kind"], line["file_says"]) == ("video", {})
    assert line["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert line["verdict"] in ("real", "fake", "uncertain")
    assert 0 <= line["fake_probability"] <= 1
    assert line["frames_requested"] == line["frames_analysed"] == 10
    assert line["duration_s"] == pytest.approx(1, abs=0.05)
    assert line["frames_with_faces"] == 10
    assert (line["notes"], line["error"]) == ([], None)
    assert list(line["detector"]) == ["name", "version", "architecture", "frame_count", "sha256"]
    assert line["detector"]["frame_count"] == 10
    assert list(line["seconds"]) == ["total", "decode", "faces", "network"]
    (face,) = line["faces"]
    assert list(face) == ["id", "fake_probability", "frames"]
    assert list(face["frames"][0]) == ["time_s", "box", "fake_probability"]
    left, top, right, bottom = face["frames"][0]["box"]
    assert 0 <= left < right <= 320
    assert 0 <= top < bottom <= 240


def test_without_a_count_the_detector_chooses_the_nearest_to_the_default(clips: Clips) -> None:
    (line,), _ = lines(clips(seconds=1))
    assert (
        line["frames_requested"] == line["detector"]["frame_count"] == 20
    )  # of 10 and 20; the default is 40


def test_several_files_of_which_one_cannot_be_analysed(clips: Clips, tmp_path: Path) -> None:
    sound = make_audio(tmp_path / "sound.mp4")
    found, status = lines(clips(seconds=1), sound, tmp_path / "none.mp4", clips(seconds=1, people=0))
    assert status == 1
    assert [line["error"] and line["error"]["code"] for line in found] == [
        *(None, "no_video_stream", "not_found", None)
    ]
    assert [line["verdict"] for line in found][1:] == ["not_analysable"] * 3
    assert [line["reason"] for line in found][1:] == ["no_video_stream", "not_found", "no_face"]
    assert found[2]["sha256"] is None
    assert found[1]["error"]["message"].endswith(".")
    assert {frozenset(line) for line in found} == {frozenset(found[0])}


def test_a_video_without_a_face_was_analysed(clips: Clips) -> None:
    (line,), status = lines(clips(seconds=1, people=0))
    assert (line["reason"], line["fake_probability"], line["faces"], status) == ("no_face", None, [], 0)


def test_a_folder_is_searched(clips: Clips, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    shutil.copy(clips(seconds=1), tmp_path / "a" / "b" / "Clip.MP4")
    shutil.copy(clips(seconds=1), tmp_path / "a" / "other.mp4")
    (tmp_path / "a" / "notes.txt").write_text("no video")
    found, status = lines(tmp_path / "a", tmp_path / "a" / "other.mp4", "--frames", 10)
    assert sorted(Path(line["file"]).name for line in found) == ["Clip.MP4", "other.mp4"]  # each once
    assert status == 0
    output, errors, status = analyze(tmp_path / "empty")
    assert (output, status) == ("", 1)
    assert "no video or picture in this folder" in errors


def test_a_zip_is_unpacked_and_what_is_refused_in_it_says_why(clips: Clips, tmp_path: Path) -> None:
    clip = clips(seconds=1).read_bytes()
    files = {"day 1/talk.mp4": clip, "../up.mp4": clip, "inner.zip": b"PK", "notes.txt": b"words"}
    packed = zips.pack(tmp_path / "many.zip", files)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04nonsense")
    bomb = zips.pack(tmp_path / "bomb.zip", {"a.mp4": bytes(11 * 1024**2)}, zipfile.ZIP_DEFLATED)
    found, status = lines(packed, broken, bomb, "--frames", 10)
    assert status == 1
    told = {line["file"].removeprefix(f"{tmp_path}/"): line for line in found}
    codes = {name: line["error"] and line["error"]["code"] for name, line in told.items()}
    assert codes == {
        "many.zip/day 1/talk.mp4": None,
        "many.zip/../up.mp4": "bad_name",
        "many.zip/inner.zip": "zip_nested",
        "many.zip/notes.txt": "not_a_video",
        "broken.zip": "zip_broken",
        "bomb.zip": "zip_bomb",
    }
    assert told["many.zip/day 1/talk.mp4"]["sha256"] == hashlib.sha256(clip).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.zip", "broken.zip", "many.zip"]


def test_a_readable_summary(clips: Clips, tmp_path: Path) -> None:
    output, errors, status = analyze(clips(seconds=1, people=2, size=(640, 240)), tmp_path / "none.mp4")
    assert status == 1
    assert "Person 1 (20 frames, 0.0 to 1.0 s)" in output
    assert "Person 2" in output
    assert "20 of 20 frames read, faces in 20; 640x240, h264, 1.0 s" in output
    assert summary.CAVEAT in output
    assert "is fake" not in output
    assert "There is no such file." in errors


def test_both_say_that_frames_were_taken_from_where_faces_were_seen(clips: Clips) -> None:
    path = clips("late.mp4", seconds=5, draw=late)
    (line,), _ = lines(path, "--frames", 10)
    (note,) = line["notes"]
    more = line["frames_analysed"] - 10
    assert note == f"looked_again:{more}"
    output, _, _ = analyze(path, "--frames", 10)
    assert f"10 and {more} more frames read, faces in {line['frames_with_faces']}" in output
    assert f"{more} more frames were taken from there." in output


def test_a_detector_that_is_not_there(clips: Clips) -> None:
    with pytest.raises(CommandError, match="Installed: tiny"):
        analyze(clips(seconds=1), "--detector", "huge")


@pytest.mark.parametrize("frames", ["0", "-3", "ten"])
def test_a_count_that_is_none(frames: str, clips: Clips) -> None:
    with pytest.raises(CommandError):
        analyze(clips(seconds=1), f"--frames={frames}")


@pytest.mark.django_db(transaction=True)
def test_findings_are_saved_when_asked(clips: Clips, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    path = clips(seconds=1)
    (line,), status = lines(path, "--save")
    assert status == 0
    scan = Scan.objects.select_related("video").get()
    assert scan.status == Scan.Status.DONE
    assert (scan.verdict, scan.frame_count, scan.video.sha256) == (line["verdict"], 20, line["sha256"])
    assert scan.fake_probability == pytest.approx(line["fake_probability"])
    assert Path(scan.video.file.path).read_bytes() == path.read_bytes()
    face = scan.faces.get()
    assert face.frames.count() == 20
    assert face.frames.exclude(heatmap="").count() == 3


def test_it_needs_no_database(clips: Clips, tmp_path: Path) -> None:
    """As a process of its own, whose database cannot be reached and whose detector is not installed."""
    environment = {**os.environ, "DATABASE_URL": "postgres://127.0.0.1:1/none", "DATA_DIR": str(tmp_path)}
    environment["MODELS_DIR"] = str(tmp_path)
    command = [sys.executable, "manage.py", "analyze", str(clips(seconds=1)), "--json"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "There is no detector named 'standard'" in result.stderr
    assert "Traceback" not in result.stderr


def test_links_are_fetched(clips: Clips, host: Host, settings: Any) -> None:
    settings.LINK_NETWORKS = ["127.0.0.1/32"]
    path = clips(seconds=1)
    url = host.leads("/short", host.gives("/talk.mp4", path.read_bytes()))
    (line, missing, private), status = lines(
        url, f"{host.url}/none.mp4", "http://169.254.169.254/latest", "--frames", 10
    )
    assert status == 1
    assert (line["file"], line["error"]) == (url, None)
    assert line["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert line["origin"]["found_url"] == f"{host.url}/talk.mp4"
    assert (missing["file"], missing["error"]["code"]) == (f"{host.url}/none.mp4", "link_not_found")
    assert private["error"]["code"] == "address_not_allowed"
    settings.LINKS = False
    _output, errors, status = analyze(url, "--frames", 10)
    assert (status, "takes files, not links" in errors) == (1, True)


@pytest.mark.django_db
def test_a_saved_link_is_kept_with_its_origin(
    clips: Clips, host: Host, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT, settings.LINK_NETWORKS = tmp_path / "media", ["127.0.0.1/32"]
    url = host.gives("/talk.mp4", clips(seconds=1).read_bytes())
    _output, _errors, status = analyze(url, "--frames", 10, "--save")
    assert status == 0
    assert [origin.url for origin in Scan.objects.get().video.origins.all()] == [url]


def test_pictures_are_judged_by_the_head_for_them(clips: Clips, tmp_path: Path, settings: Any) -> None:
    """Beside videos: by the head of the fewest frames, and by it alone whatever --frames says."""
    models = Path(shutil.copytree(settings.MODELS_DIR, tmp_path / "models"))
    settings.MODELS_DIR = models
    judge_pictures(open_folder(models, "tiny").heads[10], Decision(0.2, 0.1, 0.15))
    exif = Pillow.Exif()
    exif[Base.Make] = "Make of a camera"
    Pillow.fromarray(picture(0.0)).save(tmp_path / "face.jpg", exif=exif)
    Pillow.fromarray(picture(0.0, people=0)).save(tmp_path / "nobody.png")
    found, status = lines(tmp_path / "face.jpg", clips(seconds=1), tmp_path / "nobody.png", "--frames", 20)
    assert status == 0
    face, _clip, nobody = found
    assert [line["kind"] for line in found] == ["picture", "video", "picture"]
    assert [line["detector"]["frame_count"] for line in found] == [10, 20, 10]
    assert (face["frames_requested"], face["frames_analysed"], face["duration_s"]) == (1, 1, None)
    assert face["file_says"] == {"camera_make": ["Make of a camera"]}
    (person,) = face["faces"]
    assert person["fake_probability"] == face["fake_probability"]
    assert face["fake_probability"] > 0.2
    assert face["verdict"] == "fake", "by the threshold for pictures"
    assert (nobody["verdict"], nobody["reason"]) == ("not_analysable", "no_face")
    lying = tmp_path / "lying.png"
    Pillow.fromarray(picture(0.0)).transpose(Pillow.Transpose.ROTATE_90).save(lying)
    text, _, _ = analyze(tmp_path / "face.jpg", lying, "--frames", 20)
    assert "it has no time line" in text
    assert "turned by 90 degrees" in text, "no mark says so, and nobody stands in it"
    assert text.count("Person 1") == 2
    assert "The file says of itself: camera make: Make of a camera" in text


def test_a_detector_that_was_not_measured_on_pictures_judges_none(tmp_path: Path) -> None:
    Pillow.fromarray(picture(0.0)).save(tmp_path / "face.jpg")
    (line,), status = lines(tmp_path, "--frames", 10)
    assert status == 0
    assert (line["verdict"], line["reason"], line["faces"]) == ("not_analysable", "pictures_not_measured", [])
    text, _, _ = analyze(tmp_path / "face.jpg")
    assert "not measured on single pictures" in text
