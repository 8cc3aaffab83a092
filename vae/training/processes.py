"""Several processes, on one host or many, that compute as one.

Each reads its slice of every batch and holds its devices' part of every array. The processes run
the same program, so all must decide everything alike: from values that all have (an array that is
replicated, a metric of the whole set), or by asking all (`agreed`, `stop_requests`). Process 0
alone writes what a person or another program reads.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.errors import InputError
from vae.training import devices, launcher, signals

HEARTBEAT = 20  # seconds of silence after which a process is dead, and the others end
LEAVING = 30  # seconds an ending process waits for the others: long enough to hear who is dead
DELAY = 3  # calls after which an answer to "stop?" is read: by then that call has been waited for
LONGEST = 1000  # bytes of an error that is passed to the other processes


def join(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Makes this process one of several, by the given flags or else under SLURM's srun.

    Call it before JAX starts its backend. Without flags and outside of srun, or in a step of one
    task, it does nothing.

    Raises:
      InputError: the flags do not go together, or the others were not found.
    """
    flags = {"coordinator": coordinator, "num_processes": num_processes, "process_id": process_id}
    given: dict[str, Any] = {}
    if coordinator is None or num_processes is None or process_id is None:
        missing = [name for name, value in flags.items() if value is None]
        if len(missing) < len(flags):
            raise InputError(
                f"--{missing[0]} is missing: --coordinator=HOST:PORT, --num_processes=N and "
                "--process_id=I go together."
            )
        tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
        if "SLURM_JOB_ID" not in os.environ or tasks == 1:
            return
        given = {"local_device_ids": _share_in_slurm()}
    else:
        if not 0 <= process_id < num_processes:
            raise InputError(
                f"--process_id={process_id} must be from 0 to {num_processes - 1}, one less than "
                "--num_processes."
            )
        if not coordinator.rpartition(":")[2].isdigit() or ":" not in coordinator:
            raise InputError(f"--coordinator={coordinator} must be HOST:PORT, of process 0.")
        given = {
            "coordinator_address": coordinator,
            "num_processes": num_processes,
            "process_id": process_id,
            "cluster_detection_method": "deactivate",
        }
    launcher.end_with_launcher()
    _keep_stdout()
    # JAX's handler of SIGTERM would swallow one that comes before the loop listens.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            **given, heartbeat_timeout_seconds=HEARTBEAT, shutdown_timeout_seconds=LEAVING
        )
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"the processes did not find one another: {reason}") from None
    if not is_first():
        logging.getLogger("vae").setLevel(logging.WARNING)
        terminal.quiet()


def _keep_stdout() -> None:
    """Sends what libraries print to stdout (Gloo: each connection) to stderr, results to stdout."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)


def _share_in_slurm() -> list[int] | None:
    """Returns this task's part of the accelerators that it sees; JAX would always take one."""
    tasks = os.environ["SLURM_STEP_TASKS_PER_NODE"].split(",")
    if len({count.split("(")[0] for count in tasks}) > 1:
        raise InputError(
            f"SLURM started {tasks} tasks on the nodes; start the same number on each."
        )
    number = int(tasks[0].split("(")[0])
    with contextlib.suppress(InputError):
        return launcher.share(int(os.environ["SLURM_LOCALID"]), number)
    return launcher.share(0, 1)  # SLURM has shared them out


def is_first() -> bool:
    """Returns whether this process writes the run's files; true if it is the only one."""
    return jax.process_index() == 0


@contextlib.contextmanager
def agreed(kind: type[Exception]) -> Iterator[None]:
    """Raises an exception of this kind in all processes if one raises it, once all are here.

    Only the message is passed on, so `kind` takes nothing else.
    """
    own = None
    try:
        yield
    except kind as error:
        own = error
    if jax.process_count() > 1:
        message = np.zeros(LONGEST, np.uint8)
        text = str(own).encode()[:LONGEST] if own else b""
        message[: len(text)] = list(text)
        messages = multihost_utils.process_allgather(message)
        for index, other in enumerate(messages):
            if not own and other.any():
                text = other.tobytes().rstrip(b"\0").decode(errors="replace")
                raise kind(f"process {index}: {text}")
    if own:
        raise own


@contextlib.contextmanager
def first_holds(
    context: contextlib.AbstractContextManager, kind: type[Exception]
) -> Iterator[None]:
    """Enters a context in process 0; if that fails, it fails in all."""
    with contextlib.ExitStack() as stack:
        with agreed(kind):
            if is_first():
                stack.enter_context(context)
        yield


def meet(name: str) -> None:
    """Waits until all processes are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, raised after the trained state has been saved and `result.json` written."""


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Listens for signals that ask to stop; gives a function that returns whether one came.

    Call that function after each call of the step, and before each batch of an evaluation. In
    several processes all get the same answer some calls after any was asked to stop. The answer
    travels among the calls of the step, so that no process waits for it.

    Raises:
      Interrupted: at the end, if Ctrl-C was among the signals, so that nothing follows the run; a
        second Ctrl-C is a KeyboardInterrupt at once or, during a compilation, the end. A second
        SIGTERM is not: clusters send several, and one would lose what is being saved.
    """
    requested, said = threading.Event(), list[int]()
    came, handled = collections.Counter[int](), collections.Counter[int]()
    answer = requested.is_set if jax.process_count() == 1 else _any_process(requested)

    def ask(number: int) -> None:
        handled[number] += 1
        if number == signal.SIGINT and handled[number] > 1:
            raise KeyboardInterrupt
        tell(number)
        requested.set()

    def meanwhile(number: int) -> None:
        tell(number)
        came[number] += 1
        if number == signal.SIGINT and came[number] > 1 and handled[number] < 2:
            signals.end(number)

    def tell(number: int) -> None:
        if not said and is_first():
            said.append(number)
            again = "; Ctrl-C again ends at once" if number == signal.SIGINT else ""
            signals.say(f"{signal.Signals(number).name}: saving and stopping{again}")

    with signals.heard(ask, meanwhile):
        yield answer
    if handled[signal.SIGINT]:
        raise Interrupted


def _any_process(requested: threading.Event) -> Callable[[], bool]:
    mesh = devices.make_mesh()
    largest = devices.map_shards(
        lambda flag: jax.lax.pmax(flag, devices.AXIS), mesh, P(devices.AXIS), P()
    )
    size = len(mesh.local_devices)
    goes_on, stops = (
        devices.shard(np.full(size, flag, np.int32), mesh, P(devices.AXIS)) for flag in (0, 1)
    )
    asked: collections.deque[jax.Array] = collections.deque()

    def answer() -> bool:
        asked.append(largest(stops if requested.is_set() else goes_on))
        return len(asked) > DELAY and bool(asked.popleft()[0])

    return answer
