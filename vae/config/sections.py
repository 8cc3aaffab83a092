"""The configuration that an experiment's file starts from: `base()`, with every default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_collections

from vae.config.keys import FREE, KEYS
from vae.config.values import HUGE


class Section(ml_collections.ConfigDict):
    """A ConfigDict that keeps a wrong number as it was given, for `vae.rules` to refuse.

    For a key with a real number, ml_collections would turn True into 1.0 and raise for 10**400.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        known = None
        if key in self:  # `get` would look for names alike
            known = self[key]
        if isinstance(known, Settings) and isinstance(value, Mapping | ml_collections.ConfigDict):
            value = Settings(value)
        wrong = isinstance(value, int) and (isinstance(value, bool) or abs(value) > HUGE)
        if not (wrong and isinstance(known, float)):
            super().__setitem__(key, value)
            return
        with self.unlocked():
            del self[key]
            super().__setitem__(key, value)


class Settings(ml_collections.ConfigDict):
    """The settings of a part, which may have any names and types: never locked."""

    def lock(self) -> Settings:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self:
            del self[key]  # and its type
        super().__setitem__(key, value)


def base() -> ml_collections.ConfigDict:
    """Returns the configuration with every default, locked against unknown keys."""
    config = Section()
    for key, row in KEYS.items():
        section, _, name = key.rpartition(".")
        if section and section not in config:
            config[section] = Section()
        (config[section] if section else config)[name] = Settings() if key in FREE else row.default
    return config.lock()
