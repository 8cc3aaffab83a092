"""Mu-law: waveforms in 256 levels, fine near 0 and coarse far from it (ITU-T G.711, 1972).

    F(x) = sign(x) log(1 + 255 |x|) / log 256,    level = round(255 (F(x) + 1) / 2)

for x in [-1, 1]; what is beyond is taken to be clipped. The level of silence is 128.
"""

from __future__ import annotations

import numpy as np

LEVELS = 256
SILENCE = 128
_MU = LEVELS - 1


def compress(x: np.ndarray) -> np.ndarray:
    """Returns F(x) in [-1, 1] of waveforms."""
    x = np.clip(x, -1, 1)
    return np.sign(x) * np.log1p(_MU * np.abs(x)) / np.log(LEVELS)


def levels(x: np.ndarray) -> np.ndarray:
    """Returns waveforms as levels 0, ..., 255, int16."""
    return np.floor(_MU * (compress(x) + 1) / 2 + 0.5).astype(np.int16)


def waveform(levels: np.ndarray) -> np.ndarray:
    """Returns the waveform of levels, which need not be whole, float32."""
    compressed = 2 * levels.astype(np.float32) / _MU - 1
    return np.sign(compressed) * np.expm1(np.abs(compressed) * np.float32(np.log(LEVELS))) / _MU
