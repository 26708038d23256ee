"""The notebooks run from top to bottom on a small sample, and are kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ml_app.detection.checkpoints.manifest import open_folder

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
RECIPE = """
name: sample
version: "1"
backbone: resnet50
phases: [{size: 32, steps: 2, batch: 4}]
mix: {picture_pairs: 0, self_blended: 0.5, clip_pairs: 0.5, clips: 0}
save_every: 2
measure_every: 2
heads: {frame_counts: [8], projection: 8, hidden: 4, views: 1, steps: 10, batch: 4, held_out: 0.5, blended: 1}
"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], path.name
            assert cell["execution_count"] is None, path.name
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert path.stat().st_size < 20_000


def run(name: str) -> str:
    """Run a notebook in a kernel of its own; returns everything that its cells put out."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return json.dumps(outputs, ensure_ascii=False)


@pytest.mark.processes
def test_the_notebooks_lead_from_clips_to_a_prediction(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sample.yaml").write_text(RECIPE)
    places = {
        "CLIPS": media / "clips.csv",
        "PREPARED": tmp_path / "prepared",
        "RECIPE": tmp_path / "sample.yaml",
        "RUN": tmp_path / "run",
        "MODELS": tmp_path / "models",
        "DETECTOR": "sample",
        "FRAMES": 8,
        "VIDEO": media / "fake3.mp4",
    }
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    try:
        prepared = run("preprocessing")
        assert "96 new faces, 0 files passed over" in prepared
        assert prepared.count("image/png") == 3
        trained = run("training")
        assert "head-8.safetensors" in trained
        assert "crops_per_second" in trained
        assert list(open_folder(tmp_path / "models", "sample").heads) == [8]
        predicted = run("prediction")
        assert "person 1" in predicted
        assert predicted.count(" s  0.") == 8
        assert "image/png" in predicted
    finally:
        (tmp_path / "run/last.pt").unlink(missing_ok=True)  # of hundreds of megabytes
