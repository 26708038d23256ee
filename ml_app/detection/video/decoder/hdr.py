"""High dynamic range to what everything here was made for: BT.709 with eight bits.

Pictures in PQ (SMPTE ST 2084) and HLG (ARIB STD-B67), the curves of BT.2100, are brought to light as BT.2408
maps them beside ordinary pictures: reference white, 203 cd/m², becomes white. Up to the shoulder nothing else
happens, so that a face keeps the tones it has in an ordinary recording; what is brighter is drawn together.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18  # transfer characteristics, ITU-T H.273
_BT709 = 1  # primaries: HDR in these is rare, but is not turned
WHITE = 203.0  # cd/m², BT.2408
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2  # cd/m² and system gamma of the display that HLG is meant for, BT.2100
SHOULDER = 0.9  # of white's light: brighter light is drawn together
DISPLAY_GAMMA = 2.4  # BT.1886
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # BT.2020
# BT.2087, from BT.2020 to BT.709
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_STEPS = 4096  # of the table that ends in eight bits, even in the root of light

Light = npt.NDArray[np.float32]


def is_hdr(frame: Any) -> bool:
    """Whether an av.VideoFrame says that it is in PQ or HLG."""
    return int(frame.color_trc) in (PQ, HLG)


def to_sdr(picture: npt.NDArray[np.uint16], transfer: int, primaries: int) -> npt.NDArray[np.uint8]:
    """Map a picture to BT.709.

    Args:
        picture: uint16 RGB (H, W, 3), full range, in the curve of `transfer` and the primaries given.
        transfer, primaries: Numbers of ITU-T H.273; primaries other than BT.709's are taken for BT.2020's.

    Returns:
        uint8 RGB (H, W, 3), gamma 2.4, C-contiguous.
    """
    light: Light = _curve(transfer)[picture]
    if transfer == HLG:  # so far the light of the scene; a display makes more of what is bright
        luma = np.maximum(light @ _LUMA, 1e-6)
        light *= (luma ** (HLG_GAMMA - 1) * (HLG_PEAK / WHITE))[..., None]
    if primaries != _BT709:
        light = light @ _TO_709.T
    np.maximum(light, 0, out=light)
    brightest = light.max(axis=-1)
    bright = brightest > SHOULDER
    light[bright] *= (_shoulder(brightest[bright]) / brightest[bright])[:, None]
    return _ending()[(np.sqrt(light) * (_STEPS - 1) + 0.5).astype(np.uint16)]


def _shoulder(light: Light) -> Light:
    """From the shoulder up, ever more slowly, to white at infinity; smooth where it begins."""
    room = 1 - SHOULDER
    beyond = light - SHOULDER
    return np.asarray(SHOULDER + room * beyond / (beyond + room), np.float32)


@cache
def _curve(transfer: int) -> Light:
    """From 65,536 values to light: of the display over white for PQ, of the scene 0..1 for HLG."""
    value = np.linspace(0, 1, 65536)
    if transfer == PQ:
        root = value ** (32 / 2523)
        light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
        return (10000 / WHITE * light ** (16384 / 2610)).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12).astype(np.float32)


@cache
def _ending() -> npt.NDArray[np.uint8]:
    light = np.linspace(0, 1, _STEPS) ** 2
    return np.round(255 * light ** (1 / DISPLAY_GAMMA)).astype(np.uint8)
