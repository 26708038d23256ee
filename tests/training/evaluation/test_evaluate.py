"""`manage.py evaluate` on small clips and a tiny network: files, agreement with `analyze`, bad clips."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command

from ml_app.detection import ensemble
from ml_app.detection.checkpoints.files import read_metadata, save_checkpoint
from ml_app.detection.checkpoints.manifest import open_folder, sha256_of
from ml_app.detection.checkpoints.metadata import BackboneMetadata, Calibration, HeadMetadata, Part
from ml_app.detection.networks.backbones import BACKBONES, BackboneSpec
from ml_app.detection.video.opening import open_video
from ml_app.training.evaluation import judging
from ml_app.training.evaluation.cache import Cache
from ml_app.training.evaluation.variants import VARIANTS, VariantFailed, varied
from tests.detection.conftest import CHANNELS, tiny_backbone, write_detector
from tests.detection.landmark_faces import write_landmark_detector
from tests.media import Clips, make_clip
from tests.training.conftest import face_picture

VARIANT = {variant.name: variant for variant in VARIANTS}


@pytest.fixture(scope="module", autouse=True)
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The detectors "tiny", for 10 and 20 frames, "points", and "both", an ensemble of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", BackboneSpec("tiny", CHANNELS, tiny_backbone))
        folder = write_detector(tmp_path_factory.mktemp("evaluated-models"))
        write_landmark_detector(folder, "points", (10,))
        _write_ensemble(folder)
        yield folder
    torch.set_num_threads(threads)


def _write_ensemble(folder: Path) -> None:
    """One that abstains as soon as its parts stand on opposite sides."""
    heads = [open_folder(folder, name).heads[10] for name in ("tiny", "points")]
    first = read_metadata(heads[0].path, HeadMetadata)
    parts = tuple(
        Part(name, 10, head.sha256, weight)
        for name, head, weight in zip(("tiny", "points"), heads, (0.75, 1.5), strict=True)
    )
    about = BackboneMetadata("both", "1", "ensemble", first.preprocessing, "nothing", "CC0-1.0")
    save_checkpoint(folder / "both" / "backbone.safetensors", {}, about)
    backbone = sha256_of(folder / "both" / "backbone.safetensors")
    head = replace(
        first,
        name="both",
        architecture="ensemble",
        backbone_sha256=backbone,
        calibration=Calibration(1.0, 0.2, "dev clips (8)"),
        parts=parts,
        disagreement=1e-9,
    )
    save_checkpoint(folder / "both" / "head-10.safetensors", {}, head)


@pytest.fixture(autouse=True)
def _settings(settings: Any, models_dir: Path) -> None:
    settings.MODELS_DIR, settings.DETECTOR, settings.DEVICE = models_dir, "tiny", "cpu"


@dataclass(frozen=True)
class Report:
    """What the command wrote."""

    metrics: dict[str, Any]
    scores: list[dict[str, str]]
    page: str
    said: str


def evaluate(table: Path, out: Path, *arguments: object) -> Report:
    output = io.StringIO()
    options = ["--clips", table, "--report", out, "--cache", out.parent / "cache", "--resamples", 50]
    call_command(
        "evaluate", *map(str, [*options, *arguments]), "--models", _models(), stdout=output, stderr=output
    )
    with (out / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    metrics = json.loads((out / "metrics.json").read_text())
    return Report(metrics, scores, (out / "index.html").read_text(), output.getvalue())


def _models() -> str:
    from django.conf import settings

    return str(settings.MODELS_DIR)


def analyze(files: list[Path], frames: int, *arguments: str) -> list[dict[str, Any]]:
    output = io.StringIO()
    options = ["--frames", str(frames), "--json", *arguments]
    try:
        call_command("analyze", *map(str, files), *options, stdout=output)
    except SystemExit as leaving:
        assert leaving.code == 1  # one of them cannot be analysed
    return [json.loads(line) for line in output.getvalue().splitlines()]


@pytest.fixture(scope="module")
def table(media: Path, clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training tests' eight clips, and three that have no score: no face, no video, no file."""
    folder = tmp_path_factory.mktemp("evaluated")
    lines = (media / "clips.csv").read_text().splitlines()
    path = folder / "clips.csv"
    empty = os.path.relpath(clips(seconds=1, people=0), folder)
    (folder / "broken.mp4").write_bytes(b"no video at all" * 100)
    rows = [f"{os.path.relpath(media, folder)}/{line}" for line in lines[1:]]
    rows += [f"{empty},dev,real,real,,", "broken.mp4,dev,fake,fake,,", "gone.mp4,dev,fake,fake,,"]
    path.write_text("\n".join([lines[0], *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def report(table: Path, models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One measurement of all of it at 10 frames."""
    from django.conf import settings

    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MODELS_DIR", models_dir, raising=False)
        return evaluate(table, folder / "out", "--frames", 10, "--detector", "tiny", "--device", "cpu")


def test_scores_are_those_of_analyze_clip_by_clip(report: Report, table: Path) -> None:
    lines = analyze([table.parent / row["file"] for row in report.scores], 10)
    assert len(lines) == len(report.scores) == 11
    assert sum(line["fake_probability"] is not None for line in lines) == 8
    for row, line in zip(report.scores, lines, strict=True):
        said = line["fake_probability"]
        assert row["fake_probability"] == ("" if said is None else repr(said))
        assert (row["verdict"], row["reason"]) == (line["verdict"], line["reason"] or "")
        assert report.metrics["detector"]["head_sha256"] == line["detector"]["sha256"]


def test_an_ensemble_is_measured_as_any_other(table: Path, tmp_path: Path) -> None:
    found = evaluate(table, tmp_path / "out", "--frames", 10, "--detector", "both")
    lines = analyze([table.parent / row["file"] for row in found.scores], 10, "--detector", "both")
    assert sum(bool(row["fake_probability"]) for row in found.scores) == 8
    for row, line in zip(found.scores, lines, strict=True):
        said = line["fake_probability"]
        assert row["fake_probability"] == ("" if said is None else repr(said))
        assert (row["verdict"], row["reason"]) == (line["verdict"], line["reason"] or "")
    told = found.metrics["detector"]
    assert (told["name"], told["calibrated_on"]) == ("both", "dev clips (8)")
    assert [(part["name"], part["weight"]) for part in told["parts"]] == [("tiny", 0.75), ("points", 1.5)]
    uncertain = [row for row in found.scores if row["verdict"] == "uncertain"]
    assert found.metrics["abstentions"]["uncertain"] == len(uncertain)
    assert told["head_sha256"] in found.page
    with pytest.raises(CommandError, match="'both' judges no single pictures"):
        evaluate(table, tmp_path / "out", "--frames", 10, "--detector", "both", "--faces", __file__)


def test_one_thread_at_a_time_uses_a_network(models_dir: Path, tmp_path: Path) -> None:
    for name in ("tiny", "both"):
        judge = judging.Judge(ensemble.load(models_dir, name, 10, "cpu").ready(), 10, Cache(tmp_path, {}))
        shared = judge._shared
        guarded = shared.parts[0] if isinstance(shared, ensemble.Ensemble) else shared
        network = guarded.ready()
        used = threading.Event()

        def embed(inputs: Any, used: threading.Event = used) -> None:
            used.set()

        network._detector.embed = embed  # type: ignore[attr-defined]
        with network._lock:  # type: ignore[attr-defined] - as another thread that uses it would hold it
            waiting = threading.Thread(target=network.embed, args=([],), daemon=True)
            waiting.start()
            assert not used.wait(0.2)
        assert used.wait(5)
        waiting.join()


def test_every_clip_stays_in_the_table(report: Report, table: Path) -> None:
    assert list(report.scores[0]) == [
        *("file", "label", "family", "generator_or_corpus", "pair", "fake_probability", "verdict", "reason")
    ]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for column in ("file", "label", "family", "generator_or_corpus", "pair"):
        assert [row[column] for row in report.scores] == [row[column] for row in rows]
    last = [(row["fake_probability"], row["verdict"], row["reason"]) for row in report.scores[-3:]]
    assert [verdict for _, verdict, _ in last] == ["not_analysable"] * 3
    assert [probability for probability, _, _ in last] == [""] * 3
    reasons = [reason for _, _, reason in last]
    assert (reasons[0], reasons[2]) == ("no_face", "not_found")
    missing = report.metrics["not_analysable"]
    assert (missing["n"], missing["fake"], missing["real"]) == (3, 2, 1)
    assert sorted(missing["reasons"]) == sorted(reasons)
    assert "left out" in missing["treatment"]
    assert "3 clips have no score" in report.said


def test_the_metrics_tell_what_was_measured_with_what(report: Report) -> None:
    metrics = report.metrics
    for group in (metrics["overall"], metrics["families"]["fake"], metrics["generators"]["maker of fake"]):
        for name in (
            *("auc", "average_precision", "accuracy", "precision", "recall", "f1"),
            *("equal_error_rate", "tpr_at_fpr_1", "tpr_at_fpr_5"),
        ):
            figure = group[name]
            assert list(figure) == ["value", "low", "high", "n"]
            assert figure["n"] == 8
    assert metrics["pair_accuracy"]["n"] == 4
    assert (metrics["frames"], metrics["detector"]["frame_count"]) == (10, 10)
    assert metrics["software"]["version"]
    assert len(metrics["detector"]["backbone_sha256"]) == 64
    assert "4 of 11 clips belong to a split named train" in report.said
    assert "belong to a split named train" in report.page


def test_the_page_needs_nothing_but_itself(report: Report) -> None:
    page = report.page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<link" not in page
    assert "--paper" in page  # the site's colours
    assert f"{report.metrics['overall']['auc']['value']:.3f}" in page
    assert report.metrics["detector"]["head_sha256"] in page


def test_a_split_and_a_count_without_a_head(table: Path, tmp_path: Path) -> None:
    found = evaluate(table, tmp_path / "out", "--split", "train", "--frames", 8)
    assert len(found.scores) == 4
    assert found.metrics["clips"]["split"] == "train"
    assert (found.metrics["frames"], found.metrics["detector"]["frame_count"]) == (8, 10)
    assert "no head for 8 frames; the nearest, for 10, was used" in found.said
    lines = analyze([table.parent / row["file"] for row in found.scores], 8)
    assert [repr(line["fake_probability"]) for line in lines] == [
        row["fake_probability"] for row in found.scores
    ]


def test_what_was_judged_is_not_judged_again(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: Clips
) -> None:
    first = evaluate(table, tmp_path / "out", "--split", "train", "--frames", 10)
    calls: list[Path] = []
    real = judging.analyse

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        calls.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(judging, "analyse", counted)
    again = evaluate(table, tmp_path / "again", "--split", "train", "--frames", 10)
    assert calls == []
    assert again.scores == first.scores
    evaluate(table, tmp_path / "other", "--split", "train", "--frames", 20)  # another head
    assert len(calls) == 4


def test_one_clip_that_breaks_the_program_does_not_end_the_run(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = judging.analyse

    def broken(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "real0.mp4":
            raise RuntimeError("a fault of ours")
        return real(path, *arguments, **options)

    monkeypatch.setattr(judging, "analyse", broken)
    found = evaluate(table, tmp_path / "out", "--split", "train", "--frames", 10, "--jobs", 2)
    said = {Path(row["file"]).name: row["reason"] for row in found.scores}
    assert said["real0.mp4"] == "internal_error"
    assert found.metrics["overall"]["auc"]["n"] == 3
    monkeypatch.setattr(judging, "analyse", real)
    mended = evaluate(table, tmp_path / "out", "--split", "train", "--frames", 10)  # errors are not kept
    assert mended.metrics["overall"]["auc"]["n"] == 4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--frames", 0), "--frames must be 1 or more"),
        (("--split", "test"), "no clips of the split 'test'"),
        (("--detector", "huge"), "Installed: both, points, tiny"),
        (("--faces", __file__), "not an uncompressed tar file"),
    ],
)
def test_what_cannot_be_measured(
    arguments: tuple[object, ...], complaint: str, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=complaint):
        evaluate(table, tmp_path / "out", "--split", "train", "--frames", 10, *arguments)


def test_robustness_and_false_alarms_by_group(table: Path, tmp_path: Path) -> None:
    tar = tmp_path / "faces.tar"
    with tarfile.open(tar, "w") as archive:
        for number, name in enumerate(("30_0_1_1.jpg", "31_1_2_2.jpg", "32_1_2_3.jpg")):
            data = cv2.imencode(".jpg", face_picture(number)[..., ::-1])[1].tobytes()
            member = tarfile.TarInfo(f"dev/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    two = table.with_name("two.csv")
    two.write_text("\n".join(table.read_text().splitlines()[:3]) + "\n")
    found = evaluate(two, tmp_path / "out", "--frames", 4, "--robustness", "--faces", tar)
    rows = found.metrics["robustness"]
    assert [row["name"] for row in rows] == ["original", *VARIANT]
    assert sum(row["not_analysable"] for row in rows) <= 4  # of 22; the smallest faces
    assert rows[0]["auc_change"]["value"] == 0
    assert {row["auc"]["n"] + row["not_analysable"] for row in rows} == {2}
    again = evaluate(two, tmp_path / "out", "--frames", 4, "--robustness", "half", "mirrored")
    assert again.metrics["robustness"] == [row for row in rows if row["name"] in "original half mirrored"]
    with pytest.raises(CommandError, match=r"No such variant: blurred\. There are h264_crf23, "):
        evaluate(two, tmp_path / "out", "--robustness", "blurred")
    groups = found.metrics["groups"]
    assert groups["gender"]["female"]["n"] == 2
    assert groups["origin"]["Black"]["n"] == 1
    assert groups["overall"]["n"] == 3
    assert "crf 32" in found.page
    assert "By origin" in found.page


def first_frame(path: Path) -> tuple[np.ndarray[Any, Any], float, tuple[int, int]]:
    """The first frame as it is shown, the length in seconds, and width and height."""
    with open_video(path) as video:
        info = video.info
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return picture, info.duration_s, (info.width, info.height)


def test_variants_do_what_they_say(clips: Clips) -> None:
    source = clips(seconds=3)
    before, _, _ = first_frame(source)
    made = {}
    for name, variant in VARIANT.items():
        with varied(source, variant) as path:
            made[name] = (*first_frame(path), path.stat().st_size)
        assert not path.parent.exists()
    assert made["half"][2] == (160, 120)
    assert made["quarter"][2] == (80, 60)
    assert {size for name, (_, _, size, _) in made.items() if name not in ("half", "quarter")} == {(320, 240)}
    assert made["trimmed"][1] == pytest.approx(2, abs=0.1)
    assert made["h264_crf23"][1] == pytest.approx(3, abs=0.1)
    assert made["h264_crf23"][3] > made["h264_crf32"][3] > made["h264_crf40"][3]
    mirrored = made["mirrored"][0][:, ::-1].astype(int)
    assert np.abs(mirrored - before).mean() < 8 < np.abs(made["mirrored"][0].astype(int) - before).mean()
    assert made["darker"][0].mean() < 0.75 * before.mean()
    assert made["brighter"][0].mean() > 1.15 * before.mean()
    sharp, soft = (cv2.Laplacian(image, cv2.CV_64F).var() for image in (before, made["screen_recording"][0]))
    assert soft < sharp / 2


def test_a_variant_of_a_turned_clip_stands_upright(tmp_path: Path, clips: Clips) -> None:
    turned = make_clip(tmp_path / "turned.mp4", seconds=0.4, rotation=90, size=(320, 240))
    upright, _, _ = first_frame(clips(seconds=0.4))
    with varied(turned, VARIANT["h264_crf23"]) as path:
        picture, _, size = first_frame(path)
    assert size == (320, 240)
    assert np.abs(picture.astype(int) - upright).mean() < 8


def test_a_file_without_video_has_no_variants(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VariantFailed), varied(tmp_path / "text.mp4", VARIANT["half"]):
        pass
