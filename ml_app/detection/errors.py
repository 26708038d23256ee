"""Errors of the detector: a stable code for programs, and a message for people that says what to do."""

from __future__ import annotations


class DetectionError(Exception):
    """An analysis or a checkpoint failed for a known reason.

    `code` is stable and machine-readable; `message` is a sentence for the person who uploaded; `detail` is
    for the log and the admin, and may name libraries and numbers, never a path.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    def __reduce__(self) -> tuple[type[DetectionError], tuple[str, ...]]:
        # Exceptions cross the border between processes; the default would lose two of the three.
        return type(self), (self.code, self.message, self.detail)


class VideoError(DetectionError):
    """The file cannot be analysed."""


class CheckpointError(DetectionError):
    """The weights cannot be used."""


class Cancelled(DetectionError):  # noqa: N818 - not a failure
    """The caller asked to stop."""

    def __init__(self) -> None:
        super().__init__("cancelled", "The analysis was cancelled.")

    def __reduce__(self) -> tuple[type[DetectionError], tuple[str, ...]]:
        return type(self), ()


def cause(error: BaseException) -> str:
    """A foreign exception for a `detail`: its type and text, without the path that an OSError carries."""
    text = (error.strerror or "") if isinstance(error, OSError) else str(error)
    return f"{type(error).__name__}: {text[:400]}"
