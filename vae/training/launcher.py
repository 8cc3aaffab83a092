"""Several processes on one machine, started, watched and ended together.

The launcher computes nothing and does not import JAX. It shows the output of process 0 and keeps
that of the others, to show it if they are what ends the run. No process outlives the launcher: each
holds one end of a pipe and ends when the other end is closed, for whatever reason.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from vae.errors import InputError
from vae.training import signals

_LAUNCH = Path(__file__).resolve().parents[2] / "launch.py"  # in a clone
COMMAND = (sys.executable, *([str(_LAUNCH)] if _LAUNCH.is_file() else ["-m", "vae"]))
PIPE = "VAE_LAUNCHER_PIPE"  # environment variable of a launched process: its end of the pipe
TOGETHER = (2, 3, 75)  # exit codes that all processes agree on; after any other they are ended
GRACE = 10.0  # seconds for the other processes to end with such a code, too


def launch(command: list[str], number: int, *, share_accelerators: bool) -> int:
    """Runs a command as `number` processes of one computation.

    Args:
      command: of one process, without `--coordinator`, `--num_processes` and `--process_id`.
      number: the number of processes.
      share_accelerators: gives each process its part of the accelerators.

    Returns:
      The exit code.

    Raises:
      InputError: the processes do not divide the accelerators.
    """
    shares = [share(i, number) if share_accelerators else None for i in range(number)]
    with contextlib.ExitStack() as stack:
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in shares[1:])]
        children = stack.enter_context(_children(command, shares, outputs))
        stopping = stack.enter_context(_passed_on(children))
        ended: queue.Queue[tuple[int, int]] = queue.Queue()

        def watch(index: int) -> None:
            ended.put((index, children[index].wait()))

        for i in range(number):
            threading.Thread(target=watch, args=(i,), daemon=True).start()
        for _ in children:
            index, code = ended.get()
            if code == -signal.SIGTERM and stopping.is_set():
                code = 75  # asked to stop before there was anything to save
            if code:
                break
        if code in TOGETHER:
            deadline = time.monotonic() + GRACE
            for child in children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(0.0, deadline - time.monotonic()))
        for child in children:
            child.kill()
        told = code in TOGETHER and children[0].returncode == code  # process 0 has said why
        if code not in (0, -signal.SIGKILL) and not told:
            _show(outputs[index])
        if code and code not in TOGETHER:
            print(
                f"error: process {index} of {number} {_how(code)}; run the same command again to "
                "go on from the last checkpoint",
                file=sys.stderr,
            )
        return code if code in (0, *TOGETHER) else 1


def share(index: int, number: int) -> list[int] | None:
    """Returns the accelerators of one of `number` processes here; None if there are none.

    Raises:
      InputError: the processes do not divide them.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if os.environ.get("JAX_PLATFORMS") == "cpu" or visible == "":
        return None
    files = [file for file in Path("/dev").glob("nvidia*") if file.name[6:].isdigit()]
    accelerators = len(visible.split(",") if visible else files)
    if accelerators % number:
        raise InputError(
            f"--processes={number} does not divide the {accelerators} accelerators of this "
            "machine; choose a divisor, or --cpu_devices=N to leave them unused."
        )
    size = accelerators // number
    return list(range(index * size, (index + 1) * size)) or None


def end_with_launcher() -> None:
    """Ends this process when the launcher that started it, if one did, has ended."""

    def watch(pipe: int) -> None:
        os.read(pipe, 1)
        os._exit(1)

    if pipe := os.environ.pop(PIPE, None):
        threading.Thread(target=watch, args=(int(pipe),), daemon=True).start()


@contextlib.contextmanager
def _children(
    command: list[str], shares: list[list[int] | None], outputs: list
) -> Iterator[list[subprocess.Popen]]:
    """Starts the processes, and ends them when the context ends."""
    read, write = os.pipe()
    children: list[subprocess.Popen] = []
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    try:
        for i, (own, output) in enumerate(zip(shares, outputs, strict=True)):
            environment = os.environ | {PIPE: str(read)}
            if own:  # jax.distributed.initialize reads it
                environment["JAX_LOCAL_DEVICE_IDS"] = ",".join(map(str, own))
            member = (f"--num_processes={len(shares)}", f"--process_id={i}")
            child = subprocess.Popen(
                [*command, f"--coordinator=localhost:{port}", *member],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(read,),
                process_group=0,  # Ctrl-C reaches the launcher alone
            )
            children.append(child)
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()
        os.close(read)
        os.close(write)


@contextlib.contextmanager
def _passed_on(children: list[subprocess.Popen]) -> Iterator[threading.Event]:
    """Passes signals that ask to stop on to the processes as SIGTERM, and sets the event.

    A second Ctrl-C is a KeyboardInterrupt, which ends the processes at once.
    """
    requested, came = threading.Event(), set()

    def stop(number: int) -> None:
        if number == signal.SIGINT and number in came:
            raise KeyboardInterrupt
        came.add(number)
        requested.set()
        for child in children:
            child.terminate()

    with signals.heard(stop):
        yield requested


def _show(output) -> None:
    if output is not None:
        output.seek(0)
        sys.stderr.write(output.read().decode(errors="replace"))


def _how(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"was killed by signal {-code} ({signal.Signals(-code).name})"
