"""Quick figures on the dev split while a training runs: single frames, mean logit of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ml_app.training.data.augmentation import centre
from ml_app.training.data.shards import Face, read_shards
from ml_app.training.evaluation.metrics import Scored, auc, by_family, pair_accuracy
from ml_app.training.fitting.batches import to_tensor
from ml_app.training.fitting.classifier import FrameClassifier, embed_all

CLIP_FRAMES = 4
MAX_PICTURES = 400


class DevFaces:
    """Faces of a dev split: a few frames of each clip, and some of the picture pairs."""

    def __init__(self, folders: list[Path], margin: float) -> None:
        self._margin = margin
        self._stored: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
        self._faces: list[tuple[Face, bool]] = []
        pictures = 0
        for shard in (shard for folder in folders for shard in read_shards(folder)):
            total, is_clip = len(shard.faces), shard.is_clip
            if is_clip:
                count = min(CLIP_FRAMES, total)
                chosen = [int(i) for i in np.linspace(0, total - 1, count).round()]
            else:
                chosen = [i for i, face in enumerate(shard.faces) if face.pair]
                chosen = chosen[: MAX_PICTURES - pictures]
                pictures += len(chosen)
            for index in chosen:
                self._stored.append(np.array(shard.images[index]))
                self._faces.append((shard.faces[index], is_clip))

    def figures(self, model: FrameClassifier, size: int) -> dict[str, float]:
        """AUC and pair accuracy on clips (by family too) and on picture pairs, at an input size."""
        if not self._faces:
            return {}
        images = to_tensor(
            np.stack(
                [
                    centre(image, self._margin, size, face.margin)
                    for image, (face, _) in zip(self._stored, self._faces, strict=True)
                ]
            )
        )
        embeddings = embed_all(model, images)
        with torch.inference_mode():
            logits = model.read(embeddings.to(model.classify.weight.device)).tolist()
        clips: dict[str, tuple[Face, list[float]]] = {}
        pictures = []
        for (face, is_clip), logit in zip(self._faces, logits, strict=True):
            if is_clip:
                clips.setdefault(face.source, (face, []))[1].append(logit)
            else:
                pictures.append(_scored(face, logit))
        scored = [_scored(face, float(np.mean(values))) for face, values in clips.values()]
        found: dict[str, float] = {}
        if pictures:
            found |= {"pictures_auc": auc(pictures), "pictures_pairs": pair_accuracy(pictures)}
        if scored:
            found |= {"clips_auc": auc(scored), "clips_pairs": pair_accuracy(scored)}
            found |= {f"clips_auc_{name}": auc(items) for name, items in by_family(scored).items()}
        return {name: round(value, 4) for name, value in found.items()}


def _scored(face: Face, score: float) -> Scored:
    return Scored(face.source, face.fake, score, face.family, face.generator, face.pair)
