"""Derives from the rows of the axes which choices read a key.

A key that rows mention is read if one of these rows is chosen, on an axis that is itself read; a
key that no row mentions is always read. The settings of a part are read if the part is chosen. What
a model of one's own reads is unknown, so every key of the models and their parts goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable

import ml_collections

from vae.config.axes import AXES
from vae.config.keys import FREE, KEYS, settings_key
from vae.config.mapping import flatten, get
from vae.config.own import is_own
from vae.config.values import shown
from vae.errors import InputError


def _readers() -> dict[str, dict[str, tuple[str, ...]]]:
    """Returns {key: {axis: its choices that read the key}} for the keys that rows mention."""
    readers: dict[str, dict[str, tuple[str, ...]]] = {}
    for axis, choices in AXES.items():
        section = axis.partition(".")[0]
        for name, choice in choices.items():
            for key in choice.reads:
                key = key if "." in key else f"{section}.{key}"
                axes = readers.setdefault(key, {})
                axes[axis] = (*axes.get(axis, ()), name)
        if settings_key(axis) in FREE:
            parts = tuple(name for name, choice in choices.items() if choice.part)
            readers[settings_key(axis)] = {axis: parts}
    return readers


READERS = _readers()


def check_read(config: ml_collections.ConfigDict) -> None:
    """Refuses a key that is set but that nothing reads, since it would have no effect.

    Raises:
      InputError: there is such a key.
    """
    for key, value in flatten(config).items():
        if key in KEYS and value == KEYS[key].default:
            continue
        if missed := _missed(config, key if key in KEYS else key.rpartition(".")[0]):
            axis, there = missed
            raise InputError(
                f"{key}={shown(value)} has no effect with {axis}={get(config, axis)!r}, only with "
                f"{' or '.join(there)}{_instead(config, key, axis)}."
            )


def is_read(config: ml_collections.ConfigDict, key: str) -> bool:
    """Returns whether any choice of the config reads a dotted key."""
    return _missed(config, key) is None


def read_only_by(axes: Iterable[str]) -> set[str]:
    """Returns these axes and the keys that their choices alone read."""
    found = set(axes)
    while new := {key for key, those in READERS.items() if those.keys() <= found} - found:
        found |= new
    return found


def _missed(config: ml_collections.ConfigDict, key: str) -> tuple[str, tuple[str, ...]] | None:
    """Returns the axis on which no choice reads the key, with those that would; else None."""
    readers = READERS.get(key, {})
    if is_own(config.model.name) and any(k.startswith("model.") for k in (key, *readers)):
        return None
    missed = None
    for axis, names in readers.items():
        chosen = get(config, axis)
        above = _missed(config, axis)
        if chosen in names or (is_own(chosen) and _is_asked(key, axis)):
            if above is None:
                return None
            missed = missed or above
        missed = missed or (axis, names)
    return missed


def _is_asked(key: str, axis: str) -> bool:
    """Returns whether a part of one's own may read a key: settings, or the keys of its axis."""
    return key == settings_key(axis) or axis in ("objective.name", "data.modality")


def _instead(config: ml_collections.ConfigDict, key: str, axis: str) -> str:
    """Returns the setting of a part of one's own that takes the key's place, for the message."""
    if not is_own(get(config, axis)) or settings_key(axis) not in FREE:
        return ""
    argument = key.removeprefix(axis + "_").rpartition(".")[2]
    return f"; give your own {settings_key(axis)}.{argument}"
