"""What happens to videos on their way through the world, done to a clip: compressed, scaled, cut, filmed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import av.filter

EVEN = ("scale", "trunc(iw/2)*2:trunc(ih/2)*2")  # yuv420p has no odd sizes
TURNED = {90: (("transpose", "cclock"),), 180: (("hflip", ""), ("vflip", "")), 270: (("transpose", "clock"),)}


class VariantFailed(Exception):  # noqa: N818
    """A variant could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing done to a clip. Everything is encoded again as H.264."""

    name: str
    label: str  # in words
    crf: int = 18  # of libx264; 18 is next to no loss, where something else is to be tried
    filters: tuple[tuple[str, str], ...] = ()  # FFmpeg's, with their arguments, on the upright picture
    seconds: float | None = None  # keep so much from the middle

    @property
    def identity(self) -> str:
        """Whatever the result depends on besides the clip."""
        return repr(sorted(asdict(self).items())) + av.__version__


def _scaled(share: float) -> tuple[tuple[str, str], ...]:
    return (("scale", f"trunc(iw*{share}/2)*2:trunc(ih*{share}/2)*2:flags=area"),)


def _brightness(factor: float) -> tuple[tuple[str, str], ...]:
    return (("lutyuv", f"y=(val-minval)*{factor}+minval"),)


VARIANTS = (
    Variant("h264_crf23", "H.264, crf 23", crf=23),
    Variant("h264_crf32", "H.264, crf 32", crf=32),
    Variant("h264_crf40", "H.264, crf 40", crf=40),
    Variant("half", "Half resolution", filters=_scaled(0.5)),
    Variant("quarter", "Quarter resolution", filters=_scaled(0.25)),
    Variant("trimmed", "Middle 2 s", seconds=2.0),
    Variant("mirrored", "Mirrored", filters=(("hflip", ""),)),
    # Scaled to a window and back, softened, and compressed as a recorder in real time does.
    Variant(
        "screen_recording",
        "Screen recording",
        crf=28,
        filters=(
            ("scale", "trunc(iw*0.7/2)*2:trunc(ih*0.7/2)*2:flags=bilinear"),
            ("gblur", "sigma=0.8"),
            ("scale", "trunc(iw/0.7/2)*2:trunc(ih/0.7/2)*2:flags=bilinear"),
        ),
    ),
    Variant("darker", "Darker, 60 %", filters=_brightness(0.6)),
    Variant("brighter", "Brighter, 140 %", filters=_brightness(1.4)),
)


@contextmanager
def varied(path: Path, variant: Variant) -> Iterator[Path]:
    """A variant of a clip, in a temporary folder that is removed afterwards.

    Raises:
        VariantFailed: The clip cannot be decoded or encoded.
    """
    with tempfile.TemporaryDirectory(prefix="variant-") as folder:
        made = Path(folder) / f"{path.stem}.mp4"
        try:
            _make(path, made, variant)
        except (av.FFmpegError, OSError, ValueError, IndexError, StopIteration) as error:
            raise VariantFailed(f"{type(error).__name__}: {error}") from error
        yield made


def _make(source: Path, made: Path, variant: Variant) -> None:
    with av.open(str(source)) as clip, av.open(str(made), "w") as container:
        stream = clip.streams.video[0]
        stream.thread_type = "AUTO"
        first, last = _part(clip, stream, variant.seconds)
        output = graph = None
        for frame in clip.decode(stream):
            if frame.pts is None or not first <= frame.time < last:
                continue
            if graph is None:
                graph = _graph(stream, frame, variant)
            graph.push(frame)
            for filtered in _pulled(graph):
                output = output or _output(container, stream, filtered, variant.crf)
                container.mux(output.encode(filtered))
        if output is None:
            raise ValueError("no frame could be decoded")
        container.mux(output.encode(None))


def _part(clip: Any, stream: Any, seconds: float | None) -> tuple[float, float]:
    if seconds is None:
        return float("-inf"), float("inf")
    start = float((stream.start_time or 0) * stream.time_base)
    duration = float(clip.duration or 0) / av.time_base
    first = start + max(0.0, (duration - seconds) / 2)
    return first, first + seconds


def _graph(stream: Any, frame: Any, variant: Variant) -> Any:
    # From the frame and not the stream: some containers tell nothing of the pixels before the first frame.
    graph = av.filter.Graph()
    node = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base
    )
    turned = TURNED.get(round(frame.rotation) % 360, ())
    ends = (EVEN, ("format", "pix_fmts=yuv420p"), ("buffersink", ""))
    for name, arguments in (*turned, *variant.filters, *ends):
        following = graph.add(name, arguments) if arguments else graph.add(name)
        node.link_to(following)
        node = following
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError, av.BlockingIOError, av.EOFError):
            return


def _output(container: Any, stream: Any, frame: Any, crf: int) -> Any:
    options = {"crf": str(crf), "preset": "veryfast"}
    output = container.add_stream("libx264", rate=stream.average_rate or 25, options=options)
    output.width, output.height, output.pix_fmt = frame.width, frame.height, "yuv420p"
    output.codec_context.time_base = stream.time_base
    return output
