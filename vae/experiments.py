"""Experiments: a file each with a `get_config`, and the values that a command line changes.

The package's own experiments are modules here: `from vae.experiments import digits`.
"""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from vae.config import base, flatten, get, override, own
from vae.config.keys import KEYS
from vae.errors import InputError, did_you_mean
from vae.files import user_path

FOLDER = Path(__file__).resolve().with_suffix("")
if not FOLDER.is_dir():  # in a clone they lie beside the package
    FOLDER = FOLDER.parents[1] / "experiments"
__path__ = [str(FOLDER)]


class ExperimentFile(NamedTuple):
    """An experiment as a command line names it.

    Attributes:
      name: its file with its variant, such as "experiments/iwae.py:iwae-5".
      config: the configuration that it returns, with the overrides.
      overrides: the changed values by dotted key.
    """

    name: str
    config: ml_collections.ConfigDict
    overrides: dict[str, Any]

    @property
    def file(self) -> Path:
        """The path of the file."""
        return find(self.name)

    def arguments(self, overrides: Mapping[str, Any] = {}) -> tuple[str, ...]:
        """Returns the arguments that name it on a command line, with further overrides."""
        values = self.overrides | dict(overrides)
        return f"--config={self.name}", *(
            f"--config.{k}={_written(k, v)}" for k, v in values.items()
        )


class Change(NamedTuple):
    """A value of an experiment that is not just the default.

    Attributes:
      value: what it is.
      default: what it would be; None where the key is a setting of a part, which has no default.
      by: what set it: "file", "variant" or "command line".
      before: what the file or its variant had, where the command line set something else.
    """

    value: Any
    default: Any
    by: str
    before: Any = None


def load(name: str, settings: Mapping[str, str]) -> ExperimentFile:
    """Reads an experiment.

    Args:
      name: the name of its file, with a variant after a colon.
      settings: values as written on a command line, by dotted key.

    Raises:
      InputError: there is no such file, it cannot be run, or a value is wrong.
    """
    config = _configured(name)
    known = flatten(config)
    for key, text in settings.items():
        override(config, {key: _value(text, known.get(key), free=key not in KEYS)})
    return ExperimentFile(name, config, {key: get(config, key) for key in settings})


def changes(experiment: ExperimentFile) -> dict[str, Change]:
    """Returns what an experiment changes, by dotted key, and what the command line gives."""
    default, now = flatten(base()), flatten(experiment.config)
    named, colon, _ = experiment.name.partition(":")
    of_variant = flatten(_configured(experiment.name))
    try:
        of_file = flatten(_configured(named)) if colon else of_variant
    except InputError:
        of_file = default  # the file is nothing without a variant
    found = {}
    for key, value in now.items():
        by = "file" if of_variant.get(key) == of_file.get(key) else "variant"
        if key in experiment.overrides:
            other = of_variant.get(key)
            before = other if other not in (default.get(key), value) else None
            found[key] = Change(value, default.get(key), "command line", before)
        elif key not in default or value != default[key]:
            found[key] = Change(value, default.get(key), by)
    return found


def _configured(name: str) -> ml_collections.ConfigDict:
    """Returns the config that a file returns for a variant, which may be named after a colon."""
    file, variant = find(name), name.split(":", 1)[1:]
    own.look_in(file.parent)
    try:
        # The whole path, so that an error is seen to be in this file.
        found = runpy.run_path(str(file.parent.resolve() / file.name), run_name=file.stem)
        if "get_config" not in found:
            raise InputError(f"--config={name} has no function get_config.")
        _check_variant(name, found["get_config"], variant)
        config = found["get_config"](*variant)
        if not isinstance(config, ml_collections.ConfigDict):
            kind = type(config).__name__
            raise InputError(
                f"--config={name}: get_config gives a {kind}: return vae.config.base()."
            )
    except InputError:
        raise
    except own.FAILURES as error:  # whatever a file of somebody's own raises
        raise own.told(error, f"--config={name}") from None
    return config


def _check_variant(name: str, get_config: Any, variant: Sequence[str]) -> None:
    """Refuses a variant that a file does not have, and a file without the variant that it needs.

    Those that a file has are the choices of its parameter, if they are written as a Literal.
    """
    signature = inspect.signature(get_config)
    try:
        signature.bind(*variant)
    except TypeError:
        file = name.partition(":")[0]
        wrong = f"{file} has no variants: leave :{variant[0]} away" if variant else ""
        wrong = wrong or f"{file} needs a variant: --config={file}:NAME"
        raise InputError(f"--config={name}: {wrong}.") from None
    for parameter in list(signature.parameters.values())[: len(variant)]:
        known = typing.get_args(parameter.annotation)  # of Literal["", "small"]
        if known and variant[0] not in known:
            named = [each for each in known if each]
            raise InputError(
                f"--config={name}: the file has no variant {variant[0]!r}, only "
                f"{', '.join(named)}{did_you_mean(variant[0], named)}"
            )


def find(name: str) -> Path:
    """Returns the file of an experiment, the package's own if there is none here.

    Raises:
      InputError: there is neither.
    """
    name = name.split(":")[0]
    file = user_path(name)
    if file.is_file():
        return file
    packaged = FOLDER / f"{Path(name).stem}.py"
    if packaged.is_file() and str(Path(name).parent) in (".", "experiments"):
        return packaged
    hint = did_you_mean(Path(name).stem, [known.stem for known in FOLDER.glob("*.py")])
    raise InputError(f"--config={name}: there is no such file{hint}")


def docstring_line(file: Path) -> str:
    """Returns the first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n")[0]


def _written(key: str, value: Any) -> str:
    """Returns a value as `_value` reads it; quotes the text of a setting, which has any type."""
    return repr(value) if isinstance(value, str) and key not in KEYS else str(value)


def _value(text: str, now: Any, *, free: bool) -> Any:
    """Returns a value from a command line, for a key with the value `now`; settings are `free`."""
    if isinstance(now, str) and not free:
        return text
    if isinstance(now, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        names = isinstance(now, tuple) and re.fullmatch(r"[\w.:]+(,[\w.:]+)*", text)
        return tuple(text.split(",")) if names else text
    if isinstance(now, str) and not isinstance(value, str):
        return text
    return (value,) if isinstance(now, tuple) and not isinstance(value, tuple | list) else value
