"""Detectors as published ones are, with weights that nobody trained."""

from __future__ import annotations

from pathlib import Path


def write_random(folder: Path, kind: str) -> None:
    """Write a detector for 10 and 20 frames into a new folder, which gives it its name.

    Args:
        folder: Such as models/random.
        kind: The backbone, of the registry.
    """
    import torch

    from ml_app.detection.checkpoints.files import save_checkpoint
    from ml_app.detection.checkpoints.manifest import sha256_of
    from ml_app.detection.checkpoints.metadata import BackboneMetadata, HeadMetadata, Preprocessing
    from ml_app.detection.networks.backbones import BACKBONES, build_backbone
    from ml_app.detection.networks.heads import SEQUENCE, build_head

    torch.manual_seed(1)
    name, preprocessing = folder.name, Preprocessing(image_size=112, margin=1.2)
    backbone = {name: value.half() for name, value in build_backbone(kind).state_dict().items()}
    about = BackboneMetadata(name, "1", kind, preprocessing)
    save_checkpoint(folder / "backbone.safetensors", backbone, about)
    dimensions = {"channels": BACKBONES[kind].channels, "projection": 16, "hidden": 8}
    for count in (10, 20):
        head = HeadMetadata(
            name=name,
            version="1",
            architecture=SEQUENCE,
            frame_count=count,
            backbone_sha256=sha256_of(folder / "backbone.safetensors"),
            dimensions=dimensions,
            preprocessing=preprocessing,
        )
        weights = build_head(SEQUENCE, dimensions).state_dict()
        save_checkpoint(folder / f"head-{count}.safetensors", weights, head)
