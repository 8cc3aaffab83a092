"""Makes the part that a name in a config stands for.

Its class makes the part, or the classmethod `build` if the class has one. That is called with the
arguments that its signature names, each from the first of

    what the caller gives          (`size` of a prior, `event` of a likelihood, ...), and `config`,
                                   the section
    KEY_settings of the section    a free dict: {"components": 5}
    the keys that its row reads    with or without the axis in front: `components` of a prior is
                                   `prior_components`; parts of one's own have no row
    its own default
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from vae.config import own
from vae.config.axes import AXES, Choice
from vae.config.keys import settings_key
from vae.errors import InputError, did_you_mean


def choice(section: str, config: ml_collections.ConfigDict, key: str) -> Choice:
    """Returns the row that a section's key chooses; a part of one's own gets a row of its own."""
    name = config[key]
    return Choice("", name) if own.is_own(name) else AXES[f"{section}.{key}"][name]


def named(section: str, config: ml_collections.ConfigDict, key: str) -> Any:
    """Returns the class or function that a chosen row stands for, or None if it is just a word.

    Raises:
      InputError: it is one's own and cannot be imported.
    """
    part = choice(section, config, key).part
    setting = f"{section}.{key}" if own.is_own(config[key]) else ""
    return own.resolve(part, setting) if part else None


def build(
    section: str,
    config: ml_collections.ConfigDict,
    key: str,
    protocol: type = object,
    /,
    **context: Any,
) -> Any:
    """Makes the part that a section of a config names.

    Args:
      section: the section's name, such as "model".
      config: the section.
      key: the key that names the part, such as "prior".
      protocol: the class that a part of one's own must be a subclass of, or return.
      **context: arguments that the caller knows.

    Returns:
      The part, or None where the choice has none, such as "none".

    Raises:
      InputError: the part cannot be imported, is no `protocol`, lacks an argument, or has a setting
        that it does not take.
    """
    row, part = choice(section, config, key), named(section, config, key)
    if part is None:
        return None
    where = f"{section}.{key}={config[key]!r}"
    if own.is_own(config[key]):
        _check_complete(part, protocol, where)
    make = getattr(part, "build", part)
    settings = settings_of(config, key)
    known = {"config": config} | context
    arguments = dict(row.given)
    parameters = _parameters(make, where)
    for name, parameter in parameters.items():
        if name in known:
            arguments[name] = known[name]
        elif name in settings:
            arguments[name] = settings[name]
        elif (read := _key_of(name, key, row.reads)) is not None:
            arguments[name] = _plain(config[read])
        elif parameter.default is inspect.Parameter.empty and name not in arguments:
            there = ", ".join(sorted(known))
            raise InputError(
                f"{where} asks for {name!r}, which is none of {there}: give it as "
                f"{section}.{settings_key(key)}.{name}, or a default."
            )
    for name in settings:
        if name not in parameters or name in known:
            free = [each for each in parameters if each not in known]
            raise InputError(
                f"{section}.{settings_key(key)} has {name!r}, which {config[key]} does not take"
                f"{did_you_mean(name, free)}"
            )
        if (read := _key_of(name, key, row.reads)) is not None:
            raise InputError(
                f"{name!r} of {config[key]} is a key of its own: set {section}.{read}."
            )
    if not own.is_own(config[key]):
        return make(**arguments)
    made = _called(make, arguments, where)
    if protocol not in type(made).__mro__:
        raise InputError(
            f"{where} is no {protocol.__name__}: let it be a subclass of "
            f"{protocol.__module__}.{protocol.__qualname__}."
        )
    return made


def settings_of(config: ml_collections.ConfigDict, key: str) -> dict[str, Any]:
    """Returns the free settings of the part that a key names, see `settings_key`."""
    settings = config.get(settings_key(key), {})
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


def _key_of(argument: str, key: str, reads: tuple[str, ...]) -> str | None:
    """Returns the key, among those that a row reads, for an argument; None if there is none."""
    for name in (f"{key}_{argument}", argument):
        if name in reads:
            return name
    return None


def _check_complete(part: Any, protocol: type, where: str) -> None:
    """Refuses a class that lacks methods of its protocol."""
    if protocol is object or not isinstance(part, type):
        return
    if protocol not in part.__mro__:
        raise InputError(
            f"{where} is no {protocol.__name__}: let it be a subclass of "
            f"{protocol.__module__}.{protocol.__qualname__}."
        )
    known = {name for base in part.__mro__ for name in vars(base)} | set(_parameters(part, where))
    declared = {name for base in protocol.__mro__ for name in vars(base).get("__annotations__", {})}
    abstract = {
        name for name in known if getattr(getattr(part, name, None), "__isabstractmethod__", False)
    }
    if missing := sorted((declared - known) | abstract):
        method = getattr(protocol, missing[0], None)
        signature = _names(method) if callable(method) else ""
        raise InputError(
            f"{where} lacks {missing[0]}{signature}, which every {protocol.__name__} has; see "
            f"{protocol.__module__}."
        )


def _names(method: Callable[..., Any]) -> inspect.Signature:
    """Returns the signature of a method without its types."""
    known = inspect.signature(method)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in known.parameters.values()]
    return known.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def _parameters(make: Callable[..., Any], where: str) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a part that may be given by name."""
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        raise InputError(f"{where} is nothing that can be called: name a class.") from None
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    unused = ("name", "parent")  # every Flax module has them; none is a setting of a part
    return {n: p for n, p in parameters.items() if p.kind in kinds and n not in unused}


def _called(make: Callable[..., Any], arguments: Mapping[str, Any], where: str) -> Any:
    try:
        return make(**arguments)
    except InputError:
        raise
    except own.FAILURES as error:  # whatever a class of somebody's own raises
        raise own.told(error, where) from None
