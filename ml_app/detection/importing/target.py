"""What all imports have in common: the file's first bytes, the name, the folder that appears whole or not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from ml_app.detection.checkpoints.manifest import DetectorFolder, open_folder
from ml_app.detection.errors import CheckpointError

UNKNOWN = "unknown; see where the file came from"


def first_bytes(path: Path) -> bytes:
    """The first 512 bytes of a downloaded file.

    Raises:
        CheckpointError: It cannot be opened, is empty, a web page, or a Git LFS pointer.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise CheckpointError("not_found", f"{path.name} cannot be opened: {error.strerror}.") from error
    if not start:
        raise CheckpointError("empty_file", f"{path.name} is empty. Download it again.")
    if start.lstrip()[:1] == b"<" or b"<html" in start.lower():
        raise CheckpointError(
            "web_page",
            f"{path.name} is a web page and no checkpoint: the download was a page that asks or explains "
            "something. Open its address in a browser and save the file itself.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            "lfs_pointer", f"{path.name} is a Git LFS pointer. Fetch it with `git lfs pull`."
        )
    return start


def check_name(models_dir: Path, name: str) -> None:
    """See that a new detector may be called so.

    Raises:
        CheckpointError: It is no name, or taken.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise CheckpointError(
            "bad_name", f"{name!r} cannot name a detector: use letters, digits, dots, dashes, underscores."
        )
    if (models_dir / name).exists():
        raise CheckpointError(
            "name_taken", f"A detector named {name!r} is installed already. Choose another name or remove it."
        )


def install(models_dir: Path, name: str, write: Callable[[Path], None]) -> DetectorFolder:
    """Let `write` fill a folder, which becomes `models_dir/name` once it is whole."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".import-", dir=models_dir) as partial:
        write(Path(partial) / name)
        (Path(partial) / name).rename(models_dir / name)
    return open_folder(models_dir, name)
