"""Aim: the repository `.aim` of the current directory, or of one above it."""

from __future__ import annotations

import contextlib
import logging.config
import threading
from collections.abc import Iterator
from typing import Any

from PIL import Image

from vae.modalities.sheets import Sheet
from vae.training.trackers import Tracked, Tracker

_logging = threading.Lock()


@contextlib.contextmanager
def _logging_kept() -> Iterator[None]:
    """Keeps the program's logging, which Aim's migrations of a database would replace by theirs."""
    with _logging:
        configure = logging.config.fileConfig
        logging.config.fileConfig = lambda *_, **__: None
        try:
            yield
        finally:
            logging.config.fileConfig = configure


class Run(Tracker):
    """A run in Aim, whose parameters are `config`, `group` and, in the end, `result`."""

    def __init__(self, run: Tracked) -> None:
        with _logging_kept():
            self._open(run)

    def _open(self, run: Tracked) -> None:
        import aim

        self._aim = aim
        repo = run.known.get("repo") or aim.Repo.default_repo_path()
        aim.Repo.from_path(repo, init=True)
        self._run = aim.Run(
            run.known.get("hash"),
            repo=repo,
            experiment=None if run.known else run.project,
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )
        self._run.name = run.name
        self._run["config"], self._run["group"] = run.config, run.group
        self.known = {"hash": self._run.hash, "repo": repo}
        self.place = f"Aim has this run as {self._run.hash}; look at it with `aim up --repo {repo}`"

    def scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            split, _, figure = name.rpartition("/")
            self._run.track(value, figure, step=step, context={"subset": split} if split else None)

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        self._run.track(self._aim.Image(Image.fromarray(sheet.picture)), name, step=step)
        if sheet.text:
            self._run.track(self._aim.Text(sheet.text), f"{name}/text", step=step)
        for key, wav in sheet.sounds().items():
            self._run.track(self._aim.Audio(wav, "wav"), f"{name}/{key}", step=step)

    def end(self, result: dict[str, Any]) -> None:
        self._run["result"] = result
        self._run.close()
