"""Every key of a configuration in one row: its default, its rule, and what it means.

The choices of a key, and the keys that each choice reads, are in `vae.config.axes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vae.config.axes import AXES
from vae.config.keys import data, model, objective, training
from vae.config.keys.key import Key, settings_key
from vae.config.values import SETTING, shown
from vae.errors import InputError, did_you_mean

__all__ = ["FREE", "KEYS", "SECTIONS", "Key", "check", "check_known", "row", "settings_key"]

KEYS: dict[str, Key] = {**training.KEYS, **data.KEYS, **model.KEYS, **objective.KEYS}
SECTIONS = {
    "seed": KEYS["seed"].about,
    "data": "The examples: where they come from, how they are split and prepared.",
    "model": "The model: its networks, posterior, prior and likelihood, and other losses.",
    "objective": "The objective: what training minimises, and its weights and schedules.",
    "optimizer": "The optimizer and the learning rate.",
    "training": "The training loop: its length, memory, averages and recovery.",
    "evaluation": "The evaluation of the validation and test sets.",
    "checkpoint": "The checkpoints of a run.",
    "log": "The figures and pictures that a run logs.",
}
FREE = {key for key, row in KEYS.items() if row.rule is SETTING}  # dicts with any names


def row(key: str) -> Key:
    """Returns the row of a dotted key, or of the free settings that it belongs to.

    Raises:
      InputError: a configuration has no such key; the error names one that may be meant.
    """
    above, _, name = key.rpartition(".")
    if above in FREE and name.isidentifier():
        return KEYS[above]
    if key in FREE:
        raise InputError(f"{key} has values of any name, as {key}.NAME; name one.")
    if key not in KEYS:
        raise InputError(f"{key} is not a key of the configuration{did_you_mean(key, KEYS)}")
    return KEYS[key]


def check_known(keys: Iterable[str]) -> None:
    """Refuses dotted keys that a configuration does not have.

    Raises:
      InputError: there is such a key.
    """
    for key in sorted(keys):
        row(key)


def check(key: str, value: Any) -> None:
    """Refuses a value that does not satisfy the key's rule.

    Raises:
      InputError: a sentence with the key, the value and the rule.
    """
    rule = row(key).rule
    if not rule.allows(value):
        hint = did_you_mean(shown(value), AXES.get(key, ()))
        raise InputError(f"{key}={shown(value)} must be {rule}{hint}")
