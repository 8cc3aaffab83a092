"""A stack of bits: asymmetric numeral systems (Duda 2009), by the library `constriction`.

Its probabilities are whole numbers of 2^-24, none of them 0, so that a symbol which a model rules
out costs 24 bits.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from vae.errors import InputError

SEED = 0  # of the bits below the first example
NEAR = 6  # standard deviations
SMOOTH = 8  # blocks in a standard deviation, at least
NARROWEST, WIDEST = 1e-3, 2.0**30  # standard deviations in cells


@functools.cache
def library() -> Any:
    """Returns the library's coders.

    Raises:
      InputError: it is not installed.
    """
    try:
        import constriction  # an extra
    except ImportError:
        raise InputError(
            "compression needs constriction: run pip install 'vae-experiments[compress]'."
        ) from None
    return constriction.stream


class Part(NamedTuple):
    """Distributions of one family: `number` symbols at `where`.

    Less `centre`, a symbol is a block of `block` numbers and, uniformly, one of these.
    """

    family: Any
    parameters: tuple[np.ndarray, ...]
    number: int
    where: Any = slice(None)
    centre: Any = 0
    block: int = 1


class Distribution(NamedTuple):
    """Independent distributions of `number` symbols, in parts."""

    parts: tuple[Part, ...]
    number: int


def _of(family: Any, number: int, *parameters: np.ndarray) -> Distribution:
    return Distribution((Part(family, parameters, number),), number)


def normal(mean: Any, std: Any, cells: int) -> Distribution:
    """Returns normal distributions over the whole numbers from -cells to cells - 1.

    A number stands for the half unit around it, and the outermost ones for the tails.
    """
    mean, std = _moments(mean, std)
    family = library().model.QuantizedGaussian(-cells, cells - 1)
    return _of(family, len(mean), mean, std)


def near(mean: Any, std: Any, cells: int) -> Distribution:
    """Returns normal distributions as `normal` does, each over numbers near its mean alone.

    What is popped is drawn. As no number has the probability 0, one draw in 2^24 / (2 cells) would
    be from anywhere, and an example whose z is nowhere costs as much as a hundred others. Here
    all are within 12 standard deviations, and the density is constant over blocks of a sixteenth to
    an eighth of one, so that there are few of them: one draw in 2^16 is from anywhere there.
    """
    mean, std = _moments(mean, std)
    log_block = np.clip(np.floor(np.log2(std)) - np.log2(SMOOTH), 0, None)
    log_half = np.ceil(np.log2(NEAR * std)) - log_block
    log_half = np.clip(log_half, 2, np.log2(cells) - log_block)
    parts = []
    for shape in sorted({*zip(log_block.tolist(), log_half.tolist(), strict=True)}):
        block, half = (int(2**each) for each in shape)
        where = np.flatnonzero((log_block == shape[0]) & (log_half == shape[1]))
        most = cells // block - half
        centre = block * np.rint(np.clip(mean[where] / block, -most, most)).astype(int)
        family = library().model.QuantizedGaussian(-half, half - 1)
        away = (mean[where] - centre - (block - 1) / 2) / block
        parameters = away, std[where] / block
        parts.append(Part(family, parameters, len(where), where, centre, block))
    return Distribution(tuple(parts), len(mean))


def standard_normal(std: float, cells: int, number: int) -> Distribution:
    """Returns `number` normal distributions of mean 0, as `normal`."""
    return _of(library().model.QuantizedGaussian(-cells, cells - 1, 0.0, std), number)


def bernoulli(p: np.ndarray) -> Distribution:
    """Returns the distributions of bits that are 1 with probabilities p [N]."""
    _check(p)
    return _of(library().model.Bernoulli(perfect=False), len(p), np.clip(p, 0.0, 1.0))


def categorical(p: np.ndarray) -> Distribution:
    """Returns the distributions of symbols 0, ..., V - 1 with probabilities p [N, V], V > 1."""
    if p.shape[1] == 2:
        return bernoulli(p[:, 1])
    _check(p)
    return _of(library().model.Categorical(perfect=False), len(p), np.ascontiguousarray(p))


def uniform(size: int, number: int) -> Distribution:
    """Returns `number` uniform distributions over 0, ..., size - 1, for a size from 2."""
    return Distribution((_uniform(size, number),), number)


def _uniform(size: int, number: int) -> Part:
    return Part(library().model.Uniform(size), (), number)


def _moments(mean: Any, std: Any) -> tuple[np.ndarray, np.ndarray]:
    mean, std = (np.asarray(each, np.float64).ravel() for each in (mean, std))
    _check(mean, std)
    return mean, np.clip(std, NARROWEST, WIDEST)


def _check(*parameters: np.ndarray) -> None:
    if not all(np.isfinite(each).all() for each in parameters):
        raise InputError("the model gives probabilities that are no numbers: it has diverged.")


class Exhausted(Exception):
    """There were too few bits to pop from."""


class Stack:
    """A stack of symbols, of two words and more.

    Attributes:
      popped: bits that were popped so far.
    """

    def __init__(self, words: np.ndarray):
        """Starts with words, uint32, the last of which is not 0."""
        self.popped = 0
        self._coder = library().stack.AnsCoder(words)

    @property
    def bits(self) -> int:
        """Returns the number of bits on the stack."""
        return self._coder.num_valid_bits()

    def words(self) -> np.ndarray:
        """Returns the stack, uint32."""
        return self._coder.get_compressed()

    def scramble(self, turn: int) -> None:
        """Adds random bits to all but the state on top; a second time, it takes them away.

        What is popped is then drawn from bits that are as good as random. Otherwise the latents of
        a batch would be made of those of the batch before, which were pushed last, and where these
        are not distributed as the prior says, every example would cost more.
        """
        words = self.words()
        random = np.random.default_rng([turn, SEED + 1])  # apart from `seeded`
        words[:-2] ^= random.integers(0, 2**32, len(words) - 2, np.uint32)
        self._coder = library().stack.AnsCoder(words)

    def push(self, distribution: Distribution, symbols: np.ndarray) -> None:
        """Pushes symbols [N], so that `pop` gives them back.

        Raises:
          InputError: a symbol is none of the distribution's.
        """
        symbols = np.asarray(symbols).ravel()
        for part in reversed(distribution.parts):
            block, within = np.divmod(symbols[part.where] - part.centre, part.block)
            if part.block > 1:
                self._push(_uniform(part.block, part.number), within)
            self._push(part, block)

    def _push(self, part: Part, symbols: np.ndarray) -> None:
        if part.number:
            symbols = np.ascontiguousarray(symbols, np.int32)
            try:
                self._coder.encode_reverse(symbols, part.family, *part.parameters)
            except KeyError:
                raise InputError("what is coded has no probability here.") from None

    def pop(self, distribution: Distribution) -> np.ndarray:
        """Pops symbols [N], int32.

        Raises:
          Exhausted: there are too few bits.
        """
        found = np.zeros(distribution.number, np.int32)
        for part in distribution.parts:
            if part.number:
                found[part.where] = part.centre + part.block * self._popped(part)
                if part.block > 1:
                    found[part.where] += self._popped(_uniform(part.block, part.number))
        return found

    def _popped(self, part: Part) -> np.ndarray:
        before = self.bits
        found = self._coder.decode(part.family, *(part.parameters or (part.number,)))
        if self._coder.num_words() < 2:
            raise Exhausted
        self.popped += before - self.bits
        return found


def seeded(number: int) -> np.ndarray:
    """Returns the words below the first example."""
    return np.random.default_rng(SEED).integers(1, 2**32, number, np.uint32)
