"""What a checkpoint file says of itself: all that is needed to use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ml_app.detection.checkpoints.layers import Layer
from ml_app.detection.findings import DetectorInfo


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a face becomes the network's input. `margin` as in `crops`."""

    image_size: int  # side of the square crop, pixels; 0 where no crop is read
    margin: float
    crop: Literal["landmarks", "box"] = "landmarks"  # square of the 68 landmarks, or the detector's own box
    colour_order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of channels scaled to 0..1, in colour order
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    whole_frame_without_face: bool = False  # the published pipeline's habit
    # followed: every person through the frames. first_found: the published pipeline's first box of each
    # frame, found at full size in colour_order, whoever that is.
    faces: Literal["followed", "first_found"] = "followed"
    resize: Literal["area", "pillow"] = "area"  # `crops.crop`, or Pillow's antialiased bilinear
    # What of a sighting the network reads, see `faces.inputs`. Only people who are followed have landmarks.
    reads: Literal["crops", "landmarks"] = "crops"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are read.

    even: N frames evenly over the whole time. bursts: groups of `burst` neighbouring frames, the groups
    evenly over the whole time. first: the first N frames of the file, as the published pipeline does.
    `burst_step_s`: seconds between the neighbours of a group, rounded to whole frames, at least one.
    """

    pattern: Literal["even", "bursts", "first"] = "even"
    burst: int = 1
    burst_step_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logit of a person → probability of FAKE: sigmoid(slope · logit + intercept) (Platt scaling, 1999)."""

    slope: float = 1.0
    intercept: float = 0.0
    fitted_on: str = ""  # which clips; empty means not calibrated


@dataclass(frozen=True, slots=True)
class Decision:
    """When a calibrated probability becomes a verdict: UNCERTAIN inside [low, high), else REAL or FAKE."""

    threshold: float = 0.5
    uncertain_low: float = 0.4
    uncertain_high: float = 0.6
    supported_ratio: float = (
        0.0  # the largest likelihood ratio that the clips it was chosen on can show; 0: unknown
    )


@dataclass(frozen=True, slots=True)
class PictureMeasurement:
    """How a single picture becomes a verdict: fitted and measured on pictures, never on clips.

    Its logit is the head's for a sequence of one frame, so nothing of variation over time is in it.
    """

    calibration: Calibration
    decision: Decision
    metrics: dict[str, Any] = field(default_factory=dict)  # as those of a head


@dataclass(frozen=True, slots=True)
class BackboneMetadata:
    """What a backbone file says of itself."""

    name: str  # of the detector it belongs to
    version: str
    backbone: str  # key of networks.backbones.BACKBONES
    preprocessing: Preprocessing
    training_data: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class DrawnMetadata:
    """What a file that tells drawn faces from photographed ones says of itself."""

    name: str  # of the detector it belongs to
    second_sha256: str  # the second network whose tokens it reads; no other will do
    second_backbone: str  # and how that looks
    threshold: float  # logit from which a person of a video counts as drawn
    picture_threshold: float  # and one of a single picture, which is less sure
    training_data: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A detector that an ensemble asks; the head's file names the hashes of the others."""

    name: str
    frame_count: int
    head_sha256: str
    weight: float  # of its calibrated logit in the ensemble's


@dataclass(frozen=True, slots=True)
class HeadMetadata:
    """What a head file says of itself."""

    name: str
    version: str
    architecture: str  # "resnext50_lstm", another backbone's, "published_resnext50_lstm", "keras_sequential"
    frame_count: int
    backbone_sha256: str  # the backbone this head was trained on; no other will do
    dimensions: dict[str, int]  # fields of the architecture's config
    preprocessing: Preprocessing
    sampling: Sampling = Sampling()
    label_order: tuple[str, ...] = ("fake",)  # meaning of the outputs; ("fake",) is a single logit of FAKE
    layers: tuple[Layer, ...] = ()  # of a "keras_sequential", from landmarks to outputs
    calibration: Calibration = Calibration()
    decision: Decision = Decision()
    training_data: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)  # measured on clips, by name
    # Where a second network looks at a few of a person's frames: its file, at how many, and how it looks: a
    # key of networks.backbones.BACKBONES that takes the file's weights; empty: the one that the file names.
    second_sha256: str = ""
    second_frames: int = 0
    second_backbone: str = ""
    # Only where this is the head of the fewest frames, which judges pictures; without it, none is judged.
    pictures: PictureMeasurement | None = None
    licence: str = ""
    # Of an ensemble: whom it asks, and from which calibrated logit on two of them on opposite sides leave it
    # UNCERTAIN; 0: from none.
    parts: tuple[Part, ...] = ()
    disagreement: float = 0.0

    def info(self, sha256: str) -> DetectorInfo:
        """How findings name this detector; `sha256` is that of the head's file."""
        return DetectorInfo(self.name, self.version, self.architecture, self.frame_count, sha256)
