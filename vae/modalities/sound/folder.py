"""Recordings in a folder or an archive: of any rate and length, read as they are needed.

What the folder says of its files (splits, labels, attributes) is in `vae/data/folders.py`.
"""

from __future__ import annotations

import collections
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data import folders
from vae.data.examples import Examples, Raw, Source, rows_at
from vae.data.places import Place
from vae.data.unreadable import Unreadable
from vae.errors import InputError, readable
from vae.modalities.sound import codec as codecs
from vae.modalities.sound import recordings
from vae.modalities.sound.codec import Codec
from vae.modalities.sound.recordings import RECORDINGS, Header

logger = logging.getLogger(__name__)

LONG = 8  # times the median length: so much longer recordings are rather mistakes


@dataclass(frozen=True)
class FileExamples(Examples):
    """Recordings in files, decoded when read."""

    root: str  # a folder, or an archive
    content: Callable[[str], str | bytes]  # a path in root -> where the file lies, or its bytes
    paths: np.ndarray  # [N] of str, in root
    labels: np.ndarray  # [N] int32 or [N, A] float32
    identities: np.ndarray | None
    codec: Codec
    unreadable: Unreadable
    remarks: Remarks
    lengths: np.ndarray | None  # as the headers say them

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return self.codec.shape

    @property
    def nbytes(self) -> int:
        return super().nbytes * np.dtype(self.codec.dtype).itemsize

    @property
    def names(self) -> np.ndarray:  # type: ignore[override]  # a field of others
        return self.paths

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> FileExamples:
        known: dict[str, Any] = {
            "identities": rows_at(self.identities, indices),
            "lengths": rows_at(self.lengths, indices),
        }
        return replace(self, paths=self.paths[indices], labels=self.labels[indices], **known)

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        values = np.zeros((len(indices), *self.shape), self.codec.dtype)
        ok = np.ones(len(indices), bool)
        for row, path in enumerate(self.paths[indices]):
            name = readable(os.path.join(self.root, path))
            try:
                sound = recordings.read(self.content(path), self.codec)
            except Exception as error:  # libsndfile's errors, and those of archives, are many
                ok[row] = False
                self.unreadable.add(name, error)
                continue
            self.remarks.of(name, sound)
            values[row] = self.codec.encode(sound)
        return Raw(values, self.labels[indices]), ok

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield "\n".join(self.paths).encode(errors="surrogateescape")
        yield self.labels.tobytes()
        for path in self.paths[sample]:
            yield folders.evidence(self.content, path)


@dataclass
class Remarks:
    """Warns of the first recording that is silent, and of the first that is clipped."""

    said: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, name: str, sound: np.ndarray) -> None:
        """Looks at a sound [L, C]."""
        peak = float(np.abs(sound).max())
        if peak == 0:
            self._say("%s is silent throughout, and is an example as others are", name)
        if peak > 1.1:  # resampling alone goes a little beyond 1
            self._say("%s goes beyond full scale: mu-law clips it, as it does others like it", name)

    def _say(self, remark: str, name: str) -> None:
        with self.lock:
            if remark not in self.said:
                self.said.add(remark)
                logger.warning(remark, name)


def read(place: Place, config: ConfigDict, like: Codec | None) -> Source:
    """Returns the base splits of recordings, sorted by the hash of each file's path.

    Args:
      place: the folder or archive.
      config: the section `data`.
      like: how they are read; None where the config and the recordings say it.

    Raises:
      InputError: there are no recordings, none can be read, or the table of attributes or the
        pattern does not fit the files.
    """
    root = readable(place.root)
    if not place.files:
        raise InputError(f"{root} has no recordings ({' '.join(RECORDINGS.extensions)}) in it.")
    kept = folders.kept(place, RECORDINGS.name)
    split, named = folders.told(place, kept, config.label_pattern)
    headers = _headers(place, kept, config.threads)
    codec = like or _codec(headers, split, root, config)
    seconds = np.array([header.seconds for header in headers if header])
    longest = codec.samples / codec.sample_rate
    if not config.seconds and not like and longest > LONG * (middle := np.median(seconds)):
        logger.warning(
            "%s: the longest recording makes all examples %.3g s long, and half of them have at "
            "most %.3g s: cut them there with a smaller data.seconds, which is faster",
            *(root, longest, middle),
        )
    beyond = seconds > longest + 1 / codec.sample_rate
    if beyond.any():
        logger.info(
            "%s: %d of %d recordings are longer than %g s, and are cut (%.1f%% of all seconds)",
            *(root, beyond.sum(), len(seconds), longest),
            100 * (seconds[beyond] - longest).sum() / seconds.sum(),
        )
    lengths = None
    if codec.values.missing:
        lengths = np.array(
            [codec.positions(h.seconds if h else longest) for h in headers], np.int32
        )
    examples = FileExamples(
        place.root,
        place.content,
        np.array(kept, dtype=object),
        named.labels,
        named.identities,
        codec,
        Unreadable(root, len(kept)),
        Remarks(),
        lengths,
    )
    found = folders.by_split(split, [folders.digest(path) for path in kept])
    return Source(
        {name: examples.take(indices) for name, indices in found.items()},
        codec.values,
        named.number,
        f"recordings of {root} as {codec}",
        named.attributes,
        named.classes,
        named=bool(config.label_pattern),
        codec=codec.as_json(),
    )


def _headers(place: Place, files: Sequence[str], threads: int) -> list[Header | None]:
    """Returns the header of each file; None where it cannot be read, for reading gives the error.

    Raises:
      InputError: no file has one.
    """

    def of(file: str) -> Header | None:
        try:
            return recordings.header(place.content(file))
        except Exception:
            return None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(of, files))
    if not any(found):
        raise InputError(
            f"{place.root}: none of its {len(files)} recordings can be read: replace them."
        )
    return found


def _codec(
    headers: Sequence[Header | None], split: np.ndarray, root: str, config: ConfigDict
) -> Codec:
    """Returns how recordings are read: as the config says, else as most of them are."""
    known = [header for header in headers if header]
    rates = collections.Counter(header.rate for header in known)
    rate = max(rates, key=lambda rate: (rates[rate], rate))
    target = config.sample_rate or rate
    if others := sum(number for each, number in rates.items() if each != target):
        logger.info("%s: %d of %d are resampled to %d Hz", root, others, len(known), target)
    train = [h for h, name in zip(headers, split, strict=True) if h and name == "train"] or known
    channels, seconds = max(h.channels for h in known), max(h.seconds for h in train)
    return codecs.of_config(config, rate, channels, seconds, min(h.seconds for h in known))
