"""What a file that FFmpeg would not open looks like, judged by its first bytes."""

from __future__ import annotations

import os

from ml_app.detection.errors import VideoError
from ml_app.detection.video.errors import video_error

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof", b"pnot")
_VIDEO = (b"\x1aE\xdf\xa3", b"0&\xb2u\x8ef\xcf\x11", b"FLV\x01", b"\x00\x00\x01\xba", b"OggS", b"\x06\x0e+4")
_SOUND = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"#!AMR", b"FORM")


def refusal(descriptor: int, detail: str) -> VideoError:
    """The error for a file that cannot be opened.

    Args:
        descriptor: The open file, at any position.
        detail: What FFmpeg said.
    """
    head = os.pread(descriptor, 16, 0)
    if head[4:8] in _MP4_BOXES:
        code = "truncated"  # most often cut before its index, which MP4 may keep at the end
    elif head.startswith(_VIDEO) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        code = "truncated"
    elif head.startswith(_SOUND) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        code = "no_video_stream"
    else:
        code = "not_a_video"
    return video_error(code, detail)
