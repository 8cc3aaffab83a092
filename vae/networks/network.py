"""The contracts of encoders and decoders: pure Linen modules without mutable state.

Subclass one to write your own. The fields are what it is made with: any of

    widths         `encoder_widths` or `decoder_widths` of the config
    outputs        how many numbers it gives: an encoder for each example, a decoder at each
                   position, its channels together
    event          the shape of an x, and what its values mean; `places` are those of the shape
    activation, dtype, blocks
                   of the config; the body's arithmetic has this `dtype`
    output_bias    of a decoder: [*places, outputs] that its first outputs should be near, or None

and what is set as `encoder_settings` or `decoder_settings`. Both give float32.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import flax.linen as nn
import jax

Array = jax.Array


class Encoder(nn.Module):
    """[B, *places, C] -> [B, outputs].

    Attributes:
      ranks: the numbers of axes of places that it takes: an image has two, a sound one, a row of a
        table none.
      any_length: whether it takes x of any length, the first axis of the places, and leaves out
        positions that are missing. It then finds NaN there, and in tokens -1.
      reads_tokens: whether it takes tokens for names, not for numbers.
    """

    ranks: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    any_length: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the places of z for x of these places, () where z is one vector.

        Where z has places, the outputs are laid out channel by channel: [E, *grid], flattened.
        """
        return ()

    @property
    def reach(self) -> int | None:
        """How many positions around those of its own place a number of z sees; None: all of x.

        A network with a reach computes the same at every place, for x of any places: it is cloned
        with other `outputs`, and keeps its parameters. See `vae/models/resized.py`.
        """
        return None

    @abstractmethod
    def __call__(self, x: Array) -> Array:
        """Returns the numbers of which q(z | x) is made, [B, outputs], for x [B, *places, C]."""


class Decoder(nn.Module):
    """z [..., B, D] -> [..., B, *places, outputs].

    Attributes:
      ranks: as in an encoder.
      causal: whether it is given x, too; see `causal.py`.
    """

    ranks: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    causal: ClassVar[bool] = False

    @property
    def random(self) -> bool:
        """Whether it takes `keys` [B], an example's own, and has noise with them: in training."""
        return False

    @property
    def sample_bytes(self) -> int:
        """Returns about how many bytes it holds per sample of an example beside its outputs."""
        return 0

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the places of z, as an encoder's."""
        return ()

    @property
    def reach(self) -> int | None:
        """How many positions around its own a place of z changes, see `Encoder.reach`.

        A decoder is cloned with other `places` and without its `output_bias`.
        """
        return None

    @abstractmethod
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        """Returns the outputs that the likelihood reads, [..., B, *places, outputs].

        Args:
          z: [..., B, D].
          code: [B, c], the code of each example's condition, or None.
        """
