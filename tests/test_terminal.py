"""What a person sees while something goes on: as a terminal shows it, and in a pipe."""

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.spinner import Spinner

from vae import terminal
from vae.command_line import without_closed_loops
from vae.terminal import live

ROOT = Path(__file__).resolve().parents[1]

START = """
import logging, os, signal, sys, time, warnings
from vae import terminal
from vae.command_line import start_logging
from vae.training import signals

start_logging(several=False)
signals.listen(signals.end)
"""
TRAINING = """
with terminal.Progress("compiling the step") as compiling:
    compiling.tell()
    time.sleep(1)
with terminal.Progress("training", 2000, "steps", examples=128) as line:
    for step in range(100, 1300, 100):
        line.at(step, {"loss": 20.0 + step / 1000, "kl": 12.5})
        if step == 600:
            logging.getLogger("vae").info("step 600  valid  elbo -20.31 ± 0.12")
            warnings.warn("careful", stacklevel=1)
            print("printed")
            print("and read by a file", file=sys.stderr)
            for how_far in ("half", "whole\\n"):  # as other libraries write a bar
                sys.stderr.write("\\r" + how_far)
                sys.stderr.flush()
            with terminal.Progress("evaluating", 8) as evaluating:
                evaluating.at(1)
                evaluating.at(3)
                time.sleep(1)
        time.sleep(0.06)
"""


class Screen:
    """The rows of a terminal of a width, from what is written to it."""

    def __init__(self, width):
        self.width, self.rows, self.x, self.y, self.waiting = width, [""], 0, 0, ""

    def write(self, text):
        for control, letter in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z])|([^\x1b])", text):
            if control == "\x1b[2K":
                self.rows[self.y] = ""
            elif control == "\x1b[1A":
                self.y -= 1
            elif control:
                assert control.endswith("m"), f"{control!r} moves or hides the cursor"
            elif letter == "\r":
                self.x = 0
            else:
                if letter == "\n" or self.x == self.width:
                    self.y += 1
                    self.rows += [""] * (self.y == len(self.rows))
                if letter != "\n":
                    self.x %= self.width
                    row = self.rows[self.y]
                    self.rows[self.y] = row[: self.x] + letter + row[self.x + 1 :]
                    self.x += 1


def on_terminal(program, width):
    """Runs a program on a terminal: its screen in the end, the rows on the way, the exit code."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = os.environ | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    environment.pop("COLUMNS", None)  # which would have the last word on the width
    process = subprocess.Popen(
        [sys.executable, "-c", START + program],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    screen, seen, rest = Screen(width), [], b""
    while True:
        try:
            rest += os.read(master, 1 << 16)
        except OSError:  # the program has ended
            break
        whole = rest.rfind(b"\x1b") if b"\x1b" in rest[-8:] else len(rest)
        screen.write(rest[:whole].decode())
        rest = rest[whole:]
        seen.append(list(screen.rows))
    screen.write(rest.decode())
    os.close(master)
    return screen, seen, process.wait()


def test_the_line_neither_wraps_nor_runs_into_what_is_said():
    screen, seen, code = on_terminal(TRAINING, 60)
    assert code == 0
    said = ["step 600  valid  elbo -20.31 ± 0.12", "<string>:18: UserWarning: careful", "printed"]
    said += ["and read by a file", "whole"]
    assert [row for row in screen.rows if row] == said  # the line has gone
    assert screen.x == 0 and screen.rows[screen.y] == ""
    lines = {row[2:] for rows in seen for row in rows if row and row not in said}
    assert {line.split("  ")[0].split(" 0:")[0] for line in lines} <= {
        "compiling the step",
        "training",
        "evaluating",
    }
    assert all(sum(row not in (*said, "") for row in rows) <= 1 for rows in seen)
    assert any(re.fullmatch(r"compiling the step  0:0\d", line) for line in lines)
    assert any(re.fullmatch(r"evaluating  ━{20,40}  3/8.*", line) for line in lines)
    assert any(
        re.fullmatch(r"training  (━+  )? *\d,?\d00/2,000  loss +2\d\.\d\d .* 0:0\d left", line)
        for line in lines
    )


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_what_there_is_room_for_is_shown(width, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    task = terminal.Progress("training", 20_000, "steps", start=50, examples=128)
    task.at(100)
    now[0] += 9
    task.at(1000, {"loss": 82.126, "kl": 13.6367})
    console = Console(width=width, file=io.StringIO())
    shown = live.render(task, console, Spinner("line")).plain
    bar = "━" * 40
    assert (
        shown[2:]
        == {
            20: "training",
            60: "training   1,000/20,000  loss  82.13   3:10 left",
            80: "training   1,000/20,000  loss  82.13  kl  13.64   100.0 steps/s   3:10 left",
            200: f"training  {bar}   1,000/20,000  loss  82.13  kl  13.64   100.0 steps/s  "
            "12,800 examples/s   3:10 left",
        }[width]
    )


class Training(terminal.Progress):
    curve = "loss"


def test_a_terminal_shows_the_course_of_the_loss(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    task = Training("training", 20_000, "steps", examples=128)
    losses = [900.0, float("nan"), *range(200, 80, -10), *range(80, 91), 91.0]
    for step, loss in enumerate(losses):
        now[0] += 1
        task.at(100 * step, {"loss": loss, "kl": 13.6367})

    def shown(width, encoding="utf-8"):
        file = io.TextIOWrapper(io.BytesIO(), encoding)
        return live.render(task, Console(width=width, file=file), Spinner("line")).plain[2:]

    # The latter half of the finite losses: 90, and 80 to 91.
    expected = "training   2,500/20,000  loss  91.00  ▇▁▂▂▃▄▅▅▆▇▇█  kl  13.64   2:55 left"
    assert shown(80) == expected
    assert "█" not in shown(80, "ascii") and "  100.0 steps/s" in shown(80, "ascii")
    assert "▇▁▂▂▃▄▅▅▆▇▇█  kl  13.64   100.0 steps/s" in shown(120)
    assert not any(set(part.text) & set(terminal.BLOCKS) for part in task.parts())  # of a pipe


@pytest.mark.parametrize(
    ("values", "shown"),
    [([3, 2, 1], "█▅▁"), ([5.0, 5.0, 5.0], "▁▁▁"), (range(24), "▁▂▂▃▄▄▅▅▆▇▇█")],
)
def test_a_curve_has_a_block_for_each_share(values, shown):
    assert terminal.spark(values) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (-157.6123, 0.971, "-157.61 ± 0.97"),
        (-7.184e-06, 0.0033, "0.0000 ± 0.0033"),
        (-148_412.3, 103.0, "-148,412 ± 103"),
        (3.55, 0.0, "3.550 ± 0"),
        (3.55, float("nan"), "3.550 ± nan"),
        (87.341, 0.9, "87.34 ± 0.90"),
        (87.341, 0.0996, "87.34 ± 0.10"),
        (87.341, None, "87.34"),
        (6.9077553, 3.8e-8, "6.908 ± 3.8e-08"),
    ],
)
def test_a_figure_and_its_error_have_the_same_places(value, error, shown):
    assert terminal.measured(value, error) == shown


def test_a_pipe_has_plain_lines_now_and_then(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with terminal.Progress("sampling", 4, "sweeps", examples=0.01) as task:
        for done in range(1, 5):
            task.at(done, {"acceptance": 0.5})
            now[0] += 20
    with terminal.Progress("reading", 5):
        now[0] += 1
    assert capsys.readouterr().err.splitlines() == [
        "sampling  3/4  acceptance 0.5000   20.00 s/sweep   2,000 s/example   0:20 left"
    ]


def test_the_time_left_forgets_what_was_slow_or_fast_at_first(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with terminal.Progress("encoding", 1000, "examples") as task:
        for done, seconds in ((1, 0), (2, 0.1), (3, 50), (4, 50), *((n, 1) for n in range(5, 41))):
            now[0] += seconds
            task.at(done)
            if done == 2:
                assert [part.text for part in task.parts()] == ["encoding", "    2/1,000"]
    assert task.parts()[-1].text == "16:00 left"


def test_the_time_of_a_task_is_not_that_of_those_within(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with terminal.Progress("training", 100, "steps") as task:
        with terminal.Progress("compiling the step"):
            now[0] += 60
        task.at(10)
        assert task.lap() is None  # nothing is known yet: no speed is 0
        now[0] += 5
        with terminal.Progress("evaluating"):
            now[0] += 30
        task.at(20)
        assert task.lap() == pytest.approx(2.0)
        task.at(5)  # went back to an earlier state
        now[0] += 1
        task.at(6)
        assert task.lap() == pytest.approx(1.0)


ENDS = {
    "a signal": ("os.kill(os.getpid(), signal.SIGTERM)", 75, "stopped by SIGTERM; run the same"),
    "Ctrl-C": ("os.kill(os.getpid(), signal.SIGINT)", 130, "stopped by Ctrl-C"),
    "an error": ("raise SystemExit('error: no space')", 1, "error: no space"),
}


@pytest.mark.parametrize(("act", "code", "said"), ENDS.values(), ids=ENDS)
def test_the_terminal_is_left_whole(act, code, said):
    program = f"""
with terminal.Progress("training", 2000, "steps") as line:
    line.at(100)
    time.sleep(0.4)
    {act}
"""
    screen, seen, ended = on_terminal(program, 80)
    assert ended == code
    assert any(row[2:].startswith("training") for rows in seen for row in rows)
    rows = [row for row in screen.rows if row]
    assert len(rows) == 1 and rows[0].startswith(said)
    assert screen.x == 0 and screen.rows[screen.y] == ""


def test_a_terminal_that_is_closed_stops_nothing(tmp_path):
    master, slave = os.openpty()
    program = f"""
with terminal.Progress("training", 2000, "steps") as line:
    for step in range(8):
        line.at(step)
        logging.getLogger("vae").info("a note")
        time.sleep(0.1)
with terminal.Progress("evaluating", 8) as line:
    line.at(1, tell=True)
open({str(tmp_path / "done")!r}, "w").close()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", START + program],
        stderr=slave,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(slave)
    os.read(master, 1)  # the line is there
    os.close(master)
    process.wait()
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(82.126, "82.13"), (180, "180"), (172629, "172,629"), (1234.5, "1,234"), (0.5, "0.5000")],
)
def test_figures_have_four_digits(value, shown):
    assert terminal.number(value) == shown


def test_what_follows_a_checkpoint_on_a_full_disk_is_not_shown():
    shown = []
    hook = without_closed_loops(shown.append)
    for error, of in (("Event loop is closed", None), ("other", None), ("Event loop is closed", 3)):
        hook(SimpleNamespace(exc_value=RuntimeError(error), object=of))
    assert [(str(each.exc_value), each.object) for each in shown] == [
        ("other", None),
        ("Event loop is closed", 3),
    ]
