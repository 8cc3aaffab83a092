"""Parts of one's own: "module:Name" in a config, and the file that it is in.

The module is a file beside the experiment's, or whatever Python finds by this name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from vae.errors import InputError, did_you_mean

_directories: list[Path] = []  # where modules are looked for first
_modules: dict[str, ModuleType] = {}  # those that were found there


def is_own(name: Any) -> bool:
    """Whether a value names a part of one's own, as "module:Name"."""
    return isinstance(name, str) and bool(re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", name))


def look_in(directory: Path) -> None:
    """Has modules looked for in a directory, that of an experiment's file, before other places."""
    directory = directory.resolve()
    if directory not in _directories:
        _directories.append(directory)
        sys.path.append(str(directory))  # for what a module there imports


def file_of(name: str) -> Path:
    """The file of a module, which is not imported.

    Raises:
      InputError: there is no such module.
    """
    name = name.removesuffix(".py")
    files = (each.joinpath(*name.split(".")).with_suffix(".py") for each in _directories)
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.origin:
            beside = ", ".join(map(str, _directories))
            raise InputError(f"there is no module {name!r} in {beside}, nor on Python's path.")
        found = Path(spec.origin)
    return found


def resolve(reference: str, setting: str = "") -> Any:
    """What "module:Name" stands for.

    Args:
      reference: the module and the name in it.
      setting: what asks for it, for messages, as "model.prior"; "" of the package's own.

    Raises:
      InputError: there is no such module, it cannot be imported, or it has no such name.
    """
    name, _, attribute = reference.partition(":")
    where = f"{setting}={reference!r}" if setting else reference
    module = _imported(name, where)
    try:
        found: Any = module
        for step in attribute.split("."):
            found = getattr(found, step)
    except AttributeError:
        hint = did_you_mean(attribute, [each for each in vars(module) if not each.startswith("_")])
        raise InputError(f"{where}: {name} has no {attribute!r}{hint}") from None
    return found


def files() -> dict[str, dict[str, str]]:
    """The files of the modules that were found beside an experiment, with their digests."""
    return {name: _file(module) for name, module in sorted(_modules.items())}


def told(error: Exception, where: str) -> InputError:
    """One sentence of an exception in somebody's own code, with the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    roots = tuple(str(directory) for directory in _directories)
    own = [frame for frame in frames if frame.filename.startswith(roots)] if roots else []
    last = (own or frames)[-1]
    said = " ".join(str(error).split()) or "nothing more"
    return InputError(
        f"{where} failed in {Path(last.filename).name}, line {last.lineno}: "
        f"{type(error).__name__}: {said[:300]}"
    )


def _imported(name: str, where: str) -> ModuleType:
    if name in _modules:
        return _modules[name]
    try:
        for directory in _directories:
            file = directory.joinpath(*name.split(".")).with_suffix(".py")
            if file.is_file():
                return _loaded(name, file)
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0] and error.name != name:
            raise told(error, where) from None
        beside = ", ".join(map(str, _directories)) or "the current directory"
        raise InputError(
            f"{where}: there is no module {name!r} in {beside}, nor on Python's path."
        ) from None
    except InputError:
        raise
    except Exception as error:  # whatever a file of somebody's own raises when it is imported
        raise told(error, where) from None


def _loaded(name: str, file: Path) -> ModuleType:
    """A module from its file, under its name unless another module has it."""
    there = sys.modules.get(name)
    if there is not None and getattr(there, "__file__", None) == str(file):
        _modules[name] = there
        return there
    registered = name if there is None else f"{name}@{file}"
    spec = importlib.util.spec_from_file_location(registered, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[registered] = module  # dataclasses and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[registered]
        raise
    _modules[name] = module
    return module


def _file(module: ModuleType) -> dict[str, str]:
    content = Path(module.__file__).read_bytes()
    return {"file": module.__file__, "sha256": hashlib.sha256(content).hexdigest()}
