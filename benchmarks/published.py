"""The published pipeline's work on one video, written anew from its description, without our code.

    python -m benchmarks.published clip.mp4 100 checkpoint.pt

One request, as its page makes it: the model is built and its checkpoint read; all frames of the file are read
and kept; of the first N of them a picture is written, faces are looked for at full size, enlarged once, and a
picture of the first face is written. Then the file is read again, and the faces of the same N frames are
looked for again, in BGR, to be cut out without margin and resized to 112 pixels. The network runs in single
precision on all of them at once, and records what a gradient would need.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import face_recognition
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models, transforms

SIZE, MARGIN = 112, 40
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Network(nn.Module):
    """ResNeXt-50 and an LSTM without bias that is called as if it were batch-first."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(*list(models.resnext50_32x4d(weights=None).children())[:-2])
        self.lstm = nn.LSTM(2048, 2048, bias=False)
        self.linear1 = nn.Linear(2048, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """float (1, T, 3, 112, 112) → float (1, 2): outputs of FAKE and REAL, of the last frame."""
        features = self.model(frames[0]).mean(dim=(2, 3))
        states, _ = self.lstm(features[None])
        outputs: Tensor = self.linear1(states[:, -1])
        return outputs


def write_checkpoint(path: Path) -> None:
    """A checkpoint of the published format, 226 MB of random weights: the time does not depend on them."""
    torch.manual_seed(0)
    torch.save(Network().state_dict(), path)


def read(path: str) -> Iterator[cv2.typing.MatLike]:
    """The frames of a video in BGR."""
    capture = cv2.VideoCapture(path)
    while True:
        found, frame = capture.read()
        if not found:
            return
        yield frame


def first_pass(path: str, count: int, folder: Path, clock: Clock) -> int:
    """Pictures for the page; returns on how many a face was found."""
    frames = list(read(path))
    clock.ends("read")
    found = 0
    for number, frame in enumerate(frames[:count]):
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        Image.fromarray(rgb).save(folder / f"frame{number}.png")
        clock.ends("pictures")
        places = face_recognition.face_locations(rgb)
        clock.ends("faces")
        if places:
            top, right, bottom, left = places[0]
            part = rgb[max(0, top - MARGIN) : bottom + MARGIN, max(0, left - MARGIN) : right + MARGIN]
            Image.fromarray(part).save(folder / f"face{number}.png")
            found += 1
        clock.ends("pictures")
    return found


def second_pass(path: str, count: int, clock: Clock) -> Tensor:
    """The network's input, float (1, T, 3, 112, 112)."""
    prepare = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize((SIZE, SIZE)),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    inputs: list[Tensor] = []
    for frame in read(path):
        places = face_recognition.face_locations(frame)
        clock.ends("faces")
        top, right, bottom, left = places[0] if places else (0, frame.shape[1], frame.shape[0], 0)
        inputs.append(prepare(frame[max(0, top) : bottom, max(0, left) : right]))
        clock.ends("read")
        if len(inputs) == count:
            break
    return torch.stack(inputs)[None]


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def ends(self, step: str) -> None:
        """What has passed since the last end of a step was this one's."""
        now = time.monotonic()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._last
        self._last = now


def main(path: str, count: int, checkpoint: str) -> None:
    """One request."""
    clock = Clock()
    network = Network()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu"))
    network.eval()
    clock.ends("model")
    with tempfile.TemporaryDirectory() as folder:
        found = first_pass(path, count, Path(folder), clock)
    inputs = second_pass(path, count, clock)
    confidence, answer = torch.softmax(network(inputs), dim=1).max(dim=1)
    clock.ends("network")
    print(
        json.dumps(
            {
                "seconds": clock.seconds,
                "frames": inputs.shape[1],
                "faces": found,
                "answer": ["FAKE", "REAL"][int(answer)],
                "confidence": float(confidence) * 100,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
