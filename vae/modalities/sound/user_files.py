"""Reads a person's own recordings as x of an event, and sounds given as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data.examples import ArrayExamples, Source, in_memory
from vae.data.given import as_array
from vae.data.labels import classes_of
from vae.data.places import files_at
from vae.data.splits import digests, order
from vae.errors import InputError
from vae.modalities.sound import codec as codecs
from vae.modalities.sound import recordings
from vae.modalities.sound.codec import Codec, of_event
from vae.modalities.sound.recordings import RECORDINGS
from vae.probability.event import Event


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the recordings in files and folders, named after their files."""
    files, codec = files_at(paths, RECORDINGS), of_event(event)
    raw = np.empty((len(files), *codec.shape), codec.dtype)
    for row, (name, content) in enumerate(files):
        try:
            raw[row] = codec.encode(recordings.read(content(), codec))
        except Exception as error:  # libsndfile's errors, and those of archives, are many
            raise InputError(f"{name} cannot be read as a recording: {error}.") from None
    return event.values.to_x(raw), [name for name, _ in files]


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: another set is read with the event's own codec."""
    config = config.copy_and_resolve_references()
    config.modality = "sound"
    config.label_pattern = ""  # it is for the run's own files
    return config


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Codec | None
) -> Source:
    """Returns sounds [N, L] or [N, L, channels] as a source.

    Floats are in [-1, 1] and may end in NaN; integers are samples of as many bits.

    Raises:
      InputError: they have another shape, or values that are no sound, or `data.sample_rate` is
        not given.
    """
    if not (like or config.sample_rate):
        raise InputError(f"{what} has no sample rate: give it as data.sample_rate, in Hz.")
    rate = like.sample_rate if like and not config.sample_rate else config.sample_rate
    sounds = {name: _sounds(arrays) for name, arrays in found.items()}
    every = [sound for each in sounds.values() for sound in each]
    seconds = [len(sound) / rate for sound in every]
    longest = max(len(sound) for sound in sounds.get("train", every)) / rate
    channels = every[0].shape[1]
    codec = like or codecs.of_config(config, rate, channels, longest, min(seconds))
    raw: dict[str, np.ndarray] = {}
    for name, each in sounds.items():
        raw[name] = np.empty((len(each), *codec.shape), codec.dtype)
        for row, sound in enumerate(each):
            try:
                raw[name][row] = codec.encode(recordings.fitted(sound, rate, codec))
            except ValueError as error:
                raise InputError(f"{found[name].where}: row {row}: {error}.") from None
    given = {name: arrays.labels for name, arrays in found.items()}
    labels, keys, classes, number, attributes = classes_of(given, raw, what)
    splits: dict[str, ArrayExamples] = {}
    for name in ("train", "valid", "test"):
        if name in raw:
            rows = order(digests(raw[name], keys[name]))
            splits[name] = in_memory(raw[name][rows], labels[name][rows])
    return Source(
        splits,
        codec.values,
        number,
        f"sounds of {what} as {codec}",
        attributes=attributes,
        classes=classes,
        codec=codec.as_json(),
    )


def _sounds(arrays: saved.Arrays) -> list[np.ndarray]:
    """Returns each sound [L, channels] float32 of an array, without the NaN at its end."""
    values = arrays.examples
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or not values.size or values.shape[2] > 2 or values.dtype.kind not in "if":
        raise InputError(
            f"{arrays.where} has the shape {arrays.examples.shape} and is {values.dtype}: give "
            "sounds [N, L] or [N, L, channels] of floats in [-1, 1] or of signed integers."
        )
    if values.dtype.kind == "i":
        values = values / -float(np.iinfo(values.dtype).min)
    values = values.astype(np.float32)
    there = ~np.isnan(values).all(2)
    ends = values.shape[1] - there[:, ::-1].argmax(1)
    ends = np.where(there.any(1), ends, 0).tolist()
    return [sound[:end] for sound, end in zip(values, ends, strict=True)]


def check(x: np.ndarray, event: Event) -> np.ndarray:
    """See `vae/modalities`: integers are raw values; floats are already x, NaN where missing.

    Raises:
      InputError: x has another shape than the run's examples, or is infinite, or NaN in part of a
        position.
    """
    x = as_array(x, "sounds")
    if x.shape[1:] != event.shape or not len(x):
        hint = ": give x[None]" if x.shape == event.shape else ""
        wanted = ", ".join(map(str, event.shape))
        raise InputError(
            f"sounds of shape {x.shape} must be [N, {wanted}], as `run.modality.encode(sounds, "
            f"rate, run.event)` makes them{hint}."
        )
    if x.dtype.kind not in "iufb":
        raise InputError(f"sounds are {x.dtype}, no numbers: give float32.")
    x = event.values.to_x(x) if x.dtype.kind in "iu" else x.astype(np.float32)
    nan = np.isnan(x)
    if np.isinf(x).any() or (nan.any(-1) != nan.all(-1)).any():
        raise InputError("sounds have infinity, or NaN in some channels of a position.")
    if nan.any() and not event.values.missing:
        raise InputError("sounds have NaN, but none of this run's examples has missing positions.")
    if nan.all((1, 2)).any():
        raise InputError("some sounds are missing at all positions.")
    return x


def encode(sounds: Sequence[np.ndarray], rate: int, event: Event) -> np.ndarray:
    """Returns sounds [L] or [L, channels], of any lengths, as x [N, T, C] of an event.

    Raises:
      InputError: one has no samples, or values that are no sound.
    """
    codec = of_event(event)
    raw = np.empty((len(sounds), *codec.shape), codec.dtype)
    for row, sound in enumerate(sounds):
        sound = np.asarray(sound, np.float32)
        sound = sound[:, None] if sound.ndim == 1 else sound
        try:
            raw[row] = codec.encode(recordings.fitted(sound, rate, codec))
        except ValueError as error:
            raise InputError(f"sound {row}: {error}.") from None
    return event.values.to_x(raw)


def decode(x: np.ndarray, event: Event) -> list[np.ndarray]:
    """Returns x [N, T, C] of an event as sounds [L, channels] at its sample rate."""
    return of_event(event).decode(event.values.to_raw(np.asarray(x)))


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """See `vae/modalities`: x of the sounds that x [N, T, C] make, within full scale."""
    heard = [np.clip(sound, -1, 1) for sound in decode(x, event)]
    return encode(heard, of_event(event).sample_rate, event)
