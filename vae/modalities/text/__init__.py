"""Text: sentences, or lines, of tokens [T, 1]: words, byte pairs or bytes (`tokens.py`).

| what is there                                            | reader        |
|----------------------------------------------------------|---------------|
| name "topics"                                            | `topics.py`   |
| a .txt file, or a directory with no other kind of files  | `files.py`    |
| a .csv or .tsv file with a column of text                | `columns.py`  |
| .parquet files with a column of text                     | `in_parquet.py` |
| an .npz or .mat file of text [N]                         | `arrays.py`   |

`data.modality="text"` takes a directory that has other files beside its .txt, and an archive.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import walk
from vae.data.columns import LABEL
from vae.data.examples import Source
from vae.data.places import ARCHIVES, Place, in_archive, in_folder, is_archive
from vae.errors import InputError, readable
from vae.files import user_path
from vae.modalities.text import columns, files, in_parquet, topics
from vae.modalities.text.examples import TextExamples, as_texts, labelled, source
from vae.modalities.text.given import check, lost, read_files
from vae.modalities.text.show import animate, file, media, script, sheet, surface, table
from vae.modalities.text.tokens import texts
from vae.probability.event import Event

logger = logging.getLogger(__name__)

NAME = "text"
COMPARES = False
SETS = ()
READS = "a .txt file, a directory of these, or a .csv, .tsv or .parquet with a column of text"


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`.

    Raises:
      InputError: the text cannot be read.
    """
    if not config.path:
        return _topics(config) if config.name == topics.NAME else None
    path, asked = user_path(config.path), config.modality == NAME
    if path.is_file() and files.TEXT.has(path.name):
        place = Place(str(path.parent), [path.name], lambda name: str(path), None)
        return files.read(place, path, config)
    if columns.is_text(path, config):
        return columns.read(path, config)
    if in_parquet.is_text(path, config):
        return in_parquet.read(path, config)
    if path.is_dir() and (files.only_text(path) or (asked and walk.has_files(path, files.TEXT))):
        return files.read(in_folder(path, files.TEXT), path, config)
    if path.is_file() and asked and is_archive(path):
        return files.read(in_archive(path, files.TEXT), path, config)
    if saved.dimensions(path) == 1:
        return from_arrays(saved.read(path), readable(path), config)
    if asked and path.suffix.lower() in columns.SUFFIXES:
        return columns.read(path, config)  # which says what it lacks
    return None


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays [N] of str are texts."""
    strings = {name: _strings(arrays.examples) for name, arrays in found.items()}
    known = {name: lines for name, lines in strings.items() if lines is not None}
    if len(known) < len(found):
        return None
    labels = {name: arrays.labels for name, arrays in found.items()}
    return labelled(known, labels, f"text of {what}", config)


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: the event's codec says how another text is read."""
    config = config.copy_and_resolve_references()
    config.modality, config.label_column = NAME, LABEL
    config.label_pattern = ""  # it is for the run's own files
    return config


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns the share of the tokens of x that others [N, T, 1] have at the same position.

    The token <eos> counts, positions after it do not. With `data.tokens="words"` it is the accuracy
    of the words of reconstructions.
    """
    there = x >= 0
    return {"accuracy": float((x == others)[there].mean())}


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns x: tokens are read as they are."""
    return x


def code_length(x: np.ndarray) -> None:
    """Returns None: what a universal code of a sentence takes is mostly its beginning."""
    return


def _topics(config: ConfigDict) -> Source:
    lines = as_texts(topics.read())
    examples = TextExamples(lines, np.full(len(lines), -1, np.int32))
    return source({"train": examples}, "topics of Python", config, num_classes=0)


def _strings(values: np.ndarray) -> list[str] | None:
    """Returns an array [N] or [N, 1] of str, or bytes of UTF-8, as a list; None for another."""
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1 or not len(values):
        return None
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in values.tolist()]
    lines = values.tolist()
    return lines if all(isinstance(line, str) for line in lines) else None
