"""One of the keys of a configuration."""

from __future__ import annotations

from typing import Any, NamedTuple

from vae.config.values import SETTING, Choices, Rule


class Key(NamedTuple):
    """A row of the configuration.

    Attributes:
      default: its value in `base()`.
      rule: the rule that a value must satisfy.
      about: what it means, with its unit, in a sentence or two; a line for each case.
    """

    default: Any
    rule: Rule
    about: str


def axis(key: str, default: str, about: str) -> Key:
    """Returns the row of a key that chooses from `AXES`."""
    return Key(default, Choices(key), about)


def settings(*axes: str) -> dict[str, Key]:
    """Returns the rows of the free settings of the parts that some keys choose."""
    return {
        settings_key(key): Key(
            {}, SETTING, f"Further arguments of the part that {key} names, by their names."
        )
        for key in axes
    }


def settings_key(key: str) -> str:
    """Returns the key of a part's settings: "model.settings" for "model.name"."""
    chooses_section = key.rpartition(".")[2] == "name"
    return f"{key.removesuffix('name')}settings" if chooses_section else f"{key}_settings"
