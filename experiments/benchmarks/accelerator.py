"""What waits for an accelerator, in some minutes on a bare machine.

    python experiments/benchmarks/accelerator.py --bring=DIR --pack --data=DATA  # before it
    python experiments/benchmarks/accelerator.py --bring=DIR --out=OUT           # on the machine
    python experiments/benchmarks/accelerator.py --out=OUT --tiny                # a try, on a CPU

`--pack` puts into DIR what the machine lacks, prints it with its size, and needs a network: wheels
for `--python` and the files of MNIST and binarised MNIST, from the folders of these names in DATA.
Without files the digits of scikit-learn take their place.

Each part is a process with a time limit; one that fails or takes too long does not stop the others,
and what it had measured is kept. OUT gets `PART.jsonl` and `PART.log` of each part,
`accelerator.json` with everything, and the page `accelerator.md`. The last part trains
`ladder.py:large` for the time that is left, in OUT/ladder, and goes on there when run again. All
parts take more than the eight minutes of `--seconds`: `--parts` chooses some, in its own order.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PARTS_FILE = Path(__file__).with_name("accelerator_parts.py")
WHEELS = ("clu", "ml-collections")  # what a machine with JAX, Flax, Optax and Orbax still lacks
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
TESTS = ("tests/training/test_step.py", "tests/probability", "tests/models", "tests/networks")
# Trying the tilings of its own products of matrices, as XLA does first, took more than a minute for
# the step of a convolutional network, and left no time to measure.
FLAGS = "--xla_gpu_enable_triton_gemm=false"
# A test compiles much and runs it once: what is fast is not looked for.
TESTS_FLAGS = f"{FLAGS} --xla_gpu_autotune_level=0"
TINY_FLAGS = "--xla_backend_optimization_level=0"  # nearly all of the time is compilation
SAVING = 25  # seconds between the signal to stop and the end of the last part


class Part(NamedTuple):
    """A part of the page; `columns` are the names in its rows, with their titles."""

    title: str
    seconds: int
    columns: dict[str, str]


STEP = {
    "case": "network",
    "batch": "batch",
    "dtype": "arithmetic",
    "steps_per_call": "steps a call",
    "ms": "ms a step",
    "examples_per_second": "examples/s",
    "tflops": "TFLOP/s",
    "peak_share": "share of the peak",
    "mib": "memory, MiB",
    "compile_s": "compilation, s",
}
PARTS = {
    "machine": Part("The machine", 40, {"name": "", "value": "value", "unit": "unit"}),
    "operations": Part(
        "Operations of a step", 40, {"case": "network", "batch": "batch", "gflop": "GFLOP"}
    ),
    "nll": Part(
        "log p(x) from 5,000 samples",
        90,
        {
            "case": "network",
            "precision": "products of matrices",
            "images": "images",
            "s_per_image": "s an image",
            "compile_s": "compilation, s",
            "nll": "NLL, nats",
            "largest_difference": "largest difference of an image to the first row, nats",
        },
    ),
    "population": Part(
        "Runs in one program against one after another",
        130,
        {
            "members": "runs",
            "alone_s": "one run, s",
            "together_s": "all together, s",
            "per_minute_alone": "runs a minute, one after another",
            "per_minute_together": "runs a minute, together",
            "ratio": "ratio",
            "largest_difference": "largest relative difference of test/elbo",
        },
    ),
    "steps": Part("Training steps", 170, STEP),
    "tests": Part("The test suite's core", 130, {"outcome": "outcome", "count": "tests"}),
    "torch": Part(
        "The same networks in PyTorch",
        70,
        {key: STEP[key] for key in ("case", "batch", "dtype", "ms", "examples_per_second", "mib")}
        | {"form": "form", "compile_s": "first step, s"},
    ),
    "ladder": Part("ladder.py:large", 0, {"name": "", "value": "value"}),
}


def main() -> None:
    """Packs what is to be brought along, or runs the parts and writes the page."""
    args = arguments()
    if args.pack:
        pack(args)
        return
    args.out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *install(args)])}
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault("XLA_FLAGS", TINY_FLAGS if args.tiny else FLAGS)
    ends = time.monotonic() + args.seconds
    report = {"flags": environment["XLA_FLAGS"], "seconds": {}, "notes": {}, "rows": {}}
    for name in args.parts:
        left = ends - time.monotonic()
        limit = min(PARTS[name].seconds, left) or left - SAVING
        started = time.monotonic()
        report["notes"][name] = (
            "no time was left" if limit < 5 else run(name, limit, args, environment)
        )
        report["seconds"][name] = round(time.monotonic() - started, 1)
        file = args.out / f"{name}.jsonl"
        report["rows"][name] = (
            list(map(json.loads, file.read_text().splitlines())) if file.exists() else []
        )
        print(f"{name}: {report['seconds'][name]} s, {report['notes'][name] or 'done'}", flush=True)
        (args.out / "accelerator.json").write_text(json.dumps(report, indent=1) + "\n")
        (args.out / "accelerator.md").write_text(page(report))
    print((args.out / "accelerator.md").read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bring", type=Path, help="the folder that --pack fills")
    parser.add_argument("--pack", action="store_true", help="fill it, on a machine with a network")
    parser.add_argument(
        "--data", type=Path, help="--pack: the folder with mnist/, binarized_mnist/"
    )
    parser.add_argument("--python", default="3.12", help="--pack: the version on the machine")
    parser.add_argument("--out", type=Path, default=Path("accelerator"), help="for the figures")
    parser.add_argument("--seconds", type=int, default=470, help="for all parts together")
    parser.add_argument("--parts", type=lambda names: names.split(","), default=list(PARTS))
    parser.add_argument("--tiny", action="store_true", help="small sizes, to try the script out")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"--parts: no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if args.pack and not (args.bring and args.data):
        parser.error("--pack needs --bring=DIR, which it fills, and --data=DATA")
    return args


def pack(args: argparse.Namespace) -> None:
    """Fills the folder to bring along and prints what is in it."""
    wheels = args.bring / "wheels"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += [f"--python-version={args.python}", f"--dest={wheels}"]
    subprocess.run([*command, *(f"--platform={name}" for name in PLATFORMS), *WHEELS], check=True)
    for name in ("mnist", "binarized_mnist"):
        (args.bring / name).mkdir(parents=True, exist_ok=True)
        for file in (args.data / name).iterdir():
            (args.bring / name / file.name).write_bytes(file.read_bytes())
    files = sorted(file for file in args.bring.rglob("*") if file.is_file())
    for file in files:
        print(f"{file.stat().st_size / 2**20:8.2f} MiB  {file.relative_to(args.bring)}")
    print(f"{sum(file.stat().st_size for file in files) / 2**20:8.2f} MiB  beside the repository")


def install(args: argparse.Namespace) -> list[str]:
    """Installs the wheels that were brought along; returns where, for the module search path."""
    wheels = sorted((args.bring / "wheels").glob("*.whl")) if args.bring else []
    if not wheels:
        return []
    target = args.out / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, "--upgrade", f"--target={target}", *map(str, wheels)], check=True)
    return [str(target.resolve())]


def run(name: str, limit: float, args: argparse.Namespace, environment: dict[str, str]) -> str:
    """Runs a part; returns what went wrong, nothing where nothing did."""
    options = [f"--out={args.out.resolve()}", *(["--tiny"] if args.tiny else [])]
    options += [f"--bring={args.bring.resolve()}"] if args.bring else []
    command = [sys.executable, str(PARTS_FILE), name, *options]
    if name == "operations":
        environment = environment | {"JAX_PLATFORMS": "cpu"}
    if name == "tests":
        # Products of float32 are to be of float32, as the tests' tolerances take them to be.
        environment = environment | {
            "JAX_DEFAULT_MATMUL_PRECISION": "highest",
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "XLA_FLAGS": TESTS_FLAGS,
        }
    with open(args.out / f"{name}.log", "w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            # What trains saves its state and ends, the tests are counted; the rest just ends.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(SAVING if name == "ladder" else 3)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            return "" if name == "ladder" else f"stopped after {limit:.0f} s"
    if not code:
        return ""
    last = (args.out / f"{name}.log").read_text().strip().splitlines()[-1:]
    return f"exit code {code}: {' '.join(last)}"


def page(report: dict) -> str:
    """The figures as Markdown."""
    lines = ["# An accelerator", "", f"XLA_FLAGS: `{report['flags']}`", ""]
    for name, seconds in report["seconds"].items():
        part, rows, note = PARTS[name], report["rows"][name], report["notes"][name]
        lines += [f"## {part.title}", "", f"{seconds} s{', ' if note else ''}{note}.", ""]
        if rows:
            lines += [f"| {' | '.join(part.columns.values())} |", "|---" * len(part.columns) + "|"]
            lines += [
                f"| {' | '.join(text(row.get(column)) for column in part.columns)} |"
                for row in rows
            ]
            lines.append("")
    return "\n".join(lines)


def text(value: object) -> str:
    """A cell of a table."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    main()
