"""Jobs on a Ray cluster.

One job is one Ray task that runs the command as a child process, on a cluster that is running, or
else on one that is started on this machine and ends with the sweep. Ray does not retry a job that
was lost with its node; the caller decides about it. The options are those of a Ray task, for every
job of the sweep; without them a job has one core, and one accelerator if the cluster has any.

    vae sweep --executor=ray --workers=8 ... --executor_options=num_cpus=4,num_gpus=0.5

The sweep's directory and the code must have the same path on every node.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import ray

from vae.errors import InputError
from vae.sweeps.executors import GRACE, Job
from vae.training.launcher import COMMAND

OPTIONS = ("num_cpus", "num_gpus", "memory")
STORE = 100_000_000  # bytes for objects on this machine; a job's only object is its exit code


class Task:
    """A job that waits for a node or runs."""

    def __init__(self, code: ray.ObjectRef) -> None:
        self._code = code

    def poll(self) -> int | None:
        done, _ = ray.wait([self._code], timeout=0)
        if not done:
            return None
        try:
            return ray.get(self._code)
        except ray.exceptions.TaskCancelledError:
            return -signal.SIGTERM  # before it started
        except ray.exceptions.RayTaskError:
            return 1  # the command could not be started
        except ray.exceptions.RayError:
            return -signal.SIGKILL  # lost with its node

    def stop(self) -> None:
        ray.cancel(self._code)

    def end(self) -> None:
        """Waits for it to end."""
        ray.wait([self._code], timeout=GRACE)


class Ray:
    """An executor that runs up to `workers` jobs, as far as the cluster has room for them.

    Args:
      options: options of a Ray task, "num_cpus=4".
    """

    @staticmethod
    def check(options: Sequence[str]) -> None:
        _numbers(options)

    def __init__(self, workers: int, directory: Path, options: Sequence[str] = ()) -> None:
        self.slots = workers
        resources = _numbers(options)
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            print("No Ray cluster is running; one is started on this machine.", file=sys.stderr)
            ray.init(address="local", include_dashboard=False, object_store_memory=STORE, **quiet)
        if ray.cluster_resources().get("GPU"):
            resources = {"num_gpus": 1.0} | resources
        self._run = ray.remote(_run).options(max_retries=0, **resources)
        self._tasks: list[Task] = []

    def start(self, job: Job) -> Task:
        log = job.log.absolute()
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [*COMMAND, *job.arguments]
        self._tasks.append(Task(self._run.remote(command, str(log), os.getcwd())))
        return self._tasks[-1]

    def close(self) -> None:
        running = [task for task in self._tasks if task.poll() is None]
        for task in running:
            task.stop()
        for task in running:
            task.end()
        ray.shutdown()


def _run(command: list[str], log: str, directory: str) -> int:
    """Runs a command as a child process on a node; if cancelled, makes it save and end."""
    with open(log, "ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=directory)
    while True:
        try:
            # Ray cancels by a KeyboardInterrupt, which a plain wait() would not notice.
            while process.poll() is None:
                time.sleep(0.1)
            return process.returncode
        except KeyboardInterrupt:
            process.terminate()


def _numbers(options: Sequence[str]) -> dict[str, float]:
    numbers = {}
    for option in options:
        name, _, value = option.partition("=")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise InputError(f"--executor_options={option}: {value!r} must be a number.") from None
        if name not in OPTIONS:
            raise InputError(
                f"--executor_options={option}: Ray's options are {', '.join(OPTIONS)}."
            )
    return numbers
