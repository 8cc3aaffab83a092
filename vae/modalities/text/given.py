"""Texts of a person's own, as x of a run: from Python, and from files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data.given import as_array
from vae.errors import InputError
from vae.files import user_path
from vae.modalities.text import columns, files
from vae.modalities.text.tokens import EOS, MISSING, UNK, encode, padded, tokenizer_of
from vae.probability.event import Event

logger = logging.getLogger(__name__)


def check(x: Any, event: Event) -> np.ndarray:
    """See `vae/modalities`: str are encoded, whole numbers are tokens [N, T, 1] already.

    Tokens of fewer positions than the event has are filled with -1, which is a missing one.

    Raises:
      InputError: x is neither, or tokens are not in the vocabulary, too long, none, or after the
        end.
    """
    x = as_array(x, "texts")
    if x.dtype.kind in "UO" and all(isinstance(text, str) for text in x.ravel()):
        if x.ndim != 1 or not len(x):
            raise InputError(f"texts of shape {x.shape} must be [N], one str for each example.")
        return as_x(x.tolist(), event)
    length, levels = event.places[0], event.values.levels or 0
    if x.ndim != 3 or x.shape[2] != 1 or not x.size:
        raise InputError(f"tokens of shape {x.shape} must be [N, T, 1]; texts are a list of str.")
    if x.shape[1] > length:
        raise InputError(f"tokens of {x.shape[1]} positions are more than the {length} of the run.")
    if x.dtype.kind not in "iuf":
        raise InputError(f"tokens are {x.dtype}: give whole numbers, or a list of str.")
    with np.errstate(invalid="ignore"):
        tokens = np.nan_to_num(x, nan=MISSING)
        wrong = (tokens != np.rint(tokens)) | (tokens < MISSING) | (tokens >= levels)
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum())} tokens are not in the vocabulary: give whole numbers from 0 to "
            f"{levels - 1}, and {MISSING} after the end."
        )
    ends = (tokens[..., 0] == MISSING).astype(np.int8)
    if (np.diff(ends, axis=1) < 0).any() or ends[:, 0].any():
        raise InputError("tokens are missing before others, or altogether: fill from the end.")
    ended = (tokens[:, :-1, 0] == event.values.end).cumsum(1) > 0
    if (follow := (ended & (tokens[:, 1:, 0] != MISSING)).any(1)).any():
        raise InputError(
            f"{int(follow.sum())} of {len(x)} examples have tokens after the end, which is "
            f"{event.values.end}: give {MISSING} there."
        )
    filled = np.full((len(x), length, 1), MISSING, np.int32)
    filled[:, : x.shape[1]] = tokens
    return filled


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the lines or sentences of files, or the rows of tables."""
    texts: list[str] = []
    names: list[str] = []
    for path in map(user_path, paths):
        if path.suffix.lower() in columns.SUFFIXES and path.is_file():
            found, called = columns.read_file(path, config)
        else:
            found, called = files.read_files([path], config.unit)
        texts += found
        names += called
    if not texts:
        raise InputError(f"{', '.join(map(str, paths))} has no text in it: give another.")
    return as_x(texts, event), names


def lost(paths: Sequence[str | Path], x: np.ndarray, event: Event, config: ConfigDict) -> str:
    """See `vae/modalities`: whether texts are cut, or have unknown words."""
    cut, unknown = int((x != EOS).all((1, 2)).sum()), int((x == UNK).sum())
    found = [
        f"{cut} of {len(x)} texts are cut to {event.places[0]} tokens" if cut else "",
        f"{unknown} words are unknown" if unknown else "",
    ]
    return ", ".join(filter(None, found))


def as_x(texts: Sequence[str], event: Event) -> np.ndarray:
    """Returns texts as x [N, T, 1] of an event, and logs how many are cut or have unknown words."""
    tokenizer, length = tokenizer_of(event.codec), event.places[0]
    tokens = encode(texts, tokenizer)
    if cut := sum(len(row) > length for row in tokens):
        logger.warning("%d of %d texts are cut to %d tokens", cut, len(tokens), length)
    every = np.concatenate(tokens)
    if unknown := int((every == UNK).sum()):
        logger.info("%d of %d tokens are %s", unknown, len(every), tokenizer.id_to_token(UNK))
    return padded(tokens, length, event.values.levels or 0, "texts").astype(np.int32)
