"""How long a launched run takes to its first step, and what its loop adds to each step.

Start: seconds from the command

    python launch.py train --config=experiments/digits.py --config.log.every_steps=1 --workdir=NEW

to the first line of its metrics.jsonl, that is interpreter, imports, data, compilation and a step.

Loop: milliseconds per step in the loop that `vae.train` runs (batches, log lines, progress), and of
its compiled step alone on batches made beforehand, in turns in one process; the MLP of
`mlp_training.py`, one step a call, where a loop can add most.

    python experiments/benchmarks/startup.py --data=DIR        # no peers needed
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import measure


def launch(workdir: Path, config: str) -> float:
    """Launches a run, ends it at its first line; returns the seconds until then."""
    command = [sys.executable, "launch.py", "train", f"--config={config}"]
    command += ["--config.log.every_steps=1", f"--workdir={workdir}"]
    file = workdir / "metrics.jsonl"
    with open(workdir.with_suffix(".log"), "w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=measure.ROOT, stdout=output, stderr=output)
        try:
            while not (file.exists() and b"\n" in file.read_bytes()):
                if process.poll() is not None:
                    output.seek(0)
                    sys.exit(f"{output.read()}\nThe run ended before its first step.")
                time.sleep(0.005)
            return time.perf_counter() - start
        finally:
            process.kill()
            process.wait()


def loop_and_step(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds per step, in turns, of the loop and of the compiled step."""
    import jax
    import product

    from vae.training import loop

    run = loop.run
    seconds: dict[str, list[float]] = {"loop": [], "step": []}

    def in_turns(program: Any, config: Any, checkpoints: Any, log: Any) -> loop.Outcome:
        batches = [program.batch(step) for step in range(args.steps)]
        for _ in range(args.turns):
            clock = product.Clock(log)
            outcome = run(program, config, product.NoCheckpoints(), clock)
            # From the first log line on, so that restoring and compiling are left out.
            counted = args.steps - config.log.every_steps
            seconds["loop"].append((clock.times[-1] - clock.times[0]) / counted)

            state, _ = jax.block_until_ready(program.step(program.initialise(), batches[0]))
            start = time.perf_counter()
            for batch in batches[1:]:
                state, _ = program.step(state, batch)
            jax.block_until_ready(state)
            seconds["step"].append((time.perf_counter() - start) / (args.steps - 1))
        return outcome

    config = product.mlp(
        measure.arrays(args), steps=args.steps, log_every=args.log_every, steps_per_call=1
    )
    product.train(config, in_turns)
    return seconds


def main(args: argparse.Namespace) -> None:
    seconds = []
    for i in range(args.launches):
        seconds.append(launch(args.scratch / f"run{i}", args.config))
        print(f"first step after {seconds[-1]:.2f} s", file=sys.stderr, flush=True)
    turns = measure.work(args, "loop_and_step", sys.executable)
    rows = [("command to first step, s", min(seconds), measure.median(seconds))]
    for name, label in (("loop", "loop, ms per step"), ("step", "compiled step alone, ms")):
        milliseconds = [1000 * value for value in turns[name]]
        rows.append((label, min(milliseconds), measure.median(milliseconds)))
    ratios = [loop / step for loop, step in zip(turns["loop"], turns["step"], strict=True)]
    rows.append(("loop / step, of each turn", min(ratios), measure.median(ratios)))
    measure.print_table(("", "min", "median"), rows)


if __name__ == "__main__":
    parser = measure.parser(__doc__)
    parser.add_argument("--config", default="experiments/digits.py")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3000, help="of a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--log_every", type=int, default=100)
    measure.run(parser.parse_args(), {"loop_and_step": loop_and_step}, main)
