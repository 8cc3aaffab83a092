"""How close a sweep of 24 trials on two workers comes to its single runs on two workers.

The sweep is all of the command

    python launch.py sweep --config=experiments/digits.py --sweep=learning_rate,beta,seeds \\
        --workers=2

from the interpreter's start to its exit, with nothing compiled before. A single run is the call of
`vae.train` with the experiment's config in a fresh process, on one core, beside another one on the
other core, without start-up: imports are done before the clock starts, and its programs were
compiled before. Reading the data, tracing, training, validation, pictures, checkpoints and the test
figures all count. The ideal is 24 times the median single run, over two workers. Single runs are
timed before and after the sweep.

Wall clock, and processor time of all processes, which other work on the machine disturbs less but
which does not see a worker that waits.

`--kill` instead kills the coordinator (SIGKILL) when half of the trials have completed, starts the
same command again, and checks that each of the 24 completed, and none of them twice.

    python experiments/benchmarks/sweep.py [--steps=1500] [--pairs=2] [--kill]    # no peers needed
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

TRIALS, WORKERS = 24, 2
PR_SET_CHILD_SUBREAPER = 36  # so that the processor time of the fork server's children is seen


def settings(args: argparse.Namespace) -> list[str]:
    every = f"{args.steps // 3}"
    keys = ("evaluation.every_steps", "checkpoint.every_steps", "log.images_every_steps")
    given = [f"--config.{key}={every}" for key in keys]
    return [f"--config.training.steps={args.steps}", *given]


def single(args: argparse.Namespace) -> None:
    """The worker: prints the wall-clock and processor seconds of one run."""
    import jax
    import sklearn.datasets  # noqa: F401
    import tensorboard.compat.proto.event_pb2
    import tensorboard.summary.writer.record_writer  # noqa: F401

    import vae
    from experiments import digits

    jax.config.update("jax_compilation_cache_dir", str(args.scratch / "cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    config = digits.get_config()
    for setting in settings(args):
        key, _, value = setting.removeprefix("--config.").partition("=")
        config.update_from_flattened_dict({key: int(value)})
    train = vae.train  # which is imported here
    wall, processor = time.perf_counter(), time.process_time()
    result = train(config, args.scratch / f"single{os.getpid()}")
    assert result["status"] == "completed"
    print(json.dumps((time.perf_counter() - wall, time.process_time() - processor)))


def singles(args: argparse.Namespace, number: int) -> list[tuple[float, float]]:
    """Wall-clock and processor seconds of so many runs side by side, each on a core of its own."""
    command = [sys.executable, *sys.argv, "--worker", "--scratch", str(args.scratch)]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": str(measure.ROOT), "JAX_PLATFORMS": "cpu"},
            preexec_fn=lambda core=core: os.sched_setaffinity(0, (core,)),
        )
        for core in sorted(os.sched_getaffinity(0))[:number]
    ]
    return [json.loads(p.communicate()[0].splitlines()[-1]) for p in processes]


def sweep_command(args: argparse.Namespace, workdir: Path) -> list[str]:
    command = [sys.executable, "launch.py", "sweep", "--config=experiments/digits.py"]
    command += ["--sweep=learning_rate,beta,seeds", f"--workers={WORKERS}"]
    return [*command, f"--workdir={workdir}", *settings(args)]


def start(args: argparse.Namespace, workdir: Path) -> subprocess.Popen:
    with open(workdir.with_suffix(".txt"), "a") as output:
        return subprocess.Popen(
            sweep_command(args, workdir),
            cwd=measure.ROOT,
            stdout=output,
            stderr=output,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
        )


def trials(workdir: Path) -> list[dict]:
    return [json.loads(f.read_text()) for f in sorted(workdir.glob("trials/*/trial.json"))]


def check(workdir: Path) -> None:
    """Ends the script unless every trial completed at its first attempt."""
    found = trials(workdir)
    complete = [t for t in found if t["status"] == "completed" and t["attempts"] == 1]
    if len(complete) != TRIALS:
        sys.exit(f"{workdir.with_suffix('.txt').read_text()}\nOnly {len(complete)} completed.")


def sweep(args: argparse.Namespace) -> tuple[float, float]:
    """Wall-clock and processor seconds of the sweep, of all its processes."""
    workdir = args.scratch / "sweep"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    if start(args, workdir).wait():
        sys.exit(workdir.with_suffix(".txt").read_text())
    wall = time.perf_counter() - began
    reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check(workdir)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def reap() -> None:
    """Waits for what the sweep left behind: its fork server ends a moment after it."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def killed(args: argparse.Namespace) -> None:
    workdir = args.scratch / "killed"
    process = start(args, workdir)
    while sum(t["status"] == "completed" for t in trials(workdir)) < TRIALS // 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    results = {
        file: file.stat().st_mtime_ns
        for file in workdir.glob("trials/*/result.json")
        if json.loads(file.read_text())["status"] == "completed"
    }
    if start(args, workdir).wait():
        sys.exit(workdir.with_suffix(".txt").read_text())
    check(workdir)
    again = [file for file, stamp in results.items() if file.stat().st_mtime_ns != stamp]
    if again:
        sys.exit(f"Trained again: {', '.join(map(str, again))}.")
    steps = args.steps // 3
    for file in workdir.glob("trials/*/metrics.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        logged = [line["step"] for line in lines if "valid/elbo" in line]
        assert logged == [steps, 2 * steps, 3 * steps], (file, logged)
    print(f"killed with {len(results)} trials complete, and again: {TRIALS}, none twice")


def main(args: argparse.Namespace) -> None:
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("prctl(PR_SET_CHILD_SUBREAPER) failed.")
    cold = singles(args, 1)[0]
    runs = [run for _ in range(args.pairs) for run in singles(args, WORKERS)]
    wall, processor = sweep(args)
    runs += [run for _ in range(args.pairs) for run in singles(args, WORKERS)]
    rows = [("single run that compiles, s", *cold)]
    one = [measure.median(run[i] for run in runs) for i in (0, 1)]
    rows.append(("single run, s", *one))
    ideal = (TRIALS * one[0] / WORKERS, TRIALS * one[1])
    rows.append((f"ideal of {TRIALS} on {WORKERS} workers, s", *ideal))
    rows.append(("sweep, s", wall, processor))
    rows.append(("sweep / ideal", wall / ideal[0], processor / ideal[1]))
    measure.print_table(("", "wall clock", "processor"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1500, help="of each trial")
    parser.add_argument("--pairs", type=int, default=2, help="of single runs, before and after")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        single(args)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            args.scratch = Path(scratch)
            (killed if args.kill else main)(args)
