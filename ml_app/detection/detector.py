"""A loaded detector: crops in, scores and class activations out. Only this part of serving imports torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ml_app.detection import checkpoints
from ml_app.detection.checkpoints import Calibration, Decision, HeadMetadata, Preprocessing, Sampling
from ml_app.detection.crops import Image
from ml_app.detection.embedding import BATCH
from ml_app.detection.errors import Cancelled, CheckpointError, DetectionError
from ml_app.detection.networks.backbones import embed
from ml_app.detection.networks.heads import PUBLISHED, run_head
from ml_app.detection.place import Place, choose_place
from ml_app.detection.weights import load_backbone, load_head

CHUNK = 32  # crops at a time: larger batches are slower on a CPU and need more memory
CHUNK_CUDA = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PersonScores:
    """Logits of FAKE of one person, not calibrated."""

    frames: tuple[float, ...]
    person: float


class Detector:
    """A backbone and a head on a device, with everything their checkpoints say of how to use them.

    Not safe to use from several threads at once.
    """

    def __init__(
        self,
        *,
        head: HeadMetadata,
        sha256: str,
        backbone: nn.Module,
        scorer: nn.Module,
        place: Place,
        frames: int,
    ) -> None:
        self.metadata = head
        self.info = head.info(sha256)
        self.frames = frames
        self._backbone, self._head, self._place = backbone, scorer, place
        self._chunk = CHUNK_CUDA if place.device.type == "cuda" else CHUNK
        channels = torch.tensor([head.preprocessing.mean, head.preprocessing.std]) * 255
        self._mean, self._std = channels.reshape(2, 1, 3, 1, 1).to(place.device)

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
        folder = checkpoints.open_folder(models_dir, name)
        pinned = folder.heads[folder.nearest(frames)]
        metadata = checkpoints.read_metadata(pinned.path, HeadMetadata)
        if metadata.backbone_sha256 != folder.backbone.sha256:
            raise CheckpointError(
                "wrong_backbone",
                f"The parts of the detector {name!r} do not belong together. Install the detector again.",
                f"head wants {metadata.backbone_sha256}, the backbone is {folder.backbone.sha256}",
            )
        place = choose_place(device, exact=metadata.architecture == PUBLISHED)
        head = load_head(pinned, metadata, place)  # first: the smaller file tells sooner what is wrong
        return cls(
            head=metadata,
            sha256=pinned.sha256,
            backbone=load_backbone(folder.backbone, place),
            scorer=head,
            place=place,
            frames=frames,
        )

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
    def notes(self) -> tuple[str, ...]:
        """Codes of what a reader of the findings should know of this detector."""
        return ("nearest_head",) if self.info.frame_count != self.frames else ()

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""
        return self._place.device.type

    def describe_device(self) -> str:
        """The device in words, such as "CPU, 2 threads, bfloat16"."""
        kind = str(self._place.dtype).removeprefix("torch.")
        if self.device == "cuda":
            return f"{torch.cuda.get_device_name(self._place.device)}, {kind}"
        return f"CPU, {torch.get_num_threads()} threads, {kind}"

    def warm_up(self) -> None:
        """Run once on nothing, so that the first video does not pay for the libraries' start."""
        size = self.preprocessing.image_size
        self.embed([np.zeros((size, size, 3), dtype=np.uint8)] * BATCH)

    def score(self, people: Sequence[Sequence[Image]]) -> list[PersonScores]:
        """Score several people at once: `embed`, then `score_embeddings`."""
        return self.score_embeddings([self.embed(crops) for crops in people])

    @torch.inference_mode()
    def embed(
        self,
        crops: Sequence[Image],
        *,
        on_chunk: Callable[[int], None] = lambda done: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Tensor:
        """Embed face crops.

        Args:
            crops: uint8 (size, size, 3) RGB each, of the checkpoint's image size.
            on_chunk: Called with the number of crops that are done.
            cancelled: Asked before each chunk.

        Returns:
            float32 (len(crops), channels) on the detector's device.

        Raises:
            Cancelled: `cancelled` said so.
            DetectionError: "gpu_out_of_memory": not even a single crop finds room.
        """
        parts: list[Tensor] = []
        done = 0
        while done < len(crops):
            if cancelled():
                raise Cancelled
            chunk = crops[done : done + self._chunk]
            try:
                parts.append(embed(self._features(chunk)))
            except torch.OutOfMemoryError as error:
                self._take_smaller_chunks(len(chunk), error)
                continue
            done += len(chunk)
            on_chunk(done)
        return torch.cat(parts)

    def _take_smaller_chunks(self, failed: int, error: torch.OutOfMemoryError) -> None:
        """For good: what else runs on this GPU will hardly go away."""
        if failed <= 1:
            raise _out_of_memory(error) from error
        self._chunk = failed // 2
        logger.warning("The GPU's memory is full: %d crops at a time from now on", self._chunk)
        if self.device == "cuda":
            torch.cuda.empty_cache()  # what is reserved in pieces of the wrong size

    @staticmethod
    def pick(embeddings: Sequence[Tensor], places: Sequence[Sequence[int]]) -> list[Tensor]:
        """One person's embeddings each, by their places in the batches laid end to end."""
        if not places:
            return []
        together = torch.cat(list(embeddings))
        return [together[list(mine)] for mine in places]

    @torch.inference_mode()
    def score_embeddings(self, people: Sequence[Tensor]) -> list[PersonScores]:
        """Score people in one padded batch. People do not touch each other.

        Args:
            people: float32 (T, channels) each, at least one frame, in order of time.
        """
        if not people:
            return []
        lengths = torch.tensor([len(person) for person in people])
        with _memory():
            scores = run_head(self._head, pad_sequence(list(people), batch_first=True), lengths)
            frames, persons = scores.frames.cpu(), scores.persons.cpu()
        return [
            PersonScores(tuple(row[:length].tolist()), float(person))
            for row, length, person in zip(frames, lengths.tolist(), persons, strict=True)
        ]

    def activations(
        self, embeddings: Tensor, crops: Sequence[Image], chosen: Sequence[int]
    ) -> list[npt.NDArray[np.float32]]:
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
        # Tensors made in inference mode cannot take part in autograd; a clone made outside it can.
        inputs = embeddings.clone()[None].requires_grad_()
        # cuDNN computes gradients of an LSTM in training mode only.
        with _memory(), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            logits = run_head(self._head, inputs, torch.tensor([len(embeddings)])).frames[0]
            # Their sum and not the person's own logit, which in a published head hangs on the last frame
            # alone.
            (gradient,) = torch.autograd.grad(logits.sum(), inputs)
        with _memory(), torch.inference_mode():
            features = self._features(crops).float()
            maps = torch.einsum("nchw,nc->nhw", features, gradient[0, list(chosen)])
            maps = maps - maps.mean(dim=(1, 2), keepdim=True)
            return list(torch.relu(maps).cpu().numpy())

    def _features(self, crops: Sequence[Image]) -> Tensor:
        pixels = torch.from_numpy(np.stack(crops))
        if self.device == "cuda":  # pinned memory is copied beside what the GPU is still computing
            pixels = pixels.pin_memory()
        pixels = pixels.to(self._place.device, non_blocking=True)
        if self.preprocessing.colour_order == "BGR":
            pixels = pixels.flip(-1)
        inputs = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        result: Tensor = self._backbone(inputs.to(self._place.dtype, memory_format=self._place.layout))
        return result


@contextmanager
def _memory() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _out_of_memory(error) from error


def _out_of_memory(error: torch.OutOfMemoryError) -> DetectionError:
    message = "The GPU has too little memory left. Try again, with fewer frames if that fails."
    return DetectionError("gpu_out_of_memory", message, str(error)[:300])
