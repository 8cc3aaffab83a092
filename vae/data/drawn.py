"""Examples that are drawn when they are read: functions of their index, with known factors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from vae.data.examples import Examples, Raw


@dataclass(frozen=True)
class DrawnExamples(Examples):
    """Examples by index; all else of them is a function of it, and nobody is in them."""

    indices: np.ndarray  # [N] int

    identities = None

    @abstractmethod
    def draw(self, indices: np.ndarray) -> Raw:
        """Returns the examples with these `indices`, and their factors as labels."""

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> Self:
        return replace(self, indices=self.indices[indices])

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.indices.tobytes()

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        return self.draw(self.indices[indices]), np.ones(len(indices), bool)
