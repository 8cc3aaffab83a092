"""Jobs on a SLURM cluster, submitted by submitit.

One job is one SLURM job. Whatever ends a run (`stop`, the time limit, 90 s before it, or a job of
higher priority), SLURM first tells it to save by SIGTERM. A job that SLURM then puts back into its
queue is still the same job, and its command resumes from where it saved; one that has left the
queue has ended. The options are those of sbatch, for every job of the sweep:

    vae sweep --executor=slurm --workers=32 ... \
        --executor_options=partition=gpu,gres=gpu:1,cpus-per-task=8,mem=32G,time=4:00:00

The sweep's directory and the code must have the same path on every node; Python is the
coordinator's. submitit's own files are in `slurm/` in the sweep's directory.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import submitit

from vae.errors import InputError
from vae.sweeps.executors import Job
from vae.training.launcher import COMMAND

logger = logging.getLogger(__name__)

QUERY_EVERY = 5.0  # seconds: many users query the controller of a cluster
ENDED = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"),
    *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
)
# Since SLURM 22.05 srun no longer takes the number of cores from sbatch.
SETUP = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK'


class Submitted:
    """A job in SLURM's queue, or past it."""

    def __init__(self, job: submitit.SlurmJob, queue: Queue) -> None:
        self._job = job
        self._queue = queue

    @property
    def id(self) -> str:
        return self._job.job_id

    def poll(self) -> int | None:
        if self.id in self._queue.jobs():
            return None
        if not self._job.paths.result_pickle.exists():
            return -signal.SIGKILL  # SLURM ended it before it could save; the log says why
        return 1 if self._job.exception() else self._job.result()

    def stop(self) -> None:
        self._queue.stop([self.id])


class Slurm:
    """An executor that keeps up to `workers` jobs in SLURM's queue, for the sweep in `directory`.

    It first stops jobs that an earlier coordinator of this sweep left in the queue: the run
    directories that they own are needed.

    Args:
      options: options of sbatch, "partition=gpu"; a switch stands alone, "exclusive".

    Raises:
      InputError: SLURM does not answer.
    """

    @staticmethod
    def check(options: Sequence[str]) -> None:
        for command in ("sbatch", "srun", "squeue", "scancel"):
            if not shutil.which(command):
                raise InputError(
                    f"--executor=slurm finds no {command}; start the sweep on a host of the "
                    "cluster, or use --executor=local."
                )
        Queue()

    def __init__(self, workers: int, directory: Path, options: Sequence[str] = ()) -> None:
        self.slots = workers
        self._name = directory.name
        self._options: dict[str, str | bool] = {}
        for option in options:
            name, given, value = option.removeprefix("--").partition("=")
            self._options[name.replace("_", "-")] = value if given else True
        self._queue = Queue()
        self._jobs: list[Submitted] = []
        folder = directory.absolute() / "slurm"
        left = {file.name.split("_")[0] for file in folder.glob("*_submission.sh")}
        self._await_end_of(left)
        self._submitit = submitit.SlurmExecutor(folder)

    def start(self, job: Job) -> Submitted:
        """Puts a job into the queue.

        Raises:
          InputError: sbatch refuses it, for instance for an option or a partition it lacks.
        """
        log = job.log.absolute()
        log.parent.mkdir(parents=True, exist_ok=True)
        self._submitit.update_parameters(
            job_name=self._name,
            time=None,  # the partition's, unless the options have one; submitit's is 5 minutes
            setup=[SETUP],
            stderr_to_stdout=True,
            srun_args=[f"--output={log}", "--open-mode=append"],
            additional_parameters={
                "output": log,
                "requeue": True,
                "signal": "TERM@90",
                **self._options,
            },
        )
        command = [*COMMAND, *job.arguments]
        settings = {k: v for k, v in os.environ.items() if k.startswith(("SLURM_CONF", "SBATCH_"))}
        try:
            # Drops what SLURM told a coordinator that is itself a job, and keeps the user's own.
            with submitit.helpers.clean_env():
                os.environ.update(settings)
                submitted = self._submitit.submit(subprocess.call, command)
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as e:
            refusal = next((x for x in str(e).splitlines() if "error:" in x), str(e)).strip()
            raise InputError(f"--executor=slurm: SLURM refuses the job: {refusal}.") from None
        self._queue.add(submitted.job_id)
        self._jobs.append(Submitted(submitted, self._queue))
        return self._jobs[-1]

    def close(self) -> None:
        if left := [job.id for job in self._jobs if job.poll() is None]:
            self._queue.stop(left)

    def _await_end_of(self, ids: set[str]) -> None:
        if left := ids & self._queue.jobs():
            logger.info("Stopping jobs of an earlier start of this sweep: %s.", ", ".join(left))
            self._queue.stop(left)
        while ids & self._queue.jobs():
            time.sleep(QUERY_EVERY)


class Queue:
    """The user's jobs that SLURM has not finished, from squeue, asked every few seconds.

    Raises:
      InputError: SLURM does not answer.
    """

    def __init__(self) -> None:
        self._jobs: set[str] = set()
        if complaint := self._ask():
            raise InputError(f"--executor=slurm: {complaint}.")

    def add(self, job: str) -> None:
        """Adds a job that the last answer could not yet have."""
        self._jobs.add(job)

    def jobs(self) -> set[str]:
        """Returns the numbers of the jobs that wait, run, save, or go back into the queue."""
        # A controller that does not answer comes back, and its jobs run on meanwhile.
        if time.monotonic() - self._asked >= QUERY_EVERY and (complaint := self._ask()):
            logger.warning("%s", complaint)
        return self._jobs

    def stop(self, ids: Iterable[str]) -> None:
        """Takes waiting jobs out of the queue, and sends SIGTERM to running ones.

        A plain scancel would kill after half a minute what has not yet saved.
        """
        for how in ("--state=PENDING", "--signal=TERM"):
            subprocess.run(["scancel", "--quiet", how, *ids], capture_output=True)

    def _ask(self) -> str:
        """Updates the jobs; returns SLURM's complaint, if any."""
        command = ["squeue", "--me", "--noheader", "--states=all", "--format=%A %T"]
        answer = subprocess.run(command, capture_output=True, text=True)
        self._asked = time.monotonic()
        if answer.returncode:
            return " ".join(answer.stderr.split()) or f"squeue failed ({answer.returncode})"
        lines = [line.split() for line in answer.stdout.splitlines()]
        self._jobs = {job for job, state in lines if state not in ENDED}
        return ""
