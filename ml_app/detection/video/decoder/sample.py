"""The sampled frames of a video, got with as little decoding as possible."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from ml_app.detection.video.decoder.plan import Step, budget, plan
from ml_app.detection.video.decoder.reader import Reader
from ml_app.detection.video.decoder.survey import Survey
from ml_app.detection.video.sampling import snap_to_frames

# These seek to any packet about a time, not to a keyframe at or before it.
_LOOSE_CONTAINERS = ("mpegts", "mpeg")
_LOOSE_SEEK_S = 1.0
_LATE = 6  # half frames by which a frame may come after the wanted moment


class Sampler:
    """Reads one sample. `notes`: codes for the parent, complete after the last frame."""

    def __init__(self, reader: Reader, found: Survey) -> None:
        self._reader = reader
        self._found = found
        self._slack_s = 0.5 / (found.frame_rate or 25.0)
        self._last_s = float("-inf")
        self._frames: Iterator[tuple[float, Any]] = iter(())
        self._target_s = float("-inf")
        self._margin_s = _LOOSE_SEEK_S if reader.container_name in _LOOSE_CONTAINERS else 0.0
        self.notes: list[str] = []

    def frames(self, times: Sequence[float] | None, count: int) -> Iterator[tuple[float, Any]]:
        """Sampled frames as (seconds from the start of the video, av.VideoFrame), in order.

        Args:
            times: Wanted moments in seconds, rising; None for the first `count` frames of the file.
            count: How many.
        """
        if times is None:
            yield from self._counted(list(range(count)))
        elif not self._found.timed:
            length, total = self._found.duration_s, self._found.frame_count
            places = snap_to_frames([i * length / total for i in range(total)], times)
            yield from self._counted(places)
        else:
            yield from self._timed(times)

    def _counted(self, places: Sequence[int]) -> Iterator[tuple[float, Any]]:
        """Frames by their number in the file."""
        self._reader.rewind()
        wanted = iter(places)
        place = next(wanted, None)
        for number, (time_s, frame) in enumerate(self._forward()):
            if number == place:
                self._last_s = max(
                    self._last_s, time_s if self._found.timed else number / self._found.frame_rate
                )
                yield self._last_s, frame
                place = next(wanted, None)
            if place is None:
                return

    def _timed(self, times: Sequence[float]) -> Iterator[tuple[float, Any]]:
        known = self._found.frame_times
        if known is not None:
            times = [known[place] for place in snap_to_frames(known, times)]
        keyframes = [self._keyframe_for(time_s) for time_s in times]
        geometry = self._reader.geometry
        steps, moved = plan(times, keyframes, self._found.frame_rate, budget(geometry.width, geometry.height))
        if moved:
            self.notes.append("keyframes_only")
        for number, step in enumerate(steps):
            alone = number + 1 == len(steps) or steps[number + 1].keyframe_s is not None
            item = self._get(step, alone and step.time_s == step.keyframe_s)
            if item is not None:
                yield item

    def _keyframe_for(self, time_s: float) -> float:
        """The keyframe from which the frame at a time can be decoded; the next one where seeks are loose."""
        known = self._found.keyframe_times
        if known is not None:
            return known[max(0, bisect_right(known, time_s) - 1)] if known else 0.0
        self._seek(time_s)
        for packet in self._reader.packets():
            if packet.is_keyframe and (stamp := self._reader.time_of(packet)) is not None:
                return stamp - self._found.origin_s
        return time_s

    def _get(self, step: Step, keyframe_only: bool) -> tuple[float, Any] | None:
        self._target_s = step.time_s
        if step.keyframe_s is not None:
            self._go_to(step.keyframe_s, keyframe_only)
        item = self._next_from(step.time_s)
        if step.keyframe_s is not None and (item is None or item[0] > step.time_s + _LATE * self._slack_s):
            # Not a keyframe but the start of an intra refresh, which is complete only some frames later.
            earlier_s = self._keyframe_for(step.keyframe_s - 2 * self._slack_s)
            if earlier_s < step.keyframe_s:
                self._go_to(earlier_s)
                item = self._next_from(step.time_s) or item
        if item is not None:
            self._last_s = item[0]
        return item

    def _go_to(self, keyframe_s: float, keyframe_only: bool = False) -> None:
        self._seek(keyframe_s)
        self._frames = self._forward(keyframe_s, keyframe_only)

    def _seek(self, time_s: float) -> None:
        landing_s = time_s - self._margin_s
        if landing_s <= 0:
            self._reader.rewind()
        else:
            self._reader.seek(self._found.origin_s + landing_s)

    def _next_from(self, time_s: float) -> tuple[float, Any] | None:
        for shown_s, frame in self._frames:
            if shown_s >= time_s - self._slack_s and shown_s > self._last_s:
                return shown_s, frame
        return None

    def _forward(
        self, keyframe_s: float | None = None, keyframe_only: bool = False
    ) -> Iterator[tuple[float, Any]]:
        """Decode from here on, beginning with the keyframe at a time, or with that alone."""
        reader, origin, next_s = self._reader, self._found.origin_s, keyframe_s or 0.0
        started = keyframe_s is None
        for packet in self._packets_and_end():
            stamp = None if packet is None else reader.time_of(packet)
            time_s = None if stamp is None else stamp - origin
            if not started and packet is not None:
                early = time_s is not None and time_s < (keyframe_s or 0.0) - self._slack_s
                if early or not packet.is_keyframe:
                    continue
                started = True
            reader.skip(reader.stamped and time_s is not None and time_s < self._target_s - self._slack_s)
            frames = reader.decode(packet)
            if keyframe_only and not frames:
                frames = reader.decode(None)
            for frame in frames:
                stamp = reader.time_of(frame) if reader.stamped else None
                next_s = next_s if stamp is None else stamp - origin
                yield next_s, frame
                next_s += 2 * self._slack_s
            if keyframe_only:
                return

    def _packets_and_end(self) -> Iterator[Any]:
        yield from self._reader.packets()
        yield None
