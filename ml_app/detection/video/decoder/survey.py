"""How long a video really is and where its frames lie, found by reading packets without decoding them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ml_app.detection.video.decoder.reader import Reader

READ_WHOLE_BYTES = 64 * 1024**2  # files up to this size are read through; takes some tenths of a second
_END_PACKETS = 3000  # looked at to find the end of larger ones
_LATE_START_S = 10.0  # a container's start further before the first frame than this is a mistake
_JUMP_S = 5.0  # backwards, between packets in decoding order: timestamps that start anew


@dataclass(frozen=True, slots=True)
class Survey:
    """`origin_s`: start of the video on the container's clock; all other times count from it, in seconds.

    `frame_times` (strictly rising) and `keyframe_times` are known for files that were read through.
    `timed`: the timestamps can be used; else frames can only be counted.
    """

    origin_s: float
    duration_s: float
    frame_rate: float
    frame_count: int
    timed: bool = True
    frame_times: tuple[float, ...] | None = None
    keyframe_times: tuple[float, ...] | None = None


def survey(reader: Reader, max_duration_s: float) -> Survey:
    """Read the file through where it is small or what it claims cannot be right, else look at its end.

    Args:
        reader: At any position; left at another.
        max_duration_s: Claims beyond this are checked, so that a wrong header refuses nobody.
    """
    claimed = reader.claimed_duration_s
    reader.rewind()
    if reader.size > READ_WHOLE_BYTES and claimed is not None and 0 < claimed <= max_duration_s:
        found = _from_end(reader, claimed)
        if found:
            return found
        reader.damaged = True  # nothing at the end that it claims to have
        reader.rewind()
    return _from_packets(reader, reader.packets())


def _from_packets(reader: Reader, packets: Iterable[Any]) -> Survey:
    times: list[float] = []
    keyframes: list[float] = []
    decode_times: list[float] = []
    count = 0
    for packet in packets:
        if packet.is_discard or not packet.size:
            continue
        count += 1
        time_s = reader.time_of(packet)
        if time_s is not None:
            times.append(time_s)
            if packet.is_keyframe:
                keyframes.append(time_s)
        if packet.dts is not None:
            decode_times.append(float(packet.dts * packet.time_base))
    restarts = any(later < earlier - _JUMP_S for earlier, later in pairwise(decode_times))
    if len(times) < count or not times or restarts:
        return _untimed(reader, count)
    times = sorted(set(times))
    origin = _origin(reader, times[0])
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else reader.claimed_frame_rate
    return Survey(
        origin_s=origin,
        duration_s=times[-1] - origin + (1 / rate if rate else 0.0),
        frame_rate=rate,
        frame_count=len(times),
        frame_times=tuple(time_s - origin for time_s in times),
        keyframe_times=tuple(time_s - origin for time_s in sorted(set(keyframes))),
    )


def _untimed(reader: Reader, count: int) -> Survey:
    rate = reader.claimed_frame_rate or 25.0
    return Survey(0.0, count / rate, rate, count, timed=False)


def _from_end(reader: Reader, claimed: float) -> Survey | None:
    """Start, and the real end about where the claimed one is. None if there are no frames there."""
    first = next((t for p in reader.packets() if (t := reader.time_of(p)) is not None), None)
    if first is None:
        return None
    origin = _origin(reader, first)
    rate = reader.claimed_frame_rate
    reader.seek(origin + claimed)
    last = None
    for count, packet in enumerate(reader.packets()):
        time_s = reader.time_of(packet)
        if time_s is not None:
            last = max(last or time_s, time_s)
        if count > _END_PACKETS and last is not None and last <= origin + claimed:
            last = max(last, origin + claimed)  # far from the end still: take the claim
            break
    if last is None:
        return None
    duration = last - origin + (1 / rate if rate else 0.0)
    return Survey(origin, duration, rate, reader.claimed_frames or round(duration * rate))


def _origin(reader: Reader, first_s: float) -> float:
    """Players count from the container's start, which may lie before the first frame."""
    start = reader.start_s
    return start if start is not None and 0 <= first_s - start < _LATE_START_S else first_s
