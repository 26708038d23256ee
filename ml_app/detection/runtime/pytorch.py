"""Networks in PyTorch: on a GPU, and those with no lighter form. Only this part of serving imports torch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ml_app.detection.checkpoints.manifest import PinnedFile
from ml_app.detection.checkpoints.metadata import HeadMetadata, Preprocessing
from ml_app.detection.errors import DetectionError
from ml_app.detection.faces.crops import Image
from ml_app.detection.networks.backbones import embed
from ml_app.detection.networks.heads import PUBLISHED, run_head
from ml_app.detection.networks.variation import variation
from ml_app.detection.runtime.device import Device, choose_device
from ml_app.detection.runtime.weights import load_backbone, load_head

Array = npt.NDArray[np.float32]

CHUNK = 32  # crops at a time: larger batches are slower on a CPU and need more memory
CHUNK_CUDA = 256

logger = logging.getLogger(__name__)


def load(
    backbone: PinnedFile,
    head: PinnedFile,
    metadata: HeadMetadata,
    device: str,
    second: PinnedFile | None = None,
) -> TorchNetwork:
    """Load networks. Backbones are kept in memory: the heads of a detector share one.

    Raises:
        CheckpointError: A file is damaged or unknown, or the device is not there.
    """
    target = choose_device(device, exact=metadata.architecture == PUBLISHED)
    scorer = load_head(head, metadata, target)  # first: the smaller file tells sooner what is wrong
    beside = load_backbone(second, target, metadata.second_backbone) if second else None
    return TorchNetwork(load_backbone(backbone, target), scorer, target, metadata.preprocessing, beside)


class TorchNetwork:
    """A backbone and a head on a device. Not safe to use from several threads at once."""

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        target: Device,
        preprocessing: Preprocessing,
        second: nn.Module | None = None,
    ) -> None:
        self.backbone, self.head, self._target, self._second = backbone, head, target, second
        self._chunk = CHUNK_CUDA if target.device.type == "cuda" else CHUNK
        channels = torch.tensor([preprocessing.mean, preprocessing.std]) * 255
        self._mean, self._std = channels.reshape(2, 1, 3, 1, 1).to(target.device)
        self._colour_order = preprocessing.colour_order

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""
        return self._target.device.type

    def describe(self) -> str:
        """The device in words, such as "CPU, 2 threads, bfloat16"."""
        kind = str(self._target.dtype).removeprefix("torch.")
        if self.device == "cuda":
            return f"{torch.cuda.get_device_name(self._target.device)}, {kind}"
        return f"CPU, {torch.get_num_threads()} threads, {kind}"

    @torch.inference_mode()
    def embed(self, crops: Sequence[Image]) -> Array:
        """uint8 (size, size, 3) RGB each → float32 (N, channels).

        Raises:
            DetectionError: "gpu_out_of_memory": not even a single crop finds room.
        """
        return self._embed(self.backbone, crops)

    @torch.inference_mode()
    def embed_second(self, crops: Sequence[Image]) -> Array:
        """As `embed`, by the second network."""
        assert self._second is not None  # noqa: S101 - for the type checker: asked for only where there is one
        return self._embed(self._second, crops)

    def _embed(self, network: nn.Module, crops: Sequence[Image]) -> Array:
        parts: list[Tensor] = []
        done = 0
        while done < len(crops):
            chunk = crops[done : done + self._chunk]
            try:
                parts.append(embed(self._features(network, chunk)))
            except torch.OutOfMemoryError as error:
                self._take_smaller_chunks(len(chunk), error)
                continue
            done += len(chunk)
        return _array(torch.cat(parts))

    def _take_smaller_chunks(self, failed: int, error: torch.OutOfMemoryError) -> None:
        """For good: what else runs on this GPU will hardly go away."""
        if failed <= 1:
            raise _out_of_memory(error) from error
        self._chunk = failed // 2
        logger.warning("The GPU's memory is full: %d crops at a time from now on", self._chunk)
        if self.device == "cuda":
            torch.cuda.empty_cache()  # what is reserved in pieces of the wrong size

    @torch.inference_mode()
    def features(self, crops: Sequence[Image]) -> Array:
        """uint8 (size, size, 3) RGB each → float32 (N, channels, h, w).

        Raises:
            DetectionError: "gpu_out_of_memory".
        """
        with _memory():
            return _array(self._features(self.backbone, crops))

    @torch.inference_mode()
    def logits(
        self,
        people: Sequence[Array],
        times: Sequence[Sequence[float]] | None = None,
        second: Sequence[Array] | None = None,
    ) -> list[tuple[Array, float]]:
        """float32 (T, channels) each → a logit for each frame, and the person's. In one padded batch."""
        lengths = torch.tensor([len(person) for person in people])
        with _memory():
            padded = pad_sequence([torch.from_numpy(person) for person in people], batch_first=True)
            scores = run_head(self.head, padded.to(self._target.device), lengths)
            frames, persons = _array(scores.frames), _array(scores.persons)
        more = [0.0] * len(people)
        if times is not None:
            more = [self._of_variation(*person) for person in zip(people, times, strict=True)]
        if second is not None:
            more = [one + self._of_second(seen) for one, seen in zip(more, second, strict=True)]
        return [
            (row[:length] + added, float(person) + added)
            for row, length, person, added in zip(frames, lengths.tolist(), persons, more, strict=True)
        ]

    def _of_variation(self, embeddings: Array, times: Sequence[float]) -> float:
        reading = getattr(self.head, "variation", None)
        if reading is None:
            return 0.0
        measured = variation(embeddings, times, reading.in_features)
        return 0.0 if measured is None else float(reading(torch.from_numpy(measured).to(self._target.device)))

    def _of_second(self, embedding: Array) -> float:
        reading = getattr(self.head, "second", None)
        return 0.0 if reading is None else float(reading(torch.from_numpy(embedding).to(self._target.device)))

    def gradient(self, embeddings: Array) -> Array:
        """Of the sum of one person's logits by the embeddings: float32 (T, channels)."""
        # cuDNN computes gradients of an LSTM in training mode only.
        with _memory(), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            inputs = torch.from_numpy(embeddings).to(self._target.device)[None].requires_grad_()
            logits = run_head(self.head, inputs, torch.tensor([len(embeddings)])).frames[0]
            # Their sum and not the person's own logit, which in a published head hangs on the last frame
            # alone.
            (gradient,) = torch.autograd.grad(logits.sum(), inputs)
            return _array(gradient[0])

    def _features(self, network: nn.Module, crops: Sequence[Image]) -> Tensor:
        pixels = torch.from_numpy(np.stack(crops))
        if self.device == "cuda":  # pinned memory is copied beside what the GPU is still computing
            pixels = pixels.pin_memory()
        pixels = pixels.to(self._target.device, non_blocking=True)
        if self._colour_order == "BGR":
            pixels = pixels.flip(-1)
        inputs = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        result: Tensor = network(inputs.to(self._target.dtype, memory_format=self._target.layout))
        return result


def _array(tensor: Tensor) -> Array:
    result: Array = tensor.float().cpu().numpy()
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
