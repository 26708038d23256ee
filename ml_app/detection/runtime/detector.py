"""A loaded detector: crops or landmarks in, scores and where they come from out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from ml_app.detection.checkpoints.files import read_metadata
from ml_app.detection.checkpoints.manifest import open_folder
from ml_app.detection.checkpoints.metadata import (
    Calibration,
    Decision,
    HeadMetadata,
    PictureMeasurement,
    Preprocessing,
    Sampling,
)
from ml_app.detection.errors import CheckpointError
from ml_app.detection.faces.crops import Image
from ml_app.detection.faces.inputs import Input
from ml_app.detection.findings import Reason
from ml_app.detection.runtime.drawn import DrawnReading
from ml_app.detection.runtime.drawn import load as load_drawn
from ml_app.detection.runtime.network import (
    BATCH,
    CropNetwork,
    LandmarkReader,
    Network,
    PersonScores,
    Second,
    Times,
    load_network,
)

Array = npt.NDArray[np.float32]


class Detector:
    """A backbone and a head on a device, with everything their checkpoints say of how to use them.

    Not safe to use from several threads at once.
    """

    def __init__(
        self,
        *,
        head: HeadMetadata,
        sha256: str,
        network: Network,
        frames: int,
        drawn: DrawnReading | None = None,
    ) -> None:
        self.metadata = head
        self.info = head.info(sha256)
        self.frames = frames
        self.network = network
        self.drawn = drawn

    @classmethod
    def load(cls, models_dir: Path, name: str, frames: int, device: str = "auto") -> Detector:
        """Load the head for a frame count, or the nearest there is, and the backbone it belongs to.

        Backbones are kept in memory, so that another head of the same detector loads in milliseconds.

        Args:
            models_dir: Where the detectors' folders are.
            name: The folder's name.
            frames: How many frames will be sampled.
            device: "auto" (a GPU if there is one), "cpu" or "cuda".

        Raises:
            CheckpointError: There is no such detector, a file is damaged, its hash is not the pinned one,
                head and backbone do not belong together, or the device is not there.
        """
        folder = open_folder(models_dir, name)
        pinned = folder.heads[folder.nearest(frames)]
        metadata = read_metadata(pinned.path, HeadMetadata)
        if metadata.parts:
            raise CheckpointError("ensemble", f"{name!r} asks other detectors and cannot be used here.")
        if metadata.backbone_sha256 != folder.backbone.sha256:
            raise CheckpointError(
                "wrong_backbone",
                f"The parts of the detector {name!r} do not belong together. Install the detector again.",
                f"head wants {metadata.backbone_sha256}, the backbone is {folder.backbone.sha256}",
            )
        second = folder.second if metadata.second_sha256 else None
        if metadata.second_sha256 and (second is None or second.sha256 != metadata.second_sha256):
            raise CheckpointError(
                "wrong_backbone",
                f"The parts of the detector {name!r} do not belong together. Install the detector again.",
                f"head wants {metadata.second_sha256} as its second, there is {second and second.sha256}",
            )
        network = load_network(folder.backbone, pinned, metadata, device, second)
        drawn = load_drawn(folder.drawn, metadata, second) if folder.drawn and second else None
        return cls(head=metadata, sha256=pinned.sha256, network=network, frames=frames, drawn=drawn)

    def ready(self) -> Detector:
        """This detector, as a `loading.LoadingDetector` gives one."""
        return self

    @property
    def preprocessing(self) -> Preprocessing:
        return self.metadata.preprocessing

    @property
    def sampling(self) -> Sampling:
        return self.metadata.sampling

    @property
    def calibration(self) -> Calibration:
        return self.metadata.calibration

    @property
    def decision(self) -> Decision:
        return self.metadata.decision

    @property
    def pictures(self) -> PictureMeasurement | None:
        """How single pictures are judged; None where that was not measured."""
        return self.metadata.pictures

    @property
    def notes(self) -> tuple[str, ...]:
        """Codes of what a reader of the findings should know of this detector."""
        return ("nearest_head",) if self.info.frame_count != self.frames else ()

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""
        return self.network.device

    def describe_device(self) -> str:
        """The device in words, such as "CPU, 2 threads, float32"."""
        return self.network.describe()

    def warm_up(self) -> None:
        """Run once on nothing, so that the first video does not pay for the libraries' start."""
        size = self.preprocessing.image_size
        shape = (68, 2) if self.preprocessing.reads == "landmarks" else (size, size, 3)
        nothing = [np.zeros(shape, dtype=np.uint8)] * BATCH
        self.embed(nothing)
        self.look_again([nothing])

    def score(self, people: Sequence[Sequence[Image]]) -> list[PersonScores]:
        """Score several people at once: `embed` and `look_again`, then `score_embeddings`."""
        return self.score_embeddings([self.embed(crops) for crops in people], second=self.look_again(people))

    def embed(self, inputs: Sequence[Input]) -> Array:
        """Embed faces.

        Args:
            inputs: What `faces.inputs` gives of each; at least one.

        Returns:
            float32 (len(inputs), channels).

        Raises:
            DetectionError: "gpu_out_of_memory": not even a single crop finds room.
        """
        return self.network.embed(inputs)

    def obstacle(self, times: Sequence[float]) -> Reason:
        """Why the network cannot read a person's frames, shown at these seconds; NONE where it can."""
        if self.preprocessing.reads != "landmarks":
            return Reason.NONE
        return cast(LandmarkReader, self.network).obstacle(times)

    def can_judge(self, times: Sequence[float]) -> bool:
        """Whether there is no such obstacle."""
        return self.obstacle(times) is Reason.NONE

    @staticmethod
    def pick(embeddings: Sequence[Array], places: Sequence[Sequence[int]]) -> list[Array]:
        """One person's embeddings each, by their places in the batches laid end to end."""
        if not places:
            return []
        together = np.concatenate(embeddings)
        return [together[list(mine)] for mine in places]

    def look_again(self, people: Sequence[Sequence[Image]]) -> list[Array] | None:
        """Let the second network look at a few frames of each person, evenly, whichever they are.

        It costs several times what the first one does, and what it sees hardly changes from frame to frame.

        Args:
            people: uint8 (size, size, 3) RGB each, all crops of each person in order of time.

        Returns:
            float32 (its channels,) each, the mean of its embeddings; None if there is no such network.
        """
        if not self.metadata.second_sha256:
            return None
        places = [few(len(crops), self.metadata.second_frames) for crops in people]
        chosen = [crops[place] for crops, mine in zip(people, places, strict=True) for place in mine]
        if not chosen:
            return []
        embeddings = cast(CropNetwork, self.network).embed_second(chosen)
        ends = np.cumsum([len(mine) for mine in places])[:-1]
        return [part.mean(axis=0) for part in np.split(embeddings, ends)]

    def looks_drawn(self, second: Array | None, *, picture: bool) -> bool:
        """Whether a person looks drawn, by what `look_again` gave; nobody does where nothing can tell.

        `picture`: it is a single picture's.
        """
        return second is not None and self.drawn is not None and self.drawn(second, picture=picture)

    def score_embeddings(
        self, people: Sequence[Array], times: Times = None, *, second: Second
    ) -> list[PersonScores]:
        """Score people. They do not touch each other.

        Args:
            people: float32 (T, channels) each, at least one frame, in order of time.
            times: When each person's frames are shown, seconds; without them no variation over time is read.
            second: Of each person, from `look_again`.

        Raises:
            ValueError: The detector has a second network, and `second` is None.
        """
        if not people:
            return []
        if second is None and self.metadata.second_sha256:
            raise ValueError("this detector's second network must look at the people first, see look_again")
        return [
            PersonScores(tuple(frames.tolist()), person)
            for frames, person in self.network.logits(people, times, second)
        ]

    def activations(self, embeddings: Array, crops: Sequence[Image], chosen: Sequence[int]) -> list[Array]:
        """Where the network saw signs of manipulation, for a few frames of one person.

        Gradient-weighted class activation (Selvaraju et al., ICCV 2017): the gradient of the person's
        logits of FAKE through the head, by each frame's embedding, weighs the channels of the backbone's
        feature map. The average pool makes this the share of each place in the logits, as far as the head
        is linear. What all places have in common is taken off: the map tells where within a face the score
        comes from, and the score how high it is.

        Args:
            embeddings: float32 (T, channels) of that person.
            crops: Those of the chosen frames.
            chosen: Which frames these are, 0..T-1.

        Returns:
            float32 (h, w) each, 0 or more: by how many logits a place speaks more for FAKE than the mean
            place.
        """
        network = cast(CropNetwork, self.network)
        gradient = network.gradient(embeddings)[list(chosen)]
        maps = np.einsum("nchw,nc->nhw", network.features(crops), gradient)
        maps -= maps.mean(axis=(1, 2), keepdims=True)
        return list(np.maximum(maps, 0))

    def odd_points(self, embeddings: Array, times: Sequence[float], chosen: Sequence[int]) -> list[Array]:
        """Which landmarks moved as those of manipulated faces do, about a few frames of one person.

        Only of detectors that read landmarks.

        Args:
            embeddings: float32 (T, 136) of that person.
            times: When each frame is shown, seconds.
            chosen: Which frames, 0..T-1.

        Returns:
            float32 (68,) each, 0 or more: by how many logits the person would seem more genuine if the point
            had moved smoothly.
        """
        network = cast(LandmarkReader, self.network)
        return [np.maximum(network.points(embeddings, times, place), 0) for place in chosen]


def few(total: int, most: int) -> list[int]:
    """Places of up to `most` of `total` frames, evenly over them, each in the middle of its part."""
    count = min(total, most)
    return [int((number + 0.5) * total / count) for number in range(count)]
