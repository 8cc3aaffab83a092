"""Jobs as processes of this machine.

The standard library's fork server has imported all that a run needs before the first job, so that a
job starts in milliseconds, and a crash harms no other job. Every slot has its share of the cores
and of the accelerators, and all jobs share the programs that one of them compiled.
"""

from __future__ import annotations

import glob
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, NamedTuple

from vae.errors import InputError
from vae.sweeps.executors import GRACE, Job
from vae.training import signals

# What a run imports, listed for the fork server alone. None of it starts JAX's backend, which would
# not survive a fork.
PRELOADED = (
    "ml_collections",
    "sklearn.datasets",
    "tensorboard.compat.proto.event_pb2",
    "tensorboard.summary.writer.record_writer",
    "vae.train",
    "vae.sweeps.executors.frozen",  # the last
)


class Share(NamedTuple):
    """A slot's share of the machine.

    Attributes:
      cores: numbers of processor cores.
      environment: variables that give it its accelerators, if there are any.
    """

    cores: tuple[int, ...]
    environment: dict[str, str]


class Process:
    """A job that runs."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def stop(self) -> None:
        self._process.terminate()

    def end(self) -> None:
        """Waits for it to end, and kills it if that takes too long."""
        self._process.join(GRACE)
        self._process.kill()
        self._process.join()


class Local:
    """An executor with `workers` processes side by side, for the sweep in `directory`."""

    @staticmethod
    def check(options: Sequence[str]) -> None:
        if options:
            raise InputError(
                f"--executor_options={','.join(options)} is for slurm and ray; with "
                "--executor=local the workers share the machine."
            )

    def __init__(self, workers: int, directory: Path, options: Sequence[str] = ()) -> None:
        self.slots = workers
        self._cache = directory / "cache"
        self._shares = shares(workers)
        self._running: list[Process | None] = [None] * workers
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))
        forkserver.ensure_running()  # it imports while the coordinator still prepares

    def start(self, job: Job) -> Process:
        slot = next(i for i, p in enumerate(self._running) if p is None or p.poll() is not None)
        process = self._context.Process(target=_run, args=(job, self._shares[slot], self._cache))
        process.start()
        self._running[slot] = running = Process(process)
        return running

    def close(self) -> None:
        running = [p for p in self._running if p is not None and p.poll() is None]
        for process in running:
            process.stop()
        for process in running:
            process.end()


def shares(workers: int) -> list[Share]:
    """Divides the cores and accelerators that this process may use among so many slots."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    devices = _accelerators()
    result = []
    for slot in range(workers):
        environment = {}
        if devices:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(_part(devices, slot, workers))
            if (each := -(-workers // len(devices))) > 1:
                environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{0.9 / each:.3f}"
        result.append(Share(tuple(_part(cores, slot, workers)), environment))
    return result


def _part(things: Sequence[Any], slot: int, workers: int) -> Sequence[Any]:
    """Returns a slot's part of some things: several of its own, or one shared with other slots."""
    if len(things) < workers:
        return things[slot % len(things) :][:1] if things else things
    return things[slot * len(things) // workers : (slot + 1) * len(things) // workers]


def _accelerators() -> list[str]:
    """Returns the NVIDIA devices that this process may use, as in CUDA_VISIBLE_DEVICES."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    return [str(i) for i, _ in enumerate(glob.glob("/dev/nvidia[0-9]*"))]


def _run(job: Job, share: Share, cache: Path) -> None:
    """Runs a command with the job's arguments, in the job's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator handles Ctrl-C
    signals.listen(signals.end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if share.cores:
        os.sched_setaffinity(0, share.cores)
    os.environ.update(share.environment)

    logging.getLogger().handlers.clear()  # the imports have set up some
    import jax

    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    sys.argv = ["vae", *job.arguments]
    command_line = importlib.import_module("vae.commands")  # which imports this
    sys.exit(command_line.main(list(job.arguments)))


def _end_with_parent() -> None:
    """Ends this process, which saves first, when its coordinator has died."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
