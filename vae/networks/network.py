"""What every encoder and decoder is: a pure Linen module without mutable state.

A network of one's own is a subclass, whose fields are what it is made with: any of

    widths         `encoder_widths` or `decoder_widths` of the config
    outputs        how many numbers it gives: of an encoder for each example, of a decoder at each
                   place, its channels together
    event          the shape of an x, and what its values mean; `places` are those of the shape
    activation, dtype, blocks
                   of the config; the `dtype` is that of the arithmetic in its body
    output_bias    of a decoder: [*places, outputs] that its first outputs are to be near, or None

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
      ranks: for how many axes of places it is: an image has two, a sound one, a row of a table
        none.
    """

    ranks: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)

    @abstractmethod
    def __call__(self, x: Array) -> Array:
        """What q(z | x) is made of, [B, outputs], of x [B, *places, C]."""


class Decoder(nn.Module):
    """z [..., B, D] -> [..., B, *places, outputs].

    Attributes:
      ranks: as of an encoder.
      causal: whether it is given x, too, see `causal.py`.
    """

    ranks: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    causal: ClassVar[bool] = False

    @property
    def sample_bytes(self) -> int:
        """About what it holds of one sample of one example beside its outputs, if much more."""
        return 0

    @abstractmethod
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        """What the likelihood is given of p(x | z), [..., B, *places, outputs].

        Args:
          z: [..., B, D].
          code: [B, c] of what the model is told of each example, or None.
        """
