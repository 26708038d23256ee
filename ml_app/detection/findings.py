"""What the detector takes and returns: plain frozen values, without torch, Django or files behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What the software says of a video, or of one person in it."""

    REAL = "real"
    FAKE = "fake"
    UNCERTAIN = "uncertain"
    NOT_ANALYSABLE = "not_analysable"


class Kind(StrEnum):
    """What a file holds: pictures that move, or one that does not."""

    VIDEO = "video"
    PICTURE = "picture"


class Reason(StrEnum):
    """Why a verdict is UNCERTAIN or NOT_ANALYSABLE. Empty for REAL and FAKE."""

    NONE = ""
    NEAR_THRESHOLD = "near_threshold"  # the probability lies in the band around the threshold
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_BLURRED = "too_blurred"
    TOO_DARK = "too_dark"
    TOO_FEW_FRAMES = "too_few_frames"  # the person was seen in too few of the sampled frames
    FRAMES_TOO_FAR_APART = "frames_too_far_apart"  # for a detector that reads movement alone
    DETECTORS_DISAGREE = "detectors_disagree"  # the parts of an ensemble are clear, on opposite sides
    DRAWN_FACE = "drawn_face"  # drawn, painted or rendered: nothing of that was learned or measured
    PICTURES_NOT_MEASURED = "pictures_not_measured"  # the checkpoint was never measured on pictures


class Evidence(StrEnum):
    """Strength of the evidence in words, after verbal scales of forensic reporting."""

    NONE = "none"
    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"
    VERY_STRONG = "very_strong"


class Stage(StrEnum):
    """The stages of an analysis, in their order."""

    PROBE = "probe"  # open the file, read what it says of itself
    FACES = "faces"  # decode the sampled frames and find the people in them
    NETWORK = "network"  # score every crop and every person
    EXPLAIN = "explain"  # heatmaps of the most telling frames


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come: `done` of `total` steps."""

    stage: Stage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may cost. Sizes in bytes, times in seconds."""

    max_file_bytes: int = 2 * 1024**3
    max_duration_s: float = 4 * 3600.0
    max_pixels: int = 8192 * 8192  # of one frame or picture
    wall_seconds: float = 600.0  # of the decoding process
    cpu_seconds: int = 600  # of the decoding process
    memory_bytes: int = 4 * 1024**3  # address space of the decoding process


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a probe of a video or picture file gives.

    `width` and `height` are those of the upright frame, in pixels. `file_says`: what a camera or an editor
    wrote into a picture, as pairs of a name of `video.opening.SAYINGS` and a text; anybody may have written
    it. A picture has no duration, no frame rate and one frame.
    """

    container: str
    codec: str
    width: int
    height: int
    duration_s: float
    frame_rate: float  # frames a second, average; 0.0 where the container does not tell
    frame_count: int  # exact or estimated; 0 where the container does not tell
    rotation: int  # degrees clockwise that the frames were turned to stand upright: 0, 90, 180 or 270
    has_audio: bool
    kind: Kind = Kind.VIDEO
    file_says: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright frame; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class FaceFrameFinding:
    """One person in one frame."""

    time_s: float
    box: Box
    fake_probability: float  # calibrated, 0..1: the model's own score of this frame within its sequence
    sharpness: float  # variance of the Laplacian of the grey face crop
    brightness: float  # mean luma of the face crop, 0..255
    thumbnail: bytes  # JPEG
    heatmap: bytes | None = None  # PNG with alpha, of the thumbnail's shape; only for the most telling frames


@dataclass(frozen=True, slots=True)
class FaceFinding:
    """One person followed through the sampled frames."""

    id: int  # 1, 2, ... in order of first appearance
    verdict: Verdict
    reason: Reason
    fake_probability: float | None  # calibrated, 0..1; None if not analysable
    evidence: Evidence
    frames: tuple[FaceFrameFinding, ...]  # in order of time


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """Which detector made a finding."""

    name: str
    version: str
    architecture: str
    frame_count: int  # that the checkpoint was made for
    sha256: str  # of the head's file, whose metadata names the backbone's hash


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock seconds by stage. Decoding and face detection overlap, so the parts may exceed the total."""

    total: float = 0.0
    decode: float = 0.0
    faces: float = 0.0
    network: float = 0.0
    explain: float = 0.0
    opinions: float = 0.0  # of further detectors on the same people


@dataclass(frozen=True, slots=True)
class Opinion:
    """What another detector says of the same people. Fields as those of `Findings`.

    `faces`: with the numbers of the scan's own, all of its persons; without pictures, at the frames that this
    detector reads. Empty where it judges no file of this kind.
    """

    detector: DetectorInfo
    verdict: Verdict
    reason: Reason
    fake_probability: float | None
    evidence: Evidence
    threshold: float | None
    uncertain_band: tuple[float, float] | None
    frames_analysed: int
    faces: tuple[FaceFinding, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0  # of its network


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything an analysis found out about one video or picture."""

    video: VideoInfo
    detector: DetectorInfo
    verdict: Verdict
    reason: Reason
    fake_probability: float | None  # of the most suspicious person; None if not analysable
    evidence: Evidence
    # Calibrated probability from which a verdict is FAKE, and those between which it is UNCERTAIN. None where
    # nothing is judged, for want of a measurement.
    threshold: float | None
    uncertain_band: tuple[float, float] | None
    frames_requested: int
    frames_analysed: int  # sampled frames that were looked at; more than requested after "looked_again"
    frames_with_faces: int
    faces: tuple[FaceFinding, ...]
    device: str  # "cpu" or "cuda"
    seconds: Seconds = field(default_factory=Seconds)
    # Codes, some with a number: "fewer_frames_than_requested", "more_people:3", "turned:90",
    # "looked_again:8" (frames that were taken besides, from where faces were seen), ...
    notes: tuple[str, ...] = ()
    opinions: tuple[Opinion, ...] = ()  # of further detectors, in the order in which they were asked
