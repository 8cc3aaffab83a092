"""The effect of the condition y on a conditional model: what y changes, and how much of y is in z.

All that y says of x can also reach the decoder through z; another y beside the same z then changes
nothing. Two measurements on held-out examples show this:

    response   D_a = E[decode(z, y with a high) - decode(z, y with a low)], z the posterior's mean,
               against B_a, the difference of the data's means: the coefficient of y_a in the least
               squares of x on y, times the distance from low to high (for one attribute alone, and
               for classes, a plain difference of means). <D_a, B_a> / <B_a, B_a> is 1 where y moves
               the example as it does in the data, and 0 where the decoder ignores it. A class of a
               field (`vae/data/fields.py`) is told instead of the example's own, and compared with
               the mean over these, other fields and attributes held.

    in z       a linear probe, by least squares on training examples, reads y from samples of z: R2
               of attributes; the accuracy of classes and of attributes of two values, where the
               encoder has the true condition, and where it has the opposite (of one attribute at a
               time; the next class). If the second is lower, z has copied the encoder's condition;
               if both are high, z has what the example shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from vae.data.fields import fields_of

TURNED = 8192  # examples decoded under another condition, over all attributes
LEAST = 32  # such examples for each attribute
RIDGE = 1e-6  # of the least squares, relative to the variance of the inputs
TAILS = (5, 95)  # percentiles between which an attribute of many values is moved
RESOLVED = 0.5  # the share of a squared difference of means that may at most be noise
WEAK = 0.5  # a response below this gives a warning

Encode = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]
Reading = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Conditioning:
    """The measurements for K attributes or classes, NaN where the data do not tell.

    Attributes:
      names: [K].
      exclusive: whether they are classes.
      change: [K] root mean square of D, over the values of x.
      data_change: [K] root mean square of B.
      response: [K] <D, B> / <B, B>.
      overall: the sum of <D, B> over the sum of <B, B>.
      r2: [K] R2 of attributes read from z; for classes, of their indicators.
      accuracy: [K] for attributes of two values; [1] for classes, over all of them.
      accuracy_opposite: the same where the encoder has the opposite condition.
    """

    names: tuple[str, ...]
    exclusive: bool
    change: np.ndarray
    data_change: np.ndarray
    response: np.ndarray
    overall: float
    r2: np.ndarray
    accuracy: np.ndarray
    accuracy_opposite: np.ndarray

    def figures(self) -> dict[str, float]:
        """Returns the metrics of all attributes or classes together, by name."""
        named = {
            "condition_response": self.overall,
            "condition_r2": _mean(self.r2),
            "condition_accuracy": _mean(self.accuracy),
            "condition_accuracy_told_opposite": _mean(self.accuracy_opposite),
        }
        return {name: value for name, value in named.items() if np.isfinite(value)}

    def table(self) -> dict[str, dict[str, float]]:
        """Returns the metrics of each attribute or class, by its name."""
        columns = {"change": self.change, "data_change": self.data_change}
        columns |= {"response": self.response, "r2": self.r2}
        if not self.exclusive:
            columns["accuracy"] = self.accuracy
            columns["accuracy_told_opposite"] = self.accuracy_opposite
        return {
            name: {
                key: float(column[i]) for key, column in columns.items() if np.isfinite(column[i])
            }
            for i, name in enumerate(self.names)
        }

    def sentence(self) -> str | None:
        """Returns the result as a sentence; None if the data tell nothing of any attribute."""
        if not np.isfinite(self.response).any():
            return None
        a = int(np.nanargmax(self.data_change))
        what = "class" if self.exclusive else "attribute"
        parts = [
            f"under another {what}, the decoded example changes {self.overall:.2f} times as much "
            f"as the data's means ({self.names[a]}: {self.change[a]:.3g} against "
            f"{self.data_change[a]:.3g}, root mean square)"
        ]
        if self.exclusive:
            parts.append(
                f"a linear probe reads the class from z in {self.accuracy[0]:.1%} of the examples, "
                f"and in {self.accuracy_opposite[0]:.1%} if the encoder is given another"
            )
        else:
            parts.append(f"a linear probe reads attributes from z with R2 {_mean(self.r2):.2f}")
            if np.isfinite(_mean(self.accuracy)):
                parts[-1] += (
                    f", those of two values right in {_mean(self.accuracy):.1%}, and in "
                    f"{_mean(self.accuracy_opposite):.1%} if the encoder is given the opposite"
                )
        if self.weak:
            parts.append("more training.steps may teach the decoder to use the condition")
        return "; ".join(parts)

    @property
    def weak(self) -> bool:
        """Returns whether the decoder ignores most of the condition."""
        return bool(self.overall < WEAK)


def measure(
    encode: Encode,
    decode: Decode,
    train: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    *,
    exclusive: bool,
) -> Conditioning:
    """Measures a conditional model.

    Args:
      encode: x [N, *places, C] and y to the mean of q(z | x, y) and a sample of it, [N, D] each.
      decode: z [N, D] and y to x [N, *places, C].
      train: x and y for the probe and the data's means.
      held_out: x and y to measure on.
      names: names of the attributes, or of the classes.
      exclusive: y are classes [N], all of them known; else attributes [N, A].
    """
    kind = _Classes(train[1], len(names)) if exclusive else _Attributes(train[1], names)
    difference, noise = kind.differences(train[0].reshape(len(train[0]), -1))
    read = linear_probe(encode(*train)[1], kind.code(train[1]))
    x, y = held_out
    mean, z = encode(x, y)
    truth, told_truth = kind.code(y), read(z)

    some = slice(0, max(LEAST, TURNED // len(names)))
    told_opposite = kind.told_opposite(lambda y: read(encode(x[some], y)[1]), y[some])
    change = np.stack(
        [
            (decode(mean[some], high) - decode(mean[some], low)).mean(0, dtype=np.float64).ravel()
            for low, high in kind.moves(y[some])
        ]
    )
    squared = (difference**2).sum(1) - noise
    along = np.where(noise <= RESOLVED * (squared + noise), (change * difference).sum(1), np.nan)
    squared = np.where(np.isnan(along), np.nan, squared)
    return Conditioning(
        names=tuple(names),
        exclusive=exclusive,
        change=np.sqrt((change**2).mean(1)),
        data_change=np.sqrt(squared / change.shape[1]),
        response=along / squared,
        overall=float(np.nansum(along) / np.nansum(squared)) if np.nansum(squared) else np.nan,
        r2=_explained(told_truth, truth),
        accuracy=kind.accuracy(told_truth, truth),
        accuracy_opposite=kind.accuracy(told_opposite, truth[some]),
    )


def linear_probe(z: np.ndarray, code: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the least squares of codes [N, K] on z [N, D] and 1, as a function of z."""
    weights, mean = _least_squares(z, code), z.mean(0)
    return lambda z: (z - mean) @ weights + code.mean(0)


def _least_squares(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Returns the slopes [D, K] of outputs [N, K] on inputs [N, D], both about their means."""
    std = np.float64(inputs).std(0)
    std = np.where(std > 0, std, 1.0)
    inputs = (inputs - inputs.mean(0, dtype=np.float64)) / std
    gram = inputs.T @ inputs + RIDGE * len(inputs) * np.eye(inputs.shape[1])
    products = np.float32(inputs).T @ (outputs - outputs.mean(0))
    return np.linalg.solve(gram, products) / std[:, None]


def _explained(read: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns R2 of each column of readings [N, K]; NaN where the truth does not vary."""
    variance = truth.var(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, 1 - ((read - truth) ** 2).mean(0) / variance, np.nan)


def _mean(values: np.ndarray) -> float:
    """Returns the mean of the values that are known."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


class _Attributes:
    """Attributes y [N, A]: each is moved alone, between its two values or its outer percentiles.

    A class of a field takes the place of the example's own.
    """

    def __init__(self, y: np.ndarray, names: Sequence[str]) -> None:
        self._fields = [np.array(field.columns) for field in fields_of(names)]
        ends = y.min(0), y.max(0)
        self._binary = ((y == ends[0]) | (y == ends[1])).all(0) & (ends[0] < ends[1])
        self._low, self._high = np.where(self._binary, ends, np.percentile(y, TAILS, axis=0))
        self._y = np.asarray(y, np.float64)

    def code(self, y: np.ndarray) -> np.ndarray:
        return np.asarray(y, np.float32)

    def differences(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns B [A, P] of flat x [N, P], and the noise expected in |B|^2 [A]."""
        slopes = _least_squares(self._y, x)
        centred = self._y - self._y.mean(0)
        explained = ((centred.T @ centred @ slopes) * slopes).sum()
        freedom = max(1, len(x) - 1 - len(slopes) + len(self._fields))
        residual = (len(x) * x.var(0, dtype=np.float64).sum() - explained) / freedom
        range_ = self._high - self._low
        contrasts = np.diag(range_)  # what is compared, a row for each attribute
        for columns in self._fields:
            mean = self._y[:, columns].mean(0)
            contrasts[np.ix_(columns, columns)] = np.eye(len(columns)) - mean
        noise = residual * ((contrasts @ np.linalg.pinv(centred.T @ centred)) * contrasts).sum(1)
        return contrasts @ slopes, np.where(range_ > 0, noise, np.inf)

    def moves(self, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        own = {int(column): columns for columns in self._fields for column in columns}
        for a, (low, high) in enumerate(zip(self._low, self._high, strict=True)):
            if a in own:
                yield y, _with_column(y, own[a], own[a] == a)
            else:
                yield _with_column(y, a, low), _with_column(y, a, high)

    def told_opposite(self, reading: Reading, y: np.ndarray) -> np.ndarray:
        """Returns readings [N, A] of two-valued attributes, each where it alone is wrong in y.

        Those of a field are of examples that are told the next class of that field.
        """
        columns = np.zeros(y.shape)
        of_fields = {int(column) for own in self._fields for column in own}
        for a in sorted({*np.flatnonzero(self._binary).tolist()} - of_fields):
            wrong = _with_column(y, a, self._low[a] + self._high[a] - y[:, a])
            columns[:, a] = reading(wrong)[:, a]
        for own in self._fields:
            wrong = _with_column(y, own, np.roll(y[:, own], 1, axis=1))
            columns[:, own] = reading(wrong)[:, own]
        return columns

    def accuracy(self, read: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Returns the accuracy [A] of attributes of two values and of fields, NaN of others."""
        middle = (self._low + self._high) / 2
        found = np.where(self._binary, ((read > middle) == (truth > middle)).mean(0), np.nan)
        for own in self._fields:
            found[own] = (read[:, own].argmax(1) == truth[:, own].argmax(1)).mean()
        return found


class _Classes:
    """Classes y [N] of so many: all examples are decoded under each of them."""

    def __init__(self, y: np.ndarray, number: int) -> None:
        self._y, self._number = y, number

    def code(self, y: np.ndarray) -> np.ndarray:
        return (y[:, None] == np.arange(self._number)).astype(np.float32)

    def differences(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns B [K, P] of flat x [N, P], each class less all, and the noise in |B|^2 [K]."""
        member = self.code(self._y)
        count = member.sum(0, dtype=np.float64)
        b = member.T @ x / np.maximum(count, 1)[:, None] - x.mean(0)
        residual = x.var(0, dtype=np.float64).sum() - (count / len(x) * (b**2).sum(1)).sum()
        with np.errstate(divide="ignore"):
            return b, residual * (1 / count - 1 / len(x))

    def moves(self, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for k in range(self._number):
            yield y, np.full_like(y, k)

    def told_opposite(self, reading: Reading, y: np.ndarray) -> np.ndarray:
        """Returns readings [N, K] where the condition is the next class."""
        return reading((y + 1) % self._number)

    def accuracy(self, read: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Returns the accuracy [1] over all examples."""
        return np.array([(read.argmax(1) == truth.argmax(1)).mean()])


def _with_column(y: np.ndarray, column: Any, values: Any) -> np.ndarray:
    """Returns y [N, A] with other values in one column, or in several."""
    y = y.copy()
    y[:, column] = values
    return y
