"""Examples in prepared records of tensorflow-datasets, decoded when read."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vae.data.examples import Examples, Raw
from vae.data.splits import digest, digests
from vae.data.unreadable import Unreadable
from vae.modalities.images.decoding import Fit, fit_image, open_image


@dataclass(frozen=True)
class Label:
    """Where in a record its label and its identity (a person's number) are, if it has them."""

    key: str | None = None
    attributes: tuple[str, ...] = ()  # keys below `key`; none where `key` is a class
    identity: tuple[str, ...] = ()  # keys that lead to the identity; none where there is none

    def none(self, num: int) -> np.ndarray:
        """Returns empty labels for `num` images."""
        if self.attributes:
            return np.zeros((num, len(self.attributes)), np.float32)
        return np.full(num, -1, np.int32)

    def of(self, record: Any) -> Any:
        """Returns the label of a record."""
        found = record[self.key]
        return [found[name] for name in self.attributes] if self.attributes else found


@dataclass(frozen=True)
class RecordExamples(Examples):
    """Images of a base split of tensorflow-datasets."""

    source: Any  # the tfds data source of a base split
    name: str
    records: np.ndarray  # [N] int64, indices in the source
    image_key: str
    label: Label
    fit: Fit
    shape: tuple[int, int, int]
    unreadable: Unreadable

    @functools.cached_property
    def identities(self) -> np.ndarray | None:  # type: ignore[override]  # a field of others
        """Returns the identities, which are read from all records when first asked for."""
        if not self.label.identity:
            return None
        every = map(self.source.__getitem__, self.records.tolist())
        numbers = (functools.reduce(operator.getitem, self.label.identity, r) for r in every)
        return np.fromiter(numbers, np.int32)

    def __len__(self) -> int:
        return len(self.records)

    def take(self, indices: np.ndarray) -> RecordExamples:
        return replace(self, records=self.records[indices])

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        for record in self.source.__getitems__(self.records[sample].tolist()):
            image = record[self.image_key]
            yield image if isinstance(image, bytes) else np.asarray(image).tobytes()
            if self.label.key:
                yield np.asarray(self.label.of(record)).tobytes()

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        return self._read(indices, None)

    def read_with_digests(self, indices: np.ndarray) -> tuple[Raw, np.ndarray, list[bytes], int]:
        """Returns what `read` does, the digests of the images before `fit`, and their maximum."""
        seen: list[tuple[bytes, int]] = []
        raw, ok = self._read(indices, seen)
        return raw, ok, [name for name, _ in seen], max(high for _, high in seen)

    def _read(
        self, indices: np.ndarray, seen: list[tuple[bytes, int]] | None
    ) -> tuple[Raw, np.ndarray]:
        images = np.zeros((len(indices), *self.shape), np.uint8)
        labels = self.label.none(len(indices))
        ok = np.ones(len(indices), bool)
        records = self.records[indices].tolist()
        for row, record in enumerate(self.source.__getitems__(records)):
            if self.label.key:
                labels[row] = self.label.of(record)
            try:
                image = open_image(record[self.image_key], self.fit if seen is None else Fit())
            except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
                name = f"{self.name}[{records[row]}]"
                ok[row] = False
                self.unreadable.add(name, error)
                if seen is not None:
                    seen.append((digest(name.encode()), 0))
                continue
            if seen is None:
                images[row] = fit_image(image, self.fit)
                continue
            raw = fit_image(image, Fit())
            named = np.full(1, -1) if self.label.attributes else labels[row : row + 1]
            seen.append((digests(raw[None], named)[0], int(raw.max())))
            same = raw.shape == self.shape and not self.fit.resizes
            images[row] = raw if same else fit_image(image, self.fit)
        return Raw(images, labels), ok
