"""A configuration as a flat mapping: kept in a file, compared, and read by dotted keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ml_collections

from vae.config.keys import FREE, KEYS, check, check_known
from vae.config.sections import base
from vae.config.values import shown
from vae.errors import InputError

# A run may go on with other values of these keys; any other difference makes another experiment.
RESUMABLE = (
    "training.steps",
    "training.shard_state",
    "training.patience",
    "training.min_delta",
    "training.pretrained",
    "evaluation",
    "checkpoint",
    "log",
    "data.path",
    "data.manual_dir",
    "data.device_bytes",
    "data.threads",
)


def check_values(config: ml_collections.ConfigDict) -> None:
    """Checks the keys, and each value by itself.

    Raises:
      InputError: a key is unknown or missing, or a value is not among its choices or in its range.
    """
    given = flatten(config)
    check_known(given)
    if missing := sorted(KEYS.keys() - FREE - given.keys()):
        raise InputError(f"{missing[0]} is missing; start from vae.config.base().")
    for key, value in given.items():
        check(key, value)


def get(config: ml_collections.ConfigDict, key: str) -> Any:
    """Returns the value at a dotted key."""
    for name in key.split("."):
        config = config[name]
    return config


def override(config: ml_collections.ConfigDict, values: Mapping[str, Any]) -> None:
    """Sets values by their dotted keys.

    Raises:
      InputError: a key is unknown, or a value is not what its key takes.
    """
    for key, value in values.items():
        check(key, value)
        path, _, name = key.rpartition(".")
        (get(config, path) if path else config)[name] = _tuples(value)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns {"a.b": 1} for {"a": {"b": 1}}."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        key = f"{prefix}{name}"
        nested = isinstance(value, Mapping | ml_collections.ConfigDict)
        flat |= flatten(value, key + ".") if nested else {key: value}
    return flat


def to_dict(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the configuration as it is read from JSON, with lists instead of tuples."""
    return json.loads(config.to_json())


def from_dict(values: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """Returns the configuration that `to_dict` was given, by this version or an older one.

    A key that did not exist then gets its default, which must mean what was done then.

    Raises:
      InputError: a key is unknown, or a value is not what its key takes.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{shown(values)} is no configuration, which has named sections.")
    config = base()
    override(config, flatten(values))
    return config


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Returns the dotted keys in which two configs (see `to_dict`) differ, with "old -> new"."""
    old, new = flatten(old), flatten(new)
    absent = "(absent)"
    return {
        key: f"{old.get(key, absent)!r} -> {new.get(key, absent)!r}"
        for key in sorted(old | new)
        if old.get(key, absent) != new.get(key, absent)
    }


def resumable(key: str) -> bool:
    """Returns whether a run may go on with another value of this dotted key."""
    return any(key == allowed or key.startswith(allowed + ".") for allowed in RESUMABLE)
