"""Examples of different lengths: how long each is, and to which few lengths batches are cut.

Raw values are padded to the shape of the event, and what is missing is marked in them. A batch is
cut to a length that no example of it exceeds, so that its cost is nearly that of its examples
alone. Every length is compiled for, so there are few of them.
"""

from __future__ import annotations

import numpy as np

GRID = 64  # the few are chosen among so many lengths
MOST = 8  # of them
WORTH = 0.05  # a further length is compiled for if it saves so much of all positions


def lengths_of(values: np.ndarray) -> np.ndarray:
    """Returns the lengths of examples [N], int32: the positions up to the last that is there.

    Args:
      values: [N, T, ..., C], missing where they are NaN or, if they are whole numbers, -1.
    """
    there = values == values if values.dtype.kind == "f" else values != -1
    there = there.reshape(*values.shape[:2], -1).any(-1)
    return np.where(there, np.arange(1, values.shape[1] + 1, dtype=np.int32), 0).max(1)


def rounded(lengths: np.ndarray) -> np.ndarray:
    """Rounds lengths [N] up to a few, those with the least sum; int32 [N]."""
    top = max(1, int(lengths.max()))
    grid = np.unique(-(-np.arange(1, GRID + 1) * top // GRID))
    below = np.concatenate([[0], np.searchsorted(np.sort(lengths), grid, side="right")])
    # sums[i] is the least sum of the lengths up to grid[i - 1], which is the last of those chosen.
    sums = np.concatenate([[0], below[1:] * grid])
    chosen = [grid[i - 1 : i] for i in range(len(sums))]
    for _ in range(1, MOST):
        each = sums[:, None] + (below[None, 1:] - below[:, None]) * grid
        each = np.where(np.arange(len(sums))[:, None] <= np.arange(len(grid)), each, np.inf)
        before = each.argmin(0)
        fewer, sums = sums, np.concatenate([[0], each.min(0)])
        if sums[-1] > (1 - WORTH) * fewer[-1]:
            break
        chosen = [grid[:0]] + [np.append(chosen[b], grid[i]) for i, b in enumerate(before)]
    return chosen[-1][np.searchsorted(chosen[-1], lengths)].astype(np.int32)
