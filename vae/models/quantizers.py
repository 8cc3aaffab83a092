"""Quantizers: from vectors u [..., E] to the nearest of V codes, each with a vector."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from vae.models import parts

Array = jax.Array


class Quantizer(Protocol):
    """The contract of a quantizer, with its defaults.

    Attributes:
      commitment: the weight of |u - sg(code)|^2 in the loss, 0 for none.
      size: E.
      num_codes: V.
    """

    commitment: float
    if TYPE_CHECKING:  # fields or properties; a property here would be the default of a field

        @property
        def size(self) -> int: ...
        @property
        def num_codes(self) -> int: ...

    def init(self, *, key: Array) -> parts.Variables:
        """Returns the initial variables."""
        return parts.nothing()

    def bound(self, e: Array) -> Array:
        """Returns the encoder's outputs [..., E] mapped into the space of the codes."""
        return e

    @abstractmethod
    def nearest(self, u: Array, variables: parts.Variables) -> Array:
        """Returns the codes [...] int32 nearest to u [..., E]."""

    @abstractmethod
    def look_up(self, codes: Array, variables: parts.Variables) -> Array:
        """Returns the vectors [..., E] of codes [...]."""

    def update(self, u: Array, codes: Array, variables: parts.Variables) -> dict[str, Array]:
        """Returns the statistics after a batch."""
        return {}


@dataclasses.dataclass(frozen=True)
class Codebook(Quantizer):
    """Codes learned as running averages of the vectors that choose them: online k-means.

    (van den Oord et al., "Neural discrete representation learning", 2017, appendix A.1.) With n_v
    the share of the batch's vectors whose nearest code is v, and m_v their sum divided by the
    batch's number of vectors,

        N_v = decay N_v + (1 - decay) n_v,   M_v = decay M_v + (1 - decay) m_v,   code_v = M_v / N_v

    N and M are linear in the batch, so their average over devices is that of the whole batch.

    A code is dead when its share of all N falls below a tenth of an even share. Then the least used
    code takes over half of the most used code's vectors, as when a cell is split in two (Linde,
    Buzo and Gray, "An algorithm for vector quantizer design", 1980): the dead code moves towards
    the used one, all but a hundredth of the way, and gets half of its N. This depends on N and M
    alone, so it is the same on every device. The averages start with so little weight that the
    first batches place all codes.
    """

    size: int
    num_codes: int
    commitment: float

    decay = 0.99
    dead = 0.1
    start = 1e-4

    def init(self, *, key: Array) -> parts.Variables:
        usage = jnp.full((self.num_codes,), self.start / self.num_codes)
        codes = jax.random.normal(key, (self.num_codes, self.size))
        return {"params": {}, "statistics": {"usage": usage, "sums": usage[:, None] * codes}}

    def nearest(self, u: Array, variables: parts.Variables) -> Array:
        # argmin_v |u - code_v|^2, without what does not depend on v.
        codes = self.codes(variables["statistics"])
        distance = jnp.sum(codes**2, -1) - 2 * jnp.matmul(u, codes.T, precision="highest")
        return jnp.argmin(distance, axis=-1)

    def look_up(self, codes: Array, variables: parts.Variables) -> Array:
        return self.codes(variables["statistics"])[codes]

    def update(self, u: Array, codes: Array, variables: parts.Variables) -> dict[str, Array]:
        u, codes = u.reshape(-1, self.size), codes.reshape(-1)
        # A matrix product, since an accelerator adds up scattered sums in any order.
        chosen = jax.nn.one_hot(codes, self.num_codes) / len(codes)
        seen = {"usage": chosen.sum(0), "sums": jnp.matmul(chosen.T, u, precision="highest")}
        return jax.tree.map(
            lambda old, new: self.decay * old + (1 - self.decay) * new,
            self.revive(variables["statistics"]),
            jax.lax.stop_gradient(seen),
        )

    def codes(self, statistics: dict[str, Array]) -> Array:
        """Returns the codebook [V, E]."""
        return statistics["sums"] / statistics["usage"][:, None]

    def revive(self, statistics: dict[str, Array]) -> dict[str, Array]:
        """Moves every dead code beside a used one, the least used beside the most used."""
        order = jnp.argsort(statistics["usage"])
        usage, codes = statistics["usage"][order], self.codes(statistics)[order]
        share = usage * self.num_codes / usage.sum()
        revived = (share < self.dead) & (share[::-1] > 2 * self.dead)
        halved = revived[::-1]
        usage = jnp.where(revived, usage[::-1] / 2, jnp.where(halved, usage / 2, usage))
        beside = codes[::-1] + 0.01 * (codes - codes[::-1])
        codes = jnp.where(revived[:, None], beside, codes)
        back = jnp.argsort(order)
        return {"usage": usage[back], "sums": (usage[:, None] * codes)[back]}


@dataclasses.dataclass(frozen=True)
class Scalars(Quantizer):
    """Finite scalar quantization (Mentzer et al., "Finite scalar quantization", 2023).

    A tanh brings number d of a vector into (-1, 1), which is rounded to the nearest of `levels[d]`
    equally spaced values from -1 to 1. The V = prod(levels) combinations are the codes: nothing is
    learned, and no code can die. (For an even number of levels the paper shifts the rounding so
    that 0 is a level; here -1 and 1 are always levels.)
    """

    levels: tuple[int, ...]

    commitment = 0.0

    @property
    def size(self) -> int:
        return len(self.levels)

    @property
    def num_codes(self) -> int:
        return math.prod(self.levels)

    @property
    def _places(self) -> np.ndarray:
        """The value of each digit's place in a code: 1, L_1, L_1 L_2, ..."""
        return np.cumprod((1, *self.levels[:-1])).astype(np.int32)

    def bound(self, e: Array) -> Array:
        return jnp.tanh(e)

    def nearest(self, u: Array, variables: parts.Variables) -> Array:
        steps = np.array(self.levels) - 1
        digits = jnp.round((u + 1) / 2 * steps).astype(jnp.int32)
        return (digits * self._places).sum(-1)

    def look_up(self, codes: Array, variables: parts.Variables) -> Array:
        levels = np.array(self.levels)
        digits = codes[..., None] // self._places % levels
        return 2 * digits / (levels - 1) - 1.0
