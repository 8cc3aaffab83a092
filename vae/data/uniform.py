"""Random numbers that are a pure function of an index: the factors of examples that are drawn."""

from __future__ import annotations

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform(indices: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` independent numbers for each index, float32 [N, count] in (0, 1).

    They are made by the mixing function of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
    pseudorandom number generators").
    """
    with np.errstate(over="ignore"):  # modulo 2^64
        state = np.asarray(indices).astype(np.uint64) * _GOLDEN
        columns = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        bits = _mix(_mix(state)[:, None] + columns)
    return ((bits >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) / np.float32(2**24)


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
