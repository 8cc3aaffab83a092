"""Parts of one's own: "module:Name" in a config, and the file of the module.

The module is a file beside the experiment's, or any module that Python finds.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from vae.errors import InputError, did_you_mean

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
FAILURES = (Exception, SystemExit)  # what somebody's own code may raise; sys.exit() is no end here


class _Loaded(NamedTuple):
    """A module as this process uses it, even if its file changes."""

    module: ModuleType
    file: Path
    sha256: str


_directories: list[Path] = []  # searched before Python's path, the latest first
_modules: dict[str, _Loaded] = {}  # the modules that a config names
_recorded: dict[str, Path] = {}  # the files of a trained run's modules


def is_own(name: Any) -> bool:
    """Returns whether a value names a part of one's own, "module:Name"."""
    return isinstance(name, str) and bool(re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", name))


def look_in(directory: Path) -> None:
    """Adds the directory of an experiment's file as the first to search for modules."""
    _recorded.clear()  # of a run that was looked at before
    directory = directory.resolve()
    if directory in _directories:
        _directories.remove(directory)
    _directories.insert(0, directory)
    if str(directory) not in sys.path:
        sys.path.append(str(directory))  # modules there import each other


def file_of(name: str) -> Path:
    """Returns the file of a module without importing it.

    Raises:
      InputError: there is no such module.
    """
    name = name.removesuffix(".py")
    found = _beside(name)
    if found is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.origin or not Path(spec.origin).is_file():
            beside = ", ".join(map(str, _directories))
            raise InputError(f"there is no module {name!r} in {beside}, nor on Python's path.")
        found = Path(spec.origin)
    return found


def recall(parts: Mapping[str, Mapping[str, str]], workdir: Path) -> None:
    """Finds the modules of a trained run where they were, before any other directory.

    Args:
      parts: what `files` returned when the run was trained.
      workdir: the run's directory, for messages.

    Raises:
      InputError: a module is neither there nor in a directory that is searched.
    """
    found = {name: Path(known["file"]) for name, known in parts.items()}
    found = {name: file for name, file in found.items() if file.is_file()}
    for name, file in found.items():
        look_in(file.parents[name.count(".")])
    _recorded.update(found)
    for name, known in parts.items():
        if name not in found:
            try:
                file_of(name)
            except InputError:
                raise InputError(
                    f"{workdir} was trained with {known['file']}, which is gone: put it back, "
                    "or start the command in the directory where it is."
                ) from None
    say_changed(parts, workdir)


def say_changed(parts: Mapping[str, Mapping[str, str]], workdir: Path) -> None:
    """Warns of a run's modules whose files have changed since it was trained."""
    for name, known in parts.items():
        now = _modules.get(name)
        file = now.file if now else file_of(name)
        if (now.sha256 if now else _digest(file)) != known["sha256"]:
            logger.warning(
                "%s has changed since %s was trained with it; it is used as it is now.",
                *(file, workdir),
            )


def resolve(reference: str, setting: str = "") -> Any:
    """Returns what "module:Name" stands for.

    Args:
      reference: the module and the name in it.
      setting: the key that names it, such as "model.prior", for messages; "" for the package's own.

    Raises:
      InputError: there is no such module, it cannot be imported, or it has no such name.
    """
    name, _, attribute = reference.partition(":")
    where = f"{setting}={reference!r}" if setting else reference
    module = _imported(name, where) if setting else importlib.import_module(name)
    try:
        found: Any = module
        for step in attribute.split("."):
            found = getattr(found, step)
    except AttributeError:
        hint = did_you_mean(attribute, [each for each in vars(module) if not each.startswith("_")])
        raise InputError(f"{where}: {name} has no {attribute!r}{hint}") from None
    return found


def files(values: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Returns the files and digests of the modules that a config's values name."""
    names = sorted({value.partition(":")[0] for value in values if is_own(value)} & set(_modules))
    return {
        name: {"file": str(_modules[name].file), "sha256": _modules[name].sha256} for name in names
    }


def told(error: BaseException, where: str) -> InputError:
    """Returns an exception in one's own code as one sentence, with the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    known = {str(each.file) for each in _modules.values()}
    theirs = [frame for frame in frames if frame.filename in known]
    beside = [frame for frame in frames if _is_beside(Path(frame.filename))]
    here = [frame for frame in frames if PACKAGE in Path(frame.filename).parents]
    last = (theirs or beside or here or frames)[-1]
    file, line, said = last.filename, last.lineno, str(error)
    if isinstance(error, SyntaxError) and error.filename:  # no frame has the line
        file, line, said = error.filename, error.lineno, error.msg
    said = " ".join(said.split()) or "nothing more"
    return InputError(
        f"{where} failed in {Path(file).name}, line {line}: {type(error).__name__}: {said[:300]}"
    )


def _is_beside(file: Path) -> bool:
    """Returns whether a file is beside an experiment and not in the package."""
    return PACKAGE not in file.parents and any(each in file.parents for each in _directories)


def _beside(name: str) -> Path | None:
    """Returns a module's file beside an experiment, or where a run was trained with it."""
    if name in _recorded:
        return _recorded[name]
    places = (*_directories, Path.cwd())
    files = (each.joinpath(*name.split(".")).with_suffix(".py") for each in places)
    return next((file for file in files if file.is_file()), None)


def _imported(name: str, where: str) -> ModuleType:
    try:
        if file := _beside(name):
            return _loaded(name, file)
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0] and error.name != name:
            raise told(error, where) from None
        beside = ", ".join(map(str, _directories)) or "the current directory"
        raise InputError(
            f"{where}: there is no module {name!r} in {beside}, nor on Python's path."
        ) from None
    except InputError:
        raise
    except FAILURES as error:  # whatever a file of somebody's own raises when it is imported
        raise told(error, where) from None
    if (place := getattr(module, "__file__", None)) and name not in _modules:
        _modules[name] = _Loaded(module, Path(place).resolve(), _digest(Path(place)))
    return module


def _loaded(name: str, file: Path) -> ModuleType:
    """Returns a module loaded from its file, registered by its name unless that is taken."""
    if name in _modules and _modules[name].file == file:
        return _modules[name].module
    module, digest = sys.modules.get(name), _digest(file)
    if module is None or getattr(module, "__file__", None) != str(file):
        registered = name if module is None else f"{name}@{file}"
        spec = importlib.util.spec_from_file_location(registered, file)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[registered] = module  # dataclasses and pickles look their module up
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[registered]
            raise
    _modules[name] = _Loaded(module, file, digest)
    return module


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
