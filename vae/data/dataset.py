"""What a data set is: examples that are read by index, and what their raw values mean.

A reader (one file each beside this one) returns a `Source`: named base splits in a canonical order.
`vae.data.load` cuts the configured splits out of it and returns a `Dataset`. Where the examples are
kept, in memory or in files, never changes which they are or their order.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vae.data.attributes import scales_of
from vae.errors import InputError
from vae.models.data import Scales

MAX_UNREADABLE = 0.01  # of the files; beyond it the folder is taken to be broken, not scratched


@dataclass(frozen=True)
class Values:
    """The meaning of a raw value: x = raw / scale.

    `levels` is the number of equally spaced values x takes in [0, 1], 0 and 1 among them, or None
    where x is continuous; `low` and `high` bound x. `counts` says that the highest level is the
    largest number that was counted, where there might have been a larger one. `black` and `white`
    are the source's own values that became x = 0 and x = 1, where reading it changed them.
    """

    scale: float
    levels: int | None
    low: float = 0.0
    high: float = 1.0
    counts: bool = False
    black: float | None = None
    white: float | None = None


BYTES = Values(scale=255.0, levels=256)
BINARY = Values(scale=1.0, levels=2)


class Examples(Protocol):
    """Labelled images, read by index.

    `identities` [N] int32 says who is on them, where that is known: it is not given to models.
    """

    image_shape: tuple[int, int, int]
    identities: np.ndarray | None

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """The size of all images as an array."""

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns images [n, H, W, C] raw, labels and ok [n] bool.

        Labels are classes [n] int32 (-1: none) or attributes [n, A] float32, each in its own unit.

        An example that cannot be decoded has ok False and an image of zeros. Callable from any
        number of threads. Raises InputError when too many cannot be decoded.
        """

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        """Yields what tells these examples from others: names, labels, the content of a `sample`.

        The same bytes wherever the examples are kept now, and whatever reads them.
        """

    def take(self, indices: np.ndarray) -> Examples:
        """Returns the examples at `indices`, in that order."""

    def table(self) -> dict[str, np.ndarray]:
        """Returns what the device is to hold, or {}: too large for it.

        {"image": [N, H, W, C], "label": [N]}.
        """


@dataclass(frozen=True)
class ArrayExamples:
    """Examples in memory: images [N, H, W, C], labels [N] or [N, A], ok [N] bool.

    Images are uint8, int32 or float32. Where `ok` is False the image is a stand-in (see
    `read_complete`), not an example of its own: training may see it, an evaluation leaves it out.
    """

    images: np.ndarray
    labels: np.ndarray
    ok: np.ndarray
    resident: bool = False  # small enough for the device, see `table`
    identities: np.ndarray | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.images.shape[1:]

    @property
    def nbytes(self) -> int:
        return self.images.nbytes

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.images[indices], self.labels[indices], self.ok[indices]

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.labels.tobytes()
        for index in sample:
            yield self.images[index].tobytes()

    def take(self, indices: np.ndarray) -> ArrayExamples:
        start, stop = (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)
        if np.array_equal(indices, np.arange(start, stop)):
            indices = slice(start, stop)  # a view
        identities = None if self.identities is None else self.identities[indices]
        columns = (self.images[indices], self.labels[indices], self.ok[indices])
        return ArrayExamples(*columns, self.resident, identities)

    def table(self) -> dict[str, np.ndarray]:
        return {"image": self.images, "label": self.labels} if self.resident else {}


def in_memory(images: np.ndarray, labels: np.ndarray | None = None) -> ArrayExamples:
    """Returns ArrayExamples of images [N, H, W, C] and labels [N] (None: unlabelled)."""
    if labels is None:
        labels = np.full(len(images), -1)
    return ArrayExamples(images, labels.astype(np.int32), np.ones(len(images), bool))


@dataclass(frozen=True)
class Source:
    """What a reader found: base splits by name, each in its canonical order."""

    splits: dict[str, Examples]
    values: Values
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # their names
    classes: tuple[str, ...] = ()  # their names; none where these are the numbers


@dataclass(frozen=True)
class Dataset:
    """The three sets of an experiment: all resident on the device, or none (`Examples.table`)."""

    train: Examples
    valid: Examples
    test: Examples
    values: Values
    image_shape: tuple[int, int, int]  # H, W, C
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # their names
    classes: tuple[str, ...] = ()  # their names; none where these are the numbers
    digest: str = ""  # tells these data from others, see `vae/data/identity.py`

    @functools.cached_property
    def scales(self) -> Scales:
        """What the attributes' numbers mean, from those of the training set."""
        return scales_of(getattr(self.train, "labels", None), len(self.attributes))

    def mean_image(self) -> np.ndarray:
        """Returns the mean x of the training set, [H, W, C] float32.

        Of at most 2,000 examples, evenly spaced, wherever they are kept: that is enough to start a
        decoder from, and takes less than a second where each has to be decoded.
        """
        count = min(len(self.train), 2000)
        chosen = np.linspace(0, len(self.train) - 1, count).astype(int)
        images, _, _ = read_complete(self.train, chosen)
        return (images.mean(0, dtype=np.float64) / self.values.scale).astype(np.float32)


@dataclass
class Unreadable:
    """Names each file that cannot be decoded once, and gives up when there are too many.

    One object is shared by all splits of a source and all threads that read it.
    """

    what: str  # the folder or set, for the message
    total: int
    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, reason: object) -> None:
        """Counts `name`; raises InputError beyond MAX_UNREADABLE of the files."""
        with self.lock:
            if name not in self.names:
                self.names.add(name)
                logging.warning("%s cannot be read and is skipped: %s", name, reason)
            count = len(self.names)
            if count > MAX_UNREADABLE * self.total:
                few = ", ".join(sorted(self.names)[:3]) + (", ..." if count > 3 else "")
                raise InputError(
                    f"{self.what}: {count} of {self.total} images cannot be read, more than "
                    f"{MAX_UNREADABLE:.0%} ({few}): replace or remove them."
                )


def read_complete(
    examples: Examples, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads with a stand-in for what cannot be decoded: the next example that can.

    The stand-in depends on the index only, so that a batch stays a function of its step, and a set
    in memory holds what the same set read from files would give. Returns as `read` does: `ok`
    still says which examples are their own.
    """
    images, labels, ok = examples.read(indices)
    for row in np.flatnonzero(~ok):
        if isinstance(examples, ArrayExamples) and examples.resident:
            break  # it holds its stand-ins already
        for offset in range(1, len(examples)):
            other = np.array([(int(indices[row]) + offset) % len(examples)])
            image, label, readable = examples.read(other)
            if readable[0]:
                images[row], labels[row] = image[0], label[0]
                break
        else:
            raise InputError(f"None of the {len(examples)} images of a split can be read.")
    return images, labels, ok


def load_in_memory(examples: Examples, threads: int) -> ArrayExamples:
    """Reads every example, with `threads` threads."""
    if isinstance(examples, ArrayExamples) and examples.ok.all():
        return examples
    chunks = np.array_split(np.arange(len(examples)), -(-len(examples) // 256))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        futures = [pool.submit(read_complete, examples, chunk) for chunk in chunks]
        try:
            parts = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ArrayExamples(*columns, identities=examples.identities)
