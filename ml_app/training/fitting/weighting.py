"""How much each clip counts where a reading is fitted on all of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def source_weights(generators: Sequence[str], fakes: Sequence[bool]) -> npt.NDArray[np.float64]:
    """Every generator and corpus counts by the root of its clips, and both classes alike.

    Args:
        generators: Of each clip.
        fakes: Whether it is manipulated; there are both.

    Returns:
        float64 (clips,), one on average.
    """
    sources = list(zip(generators, fakes, strict=True))
    counts = Counter(sources)
    weights = np.array([counts[source] ** -0.5 for source in sources])
    labels = np.array(fakes)
    for fake in (True, False):
        weights[labels == fake] *= len(sources) / 2 / weights[labels == fake].sum()
    return weights
