"""The rules of a value: its type and its range.

A range says what can be computed, not what is wise. Real numbers are finite and neither overflow
nor vanish in float32; whole numbers fit the int32 that counts them; numbers of layers are bounded,
since a billion layers would never be built. Whether the rest fits into this machine's memory is
checked when the data are known (`vae/training/allocation.py`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

from vae.config.axes import AXES
from vae.config.own import is_own

INT = 2**31 - 1
SEED = 2**32 - 1  # a larger one would be the same as its remainder
SIZE = 2**20  # widths, components, codes
LAYERS = 256
HEADS = 4  # of a Transformer; its widths are multiples of it
TINY, HUGE = 1e-30, 1e30  # well inside float32
BELOW_ONE = 1 - 1e-6  # float32 tells it from 1


class Rule(Protocol):
    """A rule that a value must satisfy."""

    def allows(self, value: Any) -> bool:
        """Returns whether the value satisfies the rule."""

    def __str__(self) -> str:
        """Returns the rule as the end of "must be ..."."""


class Whole(NamedTuple):
    """Whole numbers, both ends included."""

    low: int = 0
    high: int = INT

    def allows(self, value: Any) -> bool:
        return type(value) is int and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


class Real(NamedTuple):
    """Finite numbers, both ends included."""

    low: float = 0.0
    high: float = HUGE

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (self.low <= value <= self.high)
            and not 0 < abs(value) < TINY
        )

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


class Flag(NamedTuple):
    """True or False."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


class Text(NamedTuple):
    """Text that may name a file or a data set."""

    longest: int = 4096

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and len(value) <= self.longest and "\0" not in value

    def __str__(self) -> str:
        return f"text of at most {self.longest} characters"


class Each(NamedTuple):
    """A tuple whose entries all satisfy one rule."""

    rule: Rule
    shortest: int = 0
    longest: int = 32

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, tuple | list)
            and self.shortest <= len(value) <= self.longest
            and all(self.rule.allows(entry) for entry in value)
        )

    def __str__(self) -> str:
        number = f"{self.shortest} to {self.longest}"
        if self.shortest == self.longest:
            number = f"{self.shortest}"
        return f"a tuple of {number} entries, each {self.rule}"


class Choices(NamedTuple):
    """The names of an axis, and "module:Name" if they stand for parts."""

    axis: str

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and (
            value in AXES[self.axis] or (self.are_parts() and is_own(value))
        )

    def __str__(self) -> str:
        own = ' or "module:Name"' if self.are_parts() else ""
        return f"one of {', '.join(AXES[self.axis])}{own}"

    def are_parts(self) -> bool:
        """Returns whether the names stand for classes or functions, not for words."""
        return any(choice.part for choice in AXES[self.axis].values())


class Known(NamedTuple):
    """One of some names, or "module:Name"."""

    names: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and (value in self.names or is_own(value))

    def __str__(self) -> str:
        return f'one of {", ".join(self.names)} or "module:Name"'


class Setting(NamedTuple):
    """A setting of a part of one's own: a value that a config's file can hold."""

    def allows(self, value: Any) -> bool:
        if isinstance(value, tuple | list):
            return all(self.allows(entry) for entry in value)
        if isinstance(value, float):
            return math.isfinite(value)
        return isinstance(value, bool | str) or (type(value) is int and abs(value) <= 2**63)

    def __str__(self) -> str:
        return "a finite number, text, True or False, or a tuple of these"


POSITIVE = Whole(1)
FLAG, PATH, SPLIT = Flag(), Text(), Text(200)
STEPS, WEIGHT, ABOVE_ZERO = Whole(0), Real(), Real(TINY)
WIDTHS = Each(Whole(1, SIZE))
DEPTH, SOME = Whole(1, LAYERS), Whole(1, SIZE)
SETTING = Setting()
TRACKER = Known(("wandb", "mlflow", "aim"))


def shown(value: Any, longest: int = 80) -> str:
    """Returns a value as Python writes it, shortened; huge whole numbers are only named."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = "(a number of thousands of digits)"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
