"""This framework as a worker: the MLP's experiment, and `vae.train` with its loop under a clock."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import ml_collections

import vae
from vae.config import base
from vae.training import loop
from vae.training.memory import keep_freed_memory

BATCH_SIZE = 100

keep_freed_memory()  # as launch.py does, before JAX starts its backend


def mlp(
    file: Path, *, steps: int, log_every: int, steps_per_call: int
) -> ml_collections.ConfigDict:
    """784-512-16 and back on an .npz file; nothing but training, and a log line now and then."""
    config = base()
    config.data.path = str(file)
    config.data.train = "train"
    config.data.valid = "test[:9900]"
    config.data.test = "test[9900:]"
    config.data.batch_size = BATCH_SIZE
    config.model.encoder_widths = (512,)
    config.model.decoder_widths = (512,)
    config.model.latent_dim = 16
    config.model.likelihood = "bernoulli"
    config.model.output_bias = "zeros"  # as the others begin
    config.optimizer.learning_rate = 1e-3
    config.training.steps = steps
    config.training.steps_per_call = steps_per_call
    config.log.every_steps = log_every
    config.log.images_every_steps = 0
    config.log.tensorboard = False
    config.evaluation.every_steps = 0
    config.evaluation.num_samples = 1
    config.checkpoint.every_steps = 0
    return config


class Clock:
    """The log of a run, which also notes when a line of training was written, and the loss."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.times: list[float] = []
        self.losses: list[float] = []

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self._log.scalars(step, values)
        self.times.append(time.perf_counter())
        self.losses.append(values["train/loss"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class NoCheckpoints:
    """A run that begins anew every time."""

    def restore_latest(self, like: Any) -> None:
        return None

    def save(self, *_: Any, **__: Any) -> None:
        pass

    def wait(self) -> None:
        pass


def train(config: ml_collections.ConfigDict, run: Callable[..., loop.Outcome]) -> None:
    """Calls `vae.train` with `run(program, config, checkpoints, log)` in place of its loop."""

    def unstopped(program: Any, config: Any, checkpoints: Any, log: Any, _: Any) -> loop.Outcome:
        return run(program, config, checkpoints, log)

    with tempfile.TemporaryDirectory() as workdir, mock.patch.object(loop, "run", unstopped):
        vae.train(config, workdir)
