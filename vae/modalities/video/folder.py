"""Clips in a folder or an archive: of any length and size, read as they are needed.

What the folder says of its files (splits, labels, attributes) is in `vae/data/folders.py`; a folder
of frames stands for the file that a clip is.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data import folders
from vae.data.examples import Examples, Raw, Source, rows_at
from vae.data.places import Place
from vae.data.unreadable import Unreadable
from vae.errors import InputError, readable
from vae.modalities.images.decoding import Fit, fit_of
from vae.modalities.video import clips, form
from vae.modalities.video.clips import Header, Part
from vae.modalities.video.form import Form

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileExamples(Examples):
    """Clips in files, decoded when read."""

    root: str  # a folder, or an archive
    content: Callable[[str], str | bytes]  # a path in root -> where the file lies, or its bytes
    files: Mapping[str, Sequence[str]]  # the files of each clip, by its name
    labels: np.ndarray  # [N] int32 or [N, A] float32
    identities: np.ndarray | None
    form: Form
    fit: Fit
    unreadable: Unreadable
    names: np.ndarray  # [N] of str
    lengths: np.ndarray | None  # as the headers say them

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return self.form.shape

    @property
    def nbytes(self) -> int:
        return super().nbytes * self.form.dtype.itemsize

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: np.ndarray) -> FileExamples:
        known: dict[str, Any] = {
            "identities": rows_at(self.identities, indices),
            "lengths": rows_at(self.lengths, indices),
        }
        return replace(self, names=self.names[indices], labels=self.labels[indices], **known)

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        values = np.zeros((len(indices), *self.shape), self.form.dtype)
        ok = np.ones(len(indices), bool)
        for row, name in enumerate(self.names[indices]):
            try:
                clip = clips.read(_parts(self.content, self.files[name]), self.fit, self.shape[0])
                values[row] = self.form.raw(clip)
            except InputError:  # what is to be installed, or a crop
                raise
            except Exception as error:  # the errors of decoders and of archives are many
                ok[row] = False
                self.unreadable.add(readable(os.path.join(self.root, name)), error)
        return Raw(values, self.labels[indices]), ok

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield "\n".join(self.names).encode(errors="surrogateescape")
        yield self.labels.tobytes()
        for name in self.names[sample]:
            for file in self.files[name]:
                yield folders.evidence(self.content, file)


def read(place: Place, config: ConfigDict, like: Form | None) -> Source:
    """Returns the base splits of clips, sorted by the hash of each clip's name.

    Args:
      place: the folder or archive.
      config: the section `data`.
      like: how they are read; None where the config and the clips say it.

    Raises:
      InputError: there are no clips, none can be read, they differ in size, or the table of
        attributes or the pattern does not fit them.
    """
    root = readable(place.root)
    files = clips.together(place.files)
    named_place = place._replace(files=list(files))
    kept = folders.kept(named_place, "clips")
    split, named = folders.told(named_place, kept, config.label_pattern)
    fit = fit_of(config)
    headers = _headers(place, [files[name] for name in kept], config.threads)
    known = [h for h in headers if h]
    if not fit.channels:
        fit = replace(fit, channels=max(h.channels for h in known))
    if not like:
        train = [h for h, of in zip(headers, split, strict=True) if h and of == "train"] or known
        like = _form(config, known, max(h.frames for h in train), fit.channels)
    longest = like.shape[0]
    beyond = sum(h.frames > longest for h in known)
    if beyond:
        logger.info(
            "%s: %d of %d clips have more than %d frames, and are cut",
            root,
            beyond,
            len(known),
            longest,
        )
    lengths = None
    if like.missing:
        lengths = np.array([min(h.frames, longest) if h else longest for h in headers], np.int32)
    examples = FileExamples(
        place.root,
        place.content,
        files,
        named.labels,
        named.identities,
        like,
        fit,
        Unreadable(root, len(kept)),
        np.array(kept, dtype=object),
        lengths,
    )
    found = folders.by_split(split, [folders.digest(name) for name in kept])
    return Source(
        {name: examples.take(indices) for name, indices in found.items()},
        like.values,
        named.number,
        f"clips of {root}",
        named.attributes,
        named.classes,
        named=bool(config.label_pattern),
    )


def _form(config: ConfigDict, known: Sequence[Header], longest: int, channels: int) -> Form:
    heights, widths = {h.height for h in known}, {h.width for h in known}
    height = heights.pop() if len(heights) == 1 else None
    width = widths.pop() if len(widths) == 1 else None
    return form.of_clips(config, [h.frames for h in known], longest, (height, width, channels))


def _parts(content: Callable[[str], str | bytes], files: Sequence[str]) -> list[Part]:
    return [Part(file, functools.partial(content, file)) for file in files]


def _headers(place: Place, files: Sequence[Sequence[str]], threads: int) -> list[Header | None]:
    """Returns the header of each clip; None where it cannot be read, for reading gives the error.

    Raises:
      InputError: no clip has one.
    """

    def of(parts: Sequence[str]) -> Header | None:
        try:
            return clips.header(_parts(place.content, parts))
        except InputError:  # what is to be installed
            raise
        except Exception:
            return None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(of, files))
    if not any(found):
        raise InputError(f"{place.root}: none of its {len(files)} clips can be read: replace them.")
    return found
