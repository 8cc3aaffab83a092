"""What a run left in its directory, to be waited for or compared with what another one did."""

import json
import os
import signal
import struct
import time
from typing import ClassVar

from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from vae.training import loop
from vae.training.trackers import Tracker


class Kept(Tracker):
    """A tracker that keeps what it is told; `fails` names the call that it cannot take."""

    told: ClassVar[list] = []
    fails = ""
    known, place = {"id": "7"}, "Kept is nowhere"

    def __init__(self, run):
        self.take("begin", run)

    def scalars(self, step, values):
        self.take("scalars", step, values)

    def sheet(self, step, name, sheet):
        self.take("sheet", step, name, sheet)

    def end(self, result):
        self.take("end", result)

    def take(self, call, *what):
        if call == self.fails:
            raise ConnectionError(f"nobody\nanswers {call}")
        self.told.append((call, *what))


def lines(workdir):
    """metrics.jsonl without what depends on the clock."""
    text = (workdir / "metrics.jsonl").read_text()
    return [
        {k: v for k, v in json.loads(line).items() if "per_second" not in k}
        for line in text.splitlines()
    ]


def events(workdir):
    """What the event files of a run hold, oldest first, as their format is defined."""
    found = []
    for file in sorted(workdir.glob("events.out.tfevents.*")):
        content = file.read_bytes()
        while content:  # length, checksum, message, checksum
            (length,) = struct.unpack("<Q", content[:8])
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def shown_by_tensorboard(workdir, tag):
    """(step, figure) of a name: a session's start has all from its step on forgotten."""
    shown = []
    for event in events(workdir):
        if event.session_log.status == SessionLog.START:
            shown = [(step, value) for step, value in shown if step < event.step]
        shown += [(event.step, v.simple_value) for v in event.summary.value if v.tag == tag]
    return shown


def interrupt_at(monkeypatch, step, sign=signal.SIGTERM):
    """Sends this process a signal while the batch of a step is made."""
    run = loop.run

    def interrupted(program, *args):
        def batch(first):
            if first == step:
                os.kill(os.getpid(), sign)
            return program.batch(first)

        return run(loop.dataclasses.replace(program, batch=batch), *args)

    monkeypatch.setattr(loop, "run", interrupted)


def wait_for_checkpoint(workdir, process):
    """Returns as soon as a run has a checkpoint; the process writes into its output.txt."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if any((workdir / "checkpoints").glob("[0-9]*[0-9]")):
            return
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint appeared: {(workdir / 'output.txt').read_text()}")
