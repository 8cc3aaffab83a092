"""The weights that short trainings are known to end with, and how far others are from them.

`recorded_weights.json` has for each case a digest of its weights and, for each array, its shape,
its norm and its product with a fixed random vector, in float64: a change of any number or of their
order is seen. On the machine that wrote it an unchanged program gives the same digest. Elsewhere
sums are rounded in another order, and a test compares the norms and products, to `RELATIVE` and
`ABSOLUTE`.

Rounding would decide more than the last digits: Adam's first step is the sign of the gradient, so
that one that is nearly 0 moves a weight up on one machine and down on another. `smooth` therefore
has its epsilon at 1, with which an update is proportional to a small gradient. What is compared
differs then by a hundredth of what is allowed between programs for AVX2 and for AVX-512, with
XLA's optimisation and without; a learning rate that is larger by a thousandth is seen in every
case that was tried.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

RECORD = Path(__file__).with_name("recorded_weights.json")
RELATIVE, ABSOLUTE = 1e-5, 1e-6  # to an array's norm; to the root of its size


class Array(NamedTuple):
    """What is compared of an array."""

    shape: str
    norm: float
    product: float

    def difference(self, other: Array) -> float:
        """How far another array is, in what is allowed; infinite where the shape is another."""
        if self.shape != other.shape:
            return float("inf")
        size = np.prod([int(n) for n in self.shape.split("x") if n])
        allowed = RELATIVE * self.norm + ABSOLUTE * np.sqrt(size)
        numbers = zip(self[1:], other[1:], strict=True)
        return float(max(abs(a - b) for a, b in numbers) / allowed)


class Weights(NamedTuple):
    """What is recorded of a case: a digest of the params, and the arrays of all variables."""

    sha256: str
    arrays: dict[str, Array]

    def differences(self, other: Weights) -> dict[str, float]:
        """How far each array is, in what is allowed; infinite where one of the two lacks it."""
        return {
            path: self.arrays[path].difference(other.arrays[path])
            if path in self.arrays and path in other.arrays
            else float("inf")
            for path in sorted(self.arrays.keys() | other.arrays.keys())
        }


def smooth(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Has two steps move the weights visibly, and none of them by the sign of a rounding error."""
    config.optimizer.eps = 1.0
    config.optimizer.learning_rate = 0.01
    config.optimizer.warmup_steps = 0
    config.objective.beta_warmup_steps = min(config.objective.beta_warmup_steps, 2)
    config.training.ema_decay = min(config.training.ema_decay, 0.5)
    return config


def weights(variables: Any) -> Weights:
    """What is recorded of the variables that a run is evaluated with."""
    sha, arrays = hashlib.sha256(), {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(variables)):
        name, array = jax.tree_util.keystr(path, simple=True, separator="."), np.asarray(leaf)
        if name.startswith("params."):
            sha.update(f"{name} {array.dtype} {array.shape}\n".encode() + array.tobytes())
        flat = array.astype(np.float64).ravel()
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        fixed = np.random.Philox(key=seed).random_raw(flat.size).view(np.int64) / 2.0**63
        shape = "x".join(map(str, array.shape))
        arrays[name] = Array(shape, float(np.linalg.norm(flat)), float(flat @ fixed))
    return Weights(sha.hexdigest(), arrays)


def recorded() -> dict[str, Weights]:
    """The table, by case."""
    table = json.loads(RECORD.read_text())
    return {
        case: Weights(
            entry["sha256"],
            {
                path: Array(shape, float(norm), float(product))
                for path, (shape, norm, product) in (
                    (path, line.split(" ")) for path, line in entry["arrays"].items()
                )
            },
        )
        for case, entry in table.items()
    }


def record(table: dict[str, Weights]) -> None:
    """Writes the table."""
    entries = {
        case: {
            "sha256": found.sha256,
            "arrays": {
                path: f"{array.shape} {array.norm:.9g} {array.product:.9g}"
                for path, array in found.arrays.items()
            },
        }
        for case, found in sorted(table.items())
    }
    RECORD.write_text(json.dumps(entries, indent=0) + "\n")


def check(case: str, variables: Any) -> None:
    """Fails where the weights of a case are not those recorded."""
    differences = recorded()[case].differences(weights(variables))
    others = {path: number for path, number in differences.items() if not number <= 1}
    assert not others, f"{case}: differences, as parts of what is allowed: {others}"
