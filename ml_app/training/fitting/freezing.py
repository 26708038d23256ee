"""Parts of a backbone that stay as they were: cheaper to train, and what was learned before is kept."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from torch import nn

from ml_app.detection.networks.backbones import BackboneError


def freeze(backbone: nn.Module, patterns: Sequence[str]) -> None:
    """Keep parameters as they are.

    Args:
        backbone: Its parameters whose names match no longer need gradients.
        patterns: As of file names, such as `0.*`.

    Raises:
        BackboneError: A pattern matches nothing.
    """
    for pattern in patterns:
        found = [parameter for name, parameter in backbone.named_parameters() if fnmatch(name, pattern)]
        if not found:
            raise BackboneError(f"frozen: {pattern!r} matches no parameter of the backbone")
        for parameter in found:
            parameter.requires_grad_(False)


def learn_mode(model: nn.Module) -> None:
    """Set training mode, but where nothing is learned: frozen batch normalisation keeps its statistics."""
    model.train()
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, nn.BatchNorm2d) and not any(p.requires_grad for p in own):
            module.eval()
