"""Weights & Biases: offline, unless the environment variable WANDB_MODE says otherwise."""

from __future__ import annotations

import html
import io
import os
import secrets
from typing import Any

import soundfile
from PIL import Image

from vae.modalities.sheets import Sheet
from vae.training.trackers import Tracked, Tracker


class Run(Tracker):
    """A run in W&B, in the folder `wandb` of the current directory or of WANDB_DIR."""

    def __init__(self, run: Tracked) -> None:
        mode = os.environ.get("WANDB_MODE", "offline")
        if mode != "online":
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which needs a network
        import wandb

        self._wandb = wandb
        self.known = run.known or {"id": secrets.token_hex(4)}
        self._run = wandb.init(
            mode=mode,
            project=run.project,
            name=run.name,
            group=run.group or None,
            id=self.known["id"],
            resume="allow",
            config=run.config,
            reinit="create_new",  # a population has many in one process
            settings=wandb.Settings(silent=True, console="off"),
        )
        # W&B's own steps only rise, but those of a run that went back do not.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")
        if mode == "offline":  # W&B warns of its having no URL then
            folder = self._run.settings.sync_dir
            self.place = f"W&B is offline; send it this run with `wandb sync {folder}`"
        else:
            self.place = f"W&B has this run as {self._run.url}"

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self._run.log({"step": step, **values})

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        shown = {name: self._wandb.Image(Image.fromarray(sheet.picture))}
        if sheet.text:
            shown[f"{name}/text"] = self._wandb.Html(f"<pre>{html.escape(sheet.text)}</pre>")
        for key, wav in sheet.sounds().items():
            sound, rate = soundfile.read(io.BytesIO(wav))
            shown[f"{name}/{key}"] = self._wandb.Audio(sound, sample_rate=rate)
        self._run.log({"step": step, **shown})

    def end(self, result: dict[str, Any]) -> None:
        told = {k: v for k, v in result.items() if k in ("status", "reason", "error", "seconds")}
        self._run.summary.update(told | result.get("metrics", {}))
        if result["status"] == "preempted":
            self._run.mark_preempting()
        self._run.finish(exit_code=0 if result["status"] == "completed" else 1)
