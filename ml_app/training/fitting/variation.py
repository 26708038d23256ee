"""Fit the reading of how much a face varies over time (`detection.networks.variation`) on frozen embeddings.

It is fitted by itself and not beside the frames: the backbone knows the train clips, so what its frames
say of them would leave nothing to explain. A logistic regression over standardised features, strongly
regularised, in which every generator and corpus counts by the root of its clips, and both classes alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from ml_app.detection.networks.variation import variation
from ml_app.training.fitting.sequences import ClipView, places
from ml_app.training.fitting.weighting import source_weights

INVERSE_REGULARISATION = 1e-3  # scikit-learn's C


def fit_variation(views: Sequence[ClipView], frame_count: int, channels: int, strength: float) -> nn.Linear:
    """Fit it.

    Args:
        views: Of the train clips.
        frame_count: How many frames of each are looked at.
        channels: Of the texture, at the end of an embedding.
        strength: The factor by which the fitted logit counts beside that of the frames.

    Returns:
        A layer from float32 (channels,), the logarithms of standard deviations, to a logit of FAKE.

    Raises:
        ValueError: There are not both classes among the clips whose variation can be measured.
    """
    measured = [(view, _measure(view, frame_count, channels)) for view in views]
    rows = [(view, row) for view, row in measured if row is not None]
    if {view.fake for view, _ in rows} != {True, False}:
        raise ValueError("variation over time wants genuine and manipulated clips of several frames a second")
    labels = np.array([view.fake for view, _ in rows])
    scaler = StandardScaler()
    features = scaler.fit_transform(np.stack([row for _, row in rows]))
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
    weights = source_weights([view.generator for view, _ in rows], [view.fake for view, _ in rows])
    model.fit(features, labels, sample_weight=weights)
    weight = model.coef_[0] / scaler.scale_
    layer = nn.Linear(channels, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight * strength)[None])
        layer.bias.fill_(float(model.intercept_[0] - weight @ scaler.mean_) * strength)
    return layer


def _measure(view: ClipView, frame_count: int, channels: int) -> npt.NDArray[np.float32] | None:
    chosen = places(len(view.embeddings), frame_count)
    return variation(view.embeddings[chosen].numpy(), [view.times[i] for i in chosen], channels)
