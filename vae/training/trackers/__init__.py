"""Trackers of experiments, which are told of a run beside its own log.

Each works in a thread of its own, so that training neither waits for it nor ends with it: the first
thing that it cannot do is said, and it is told no more. None looks for a network unless its own
environment variables ask for it.

`trackers.json` of the run directory has by what each finds the run again, so that a run that goes
on is the same run there. One of your own is a subclass of `Tracker`, named "module:Name".
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from vae.config import own, to_dict
from vae.config.own import is_own
from vae.errors import InputError
from vae.modalities.sheets import Sheet
from vae.training import directory
from vae.training.processes import is_first

logger = logging.getLogger(__name__)

WAIT = 60.0  # seconds in which a tracker must have taken everything, at the end of a run
FILE = "trackers.json"
_file = threading.Lock()  # of FILE, which several trackers write
_behind: set[str] = set()  # trackers that a run of this process has left behind


class Tracked(NamedTuple):
    """What a tracker is told of a run when it begins, and when it goes on.

    Attributes:
      name: the name of the run's directory, behind that of its sweep.
      group: the name of its sweep; "" if it belongs to none.
      project: `log.project`.
      config: the whole configuration, as JSON has it.
      known: what `Tracker.known` was when the run began; empty if it begins now.
    """

    name: str
    group: str
    project: str
    config: dict[str, Any]
    known: Mapping[str, str]


class Tracker:
    """A run, as a tracker keeps it; it is made with a `Tracked`. All its calls are of one thread.

    Attributes:
      known: by what it finds the run again.
      place: a sentence that says where the run is to be seen; "" says nothing.
    """

    known: Mapping[str, str] = {}
    place: str = ""

    def __init__(self, run: Tracked) -> None:
        raise NotImplementedError

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Takes figures by name; a run that went back gives those of some steps again."""

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        """Takes examples for a person: a picture, text and files."""

    def end(self, result: dict[str, Any]) -> None:
        """Takes what `result.json` has, at the end of a run or where it was stopped."""


class Follower:
    """A tracker in a thread of its own."""

    def __init__(self, name: str, kind: Callable[[Tracked], Tracker], run: Tracked, file: Path):
        self._name, self._kind, self._run, self._file = name, kind, run, file
        self._told: queue.SimpleQueue[Callable[[Tracker], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self._tell(lambda tracker: tracker.scalars(step, values))

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        self._tell(lambda tracker: tracker.sheet(step, name, sheet))

    def end(self, result: dict[str, Any]) -> None:
        """Ends the run, and waits a while for all that was told to be taken.

        If many runs end together, the first alone waits for a server that does not answer.
        """
        self._tell(lambda tracker: tracker.end(result))
        self._told.put(None)
        self._thread.join(min(WAIT, 1.0) if self._name in _behind else WAIT)
        if self._thread.is_alive() and self._name not in _behind:
            _behind.add(self._name)
            logger.warning(
                "%s has not taken all figures within %g s, and is left behind; the run is whole "
                "without it.",
                *(self._name, WAIT),
            )

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        if self._thread.is_alive():  # else nobody would ever take it
            self._told.put(what)

    def _follow(self) -> None:
        try:
            tracker = self._kind(self._run)
            with _file:
                known = _known(self._file) | {self._name: dict(tracker.known)}
                directory.write_json(self._file, known)
            if tracker.place:
                logger.info("%s", tracker.place)
            while (what := self._told.get()) is not None:
                what(tracker)
        except own.FAILURES as error:  # whatever a package, a server or a disk may raise
            said = " ".join(str(error).split())[:300]
            logger.warning(
                "%s failed (%s: %s); the run goes on without it.",
                *(self._name, type(error).__name__, said),
            )


def begin(config: ml_collections.ConfigDict, workdir: Path) -> list[Follower]:
    """Has the trackers of a config follow a run; there are none but in process 0.

    Raises:
      InputError: one of your own cannot be imported, or is no `Tracker`.
    """
    if not is_first():
        return []
    kinds = {name: _kind(name) for name in config.log.trackers}
    file = workdir / FILE
    known = _known(file)
    group = workdir.absolute().parents[1].name if (workdir / "trial.json").exists() else ""
    name = f"{group}/{workdir.name}" if group else workdir.absolute().name
    return [
        Follower(
            each,
            kind,
            Tracked(name, group, config.log.project, to_dict(config), known.get(each, {})),
            file,
        )
        for each, kind in kinds.items()
    ]


def _known(file: Path) -> dict[str, dict[str, str]]:
    """Returns what trackers find a run by; nothing where the file is damaged: they begin anew."""
    with contextlib.suppress(directory.Damaged):
        return directory.read_json(file, {}) or {}
    return {}


def _kind(name: str) -> type[Tracker]:
    kind = own.resolve(
        name if is_own(name) else f"{__name__}.{name}:Run", "log.trackers" if is_own(name) else ""
    )
    if not (isinstance(kind, type) and issubclass(kind, Tracker)):
        raise InputError(
            f"log.trackers={name!r} is no Tracker: let it be a subclass of {__name__}.Tracker."
        )
    return kind
