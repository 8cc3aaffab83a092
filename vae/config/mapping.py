"""A configuration as a flat mapping: kept in a file, compared, and read by dotted keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import ml_collections

from vae.config.defaults import base
from vae.config.values import RULES, check, shown
from vae.errors import InputError, did_you_mean

# A run may be continued with these keys changed; any other difference is a different experiment.
RESUMABLE = (
    "training.steps",
    "training.shard_state",
    "training.pretrained",
    "evaluation",
    "checkpoint",
    "log",
    "data.path",
    "data.manual_dir",
    "data.device_bytes",
    "data.threads",
)


def check_keys(config: ml_collections.ConfigDict, reference: ml_collections.ConfigDict) -> None:
    """Refuses keys that `base()` lacks, or that lack in `config`."""
    given, known = flatten(config), flatten(reference)
    check_known(given, known)
    if missing := sorted(known.keys() - given.keys()):
        raise InputError(f"{missing[0]} is missing; start from vae.config.base().")


def check_known(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuses dotted keys that are not among those known, with the one that may be meant."""
    if unknown := sorted(set(given) - set(known)):
        hint = did_you_mean(unknown[0], known)
        raise InputError(f"{unknown[0]} is not a key of the configuration{hint}")


def get(config: ml_collections.ConfigDict, key: str) -> Any:
    """The value at a dotted key."""
    for name in key.split("."):
        config = config[name]
    return config


def override(config: ml_collections.ConfigDict, values: Mapping[str, Any]) -> None:
    """Sets values by their dotted keys.

    Raises:
      InputError: a key is unknown, or a value is of another type than the one it replaces.
    """
    check_known(values, flatten(config))
    for key, value in values.items():
        section, name = _parent(config, key)
        earlier = section[name]
        try:
            if value is None or isinstance(value, bool) is not isinstance(earlier, bool):
                raise TypeError  # both of which a ConfigDict would take
            section[name] = value
        except (TypeError, ValueError):  # which ml_collections raises of what it cannot write
            kind = type(earlier).__name__
            raise InputError(
                f"{key}={shown(value)} must be of type {kind}, as {earlier!r} is."
            ) from None


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} to {"a.b": 1}."""
    flat = {}
    for name, value in config.items():
        key = prefix + name
        nested = isinstance(value, Mapping | ml_collections.ConfigDict)
        flat |= flatten(value, key + ".") if nested else {key: value}
    return flat


def to_dict(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The configuration as JSON would give it back (tuples as lists)."""
    return json.loads(config.to_json())


def from_dict(values: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """The configuration that `to_dict` was given, now or before some of the keys were there.

    A new key's default is to be what was done before there was the key.

    Raises:
      InputError: a key is unknown, or a value is not what its key takes.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{shown(values)} is no configuration, which has named sections.")
    config = base()
    known = flatten(config)
    given = flatten(values)
    check_known(given, known)
    for key, value in given.items():
        if key in RULES:
            check(key, value)
        section, name = _parent(config, key)
        try:
            section[name] = tuple(value) if isinstance(value, list) else value
        except TypeError:
            raise InputError(
                f"{key}={shown(value)} must be {type(section[name]).__name__}."
            ) from None
    return config


def _parent(config: ml_collections.ConfigDict, key: str) -> tuple[ml_collections.ConfigDict, str]:
    path, _, name = key.rpartition(".")
    return (get(config, path) if path else config), name


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Dotted keys in which two configs (as from `to_dict`) differ, each with "old -> new"."""
    old, new = flatten(old), flatten(new)
    absent = "(absent)"
    return {
        key: f"{old.get(key, absent)!r} -> {new.get(key, absent)!r}"
        for key in sorted(old | new)
        if old.get(key, absent) != new.get(key, absent)
    }


def resumable(key: str) -> bool:
    """Whether a run may go on with another value of this dotted key."""
    return any(key == allowed or key.startswith(allowed + ".") for allowed in RESUMABLE)
