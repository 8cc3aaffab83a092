"""The parts of `accelerator.py`, each run by it in a process of its own."""

from __future__ import annotations

import argparse
import collections
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


class Case:
    """A network, as both frameworks train it: on images of `shape`, by Adam, Bernoulli outputs."""

    def __init__(self, shape: tuple[int, int, int], batches: tuple[int, ...], **model: Any) -> None:
        self.shape, self.batches, self.model = shape, batches, model


MLP = {"encoder": "mlp", "decoder": "mlp"}
CONV = {"encoder": "conv", "decoder": "conv"}
LADDER = {"name": "ladder", "stem_stride": 2, "activation": "silu", "latent_dim": 8}


def widths(*encoder: int) -> dict[str, tuple[int, ...]]:
    return {"encoder_widths": encoder, "decoder_widths": encoder[::-1]}


CASES = {
    "MLP": Case((28, 28, 1), (100, 4096), **MLP, **widths(512), latent_dim=16),
    "conv": Case((64, 64, 3), (64, 1024), **CONV, **widths(32, 64, 128, 256), latent_dim=128),
    "ladder": Case((28, 28, 1), (100, 1000), **LADDER, **widths(32, 48, 64), groups=(2, 2, 2)),
}
TINY = {
    "MLP": Case((8, 8, 1), (8, 16), **MLP, **widths(16), latent_dim=4),
    "conv": Case((8, 8, 3), (8, 16), **CONV, **widths(8, 8), latent_dim=4),
    "ladder": Case((7, 7, 1), (8, 16), **LADDER, **widths(8, 8), groups=(1, 1)),
}
# Steps in one call for the smaller batch, where a step is short.
STEPS_PER_CALL = {"MLP": 50, "conv": 10, "ladder": 10}
SECONDS = 0.7  # for which a step is timed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--bring", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    (args.out / f"{args.part}.jsonl").unlink(missing_ok=True)
    from vae.training.memory import keep_freed_memory

    keep_freed_memory()
    PARTS[args.part](args)


def record(args: argparse.Namespace, **row: Any) -> None:
    """Adds a row to the part's figures, so that it is kept whatever follows."""
    print(row, flush=True)
    with open(args.out / f"{args.part}.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")


def machine(args: argparse.Namespace) -> None:
    """What it is, and what it reaches: products of matrices, and copies."""
    import jax
    import jax.numpy as jnp

    size = 256 if args.tiny else 8192
    device = jax.devices()[0]
    names = {"device": device.device_kind, "devices": jax.device_count(), "JAX": jax.__version__}
    names["Python"] = sys.version.split()[0]
    for name, value in names.items():
        record(args, name=name, value=value)
    a, b = (jax.random.normal(jax.random.key(i), (size, size)) for i in range(2))
    for name, dtype, precision in (
        ("bfloat16", jnp.bfloat16, None),
        ("float32", jnp.float32, None),
        ("float32, highest precision", jnp.float32, "highest"),
    ):
        product = jax.jit(functools.partial(jnp.matmul, precision=precision))
        x, y = a.astype(dtype), b.astype(dtype)
        seconds = timed(lambda product=product, x=x, y=y: product(x, y))
        value = 2 * size**3 / seconds / 1e12
        record(args, name=f"product of matrices, {name}", value=value, unit="TFLOP/s", key=name)
    copy = jax.jit(lambda x: x + 1)
    x = jnp.zeros((4, size, size), jnp.float32)
    seconds = timed(lambda: copy(x))
    record(args, name="reading and writing", value=2 * x.nbytes / seconds / 1e9, unit="GB/s")


def operations(args: argparse.Namespace) -> None:
    """What a step of each network takes, as XLA counts it for a CPU: other platforms may not."""
    from vae.train import call_batch

    for name, case in cases(args).items():
        for batch in case.batches:
            step, experiment, arguments = program(config_of(case, batch, args, dtype="float32"))
            with experiment.batches() as batches:
                lowered = step.lower(*arguments(call_batch(batches, experiment.config, 0)))
            record(args, case=name, batch=batch, gflop=lowered.cost_analysis()["flops"] / 1e9)


def steps(args: argparse.Namespace) -> None:
    """The training step that `vae.train` runs, with its batches put on the device."""
    peaks = {row["key"]: row["value"] for row in recorded(args, "machine") if "key" in row}
    work = {(row["case"], row["batch"]): row["gflop"] for row in recorded(args, "operations")}
    several = dict.fromkeys(CASES, 2) if args.tiny else STEPS_PER_CALL
    wanted = [(n, c.batches[0], several[n], "bfloat16") for n, c in cases(args).items()]
    wanted += [(name, case.batches[1], 1, "bfloat16") for name, case in cases(args).items()]
    if not args.tiny:  # what each other choice costs
        wanted += [(name, case.batches[1], 1, "float32") for name, case in CASES.items()]
        wanted += [(name, case.batches[0], 1, "bfloat16") for name, case in CASES.items()]
    for name, batch, per_call, dtype in wanted:
        config = config_of(cases(args)[name], batch, args, dtype=dtype)
        config.training.steps_per_call = per_call
        row = step_figures(config)
        tflops = work.get((name, batch), float("nan")) / row["ms"]
        row |= {"tflops": tflops, "peak_share": tflops / peaks.get(dtype, float("nan"))}
        record(args, case=name, batch=batch, dtype=dtype, steps_per_call=per_call, **row)


def program(config: Any) -> tuple[Any, Any, Any]:
    """The compiled step of a config, its experiment, and what it is called with for a batch."""
    from jax.sharding import PartitionSpec as P

    from vae.experiment import prepare
    from vae.train import make_mapped_step
    from vae.training import devices

    experiment, mesh = prepare(config), devices.make_mesh()
    table = devices.replicate(experiment.dataset.train.table(), mesh)
    specs = experiment.specs(mesh)
    state = experiment.initial_state(mesh, specs)

    def arguments(batch: Any, state: Any = state) -> tuple[Any, Any, Any]:
        return state, devices.shard(batch, mesh, P(None, devices.AXIS)), table

    return make_mapped_step(experiment, mesh, specs), experiment, arguments


def step_figures(config: Any) -> dict[str, float]:
    """Milliseconds and examples/s of a step, memory, seconds of compilation."""
    import jax

    from vae.train import call_batch

    step, experiment, arguments = program(config)
    per_call = config.training.steps_per_call
    with experiment.batches() as batches:

        def batch(call: int) -> Any:
            return call_batch(batches, config, call * per_call)

        lowered = step.lower(*arguments(batch(0)))
        started = time.perf_counter()
        step = lowered.compile()
        compile_s = time.perf_counter() - started
        state, report = step(*arguments(batch(0)))
        jax.block_until_ready(report)
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS or calls < 3:
            for _ in range(5):
                calls += 1
                state, report = step(*arguments(batch(calls), state))
            jax.block_until_ready(report)
        seconds = (time.perf_counter() - started) / calls / per_call
    if not np.isfinite(float(report.metrics.loss.total)):
        raise RuntimeError("the loss is not finite")
    memory = step.memory_analysis()
    return {
        "ms": 1e3 * seconds,
        "examples_per_second": config.data.batch_size / seconds,
        "mib": (memory.argument_size_in_bytes + memory.temp_size_in_bytes) / 2**20,
        "compile_s": compile_s,
    }


def cases(args: argparse.Namespace) -> dict[str, Case]:
    """The networks, by name."""
    return TINY if args.tiny else CASES


def config_of(case: Case, batch: int, args: argparse.Namespace, *, dtype: str) -> Any:
    """The config of a case, on images of its shape that are drawn at random."""
    from vae.config import base

    file = args.out / f"images_{'x'.join(map(str, case.shape))}.npz"
    if not file.exists():
        drawn = np.random.default_rng(0).integers(0, 2, (4296, *case.shape), np.uint8)
        np.savez(file, train_images=drawn[:4096], test_images=drawn[4096:])
    config = base()
    config.data.path = str(file)
    config.data.train, config.data.valid, config.data.test = "train", "test[:100]", "test[100:]"
    config.data.batch_size = batch
    config.model.update(case.model)
    config.model.dtype = dtype
    config.log.tensorboard = False
    return config


def torch(args: argparse.Namespace) -> None:
    """The same networks in PyTorch: as they are written, and then by its compiler."""
    from accelerator_torch import measure

    for compiled in (False, True):
        for name, case in cases(args).items():
            for dtype in ("bfloat16", "float32"):
                for batch in case.batches:
                    row = measure(name, case, batch, dtype, compiled, SECONDS)
                    record(args, case=name, dtype=dtype, **row)


def nll(args: argparse.Namespace) -> None:
    """The estimate of log p(x), with products of float32 as the device likes them and exactly."""
    import jax

    import vae
    from vae.config import base
    from vae.evaluation.evaluator import make_evaluator
    from vae.experiment import prepare
    from vae.training import devices

    for name in ("MLP",) if args.tiny else ("MLP", "conv"):
        config = base()
        config.data.binarize = "dynamic"
        if path := _brought(args, "mnist"):
            config.data.path = path
            config.data.train, config.data.valid = "train[:50000]", "train[50000:]"
            config.data.test = "test[:1000]"
        config.model.update(MLP | widths(512) if name == "MLP" else CONV | widths(32, 64))
        config.training.steps = 20 if args.tiny else 2000
        config.training.steps_per_call = 10
        config.log.every_steps = 20 if args.tiny else 500
        config.evaluation.every_steps = config.checkpoint.every_steps = 0
        config.log.images_every_steps = 0
        config.evaluation.num_samples = 1
        config.log.tensorboard = False
        workdir = args.out / f"nll_{name}"
        vae.train(config, workdir)
        run, experiment, mesh = vae.load(workdir), prepare(config), devices.make_mesh()
        variables = devices.replicate(run.variables, mesh)
        config.evaluation.max_bytes = 8 * 2**20 if args.tiny else 2**30
        first = None
        for precision in ("highest", "default"):
            with jax.default_matmul_precision(precision):
                evaluator = make_evaluator(
                    run.model,
                    experiment.dataset,
                    "test",
                    config,
                    mesh,
                    num_samples=50 if args.tiny else 5000,
                )
                seconds = []
                for _ in range(2):
                    started = time.perf_counter()
                    estimate = evaluator.estimate(variables)
                    seconds.append(time.perf_counter() - started)
            found = estimate.log_likelihood
            first = found if first is None else first
            record(
                args,
                case=name,
                precision=precision,
                images=len(found),
                s_per_image=seconds[1] / len(found),
                compile_s=seconds[0] - seconds[1],
                nll=-float(found.mean()),
                largest_difference=float(abs(found - first).max()),
            )


def population(args: argparse.Namespace) -> None:
    """Runs trained in one program, see `population.py`."""
    import population as benchmark

    for members in (4,) if args.tiny else (64, 256):
        options = argparse.Namespace(
            data=_brought(args, "mnist"),
            members=members,
            alone=3 if members == 64 else 1,
            steps=100 if args.tiny else 1000,
            steps_per_call=10,
            evaluation_batch=1000,
        )
        record(args, members=members, **benchmark.measure_population(options))


def tests(args: argparse.Namespace) -> None:
    """The tests of the mathematics, the networks, the models and the step, on one device."""
    from accelerator import TESTS

    chosen = ["tests/probability/test_distributions.py"] if args.tiny else TESTS
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2" if args.tiny else "10"]
    command += ["-k", "not devices"]  # these want several
    command += ["-p", "no:cacheprovider", "-p", "no:benchmark", "--tb=short", *chosen]
    command += ["-s", "-p", "accelerator_parts"]  # `pytest_runtest_logreport`, below
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ["PYTHONPATH"]])
    }
    signal.signal(signal.SIGTERM, lambda *_: None)  # it ends pytest, and then this
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    counts, total = collections.Counter(), 0
    for line in process.stdout:
        print(line, end="", flush=True)
        if found := re.search(r"\[(\d+) items\]|collected (\d+) items", line):
            total = int(found[1] or found[2])
        if found := re.match(r"\[gw\d+\] (?:\[ *\d+%\] )?([A-Z]+) (.+)", line):
            counts[found[1].lower()] += 1
            if found[1] in ("FAILED", "ERROR"):
                record(args, outcome=found[2].strip(), count=1)
    for outcome, count in counts.items():
        record(args, outcome=outcome, count=count)
    record(args, outcome="not reached", count=total - counts.total())


def pytest_runtest_logreport(report: Any) -> None:
    """Prints a failure at once, for the tests may be stopped before pytest does."""
    if report.failed:
        print("", report.nodeid, report.longreprtext[-1500:], sep="\n", flush=True)


def ladder(args: argparse.Namespace) -> None:
    """Trains `ladder.py:large` until it is told to stop, which saves its state."""
    workdir = args.out / "ladder"
    config = (
        "digits.py" if args.tiny or not _brought(args, "binarized_mnist") else "ladder.py:large"
    )
    command = [sys.executable, "launch.py", "train", f"--config={ROOT}/experiments/{config}"]
    command += [f"--workdir={workdir}", "--config.log.tensorboard=False"]
    if args.tiny:
        command += ["--config.training.steps=100", "--config.log.images_every_steps=0"]
    elif config != "digits.py":
        command += [f"--config.data.path={_brought(args, 'binarized_mnist')}"]
        command += ["--config.model.dtype=bfloat16", "--config.training.steps_per_call=10"]
    started = time.perf_counter()
    signal.signal(signal.SIGTERM, lambda *_: None)  # it is for the training, whose group this is of
    code = subprocess.run(command, cwd=ROOT).returncode
    record(args, name="command", value=" ".join(command[1:]))
    record(args, name="exit code", value=code)
    record(args, name="seconds of this part", value=time.perf_counter() - started)
    file = workdir / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    last = {name: value for line in lines for name, value in json.loads(line).items()}
    for name in ("step", "train/loss", "train/steps_per_second", "valid/elbo"):
        if name in last:
            record(args, name=name, value=last[name])


def timed(call: Any) -> float:
    """Seconds of a call that returns an array, the mean over some tenths of a second."""
    call().block_until_ready()
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS / 2:
        results = [call() for _ in range(10)]
        results[-1].block_until_ready()
        calls += len(results)
    return (time.perf_counter() - started) / calls


def recorded(args: argparse.Namespace, part: str) -> list[dict[str, Any]]:
    """The rows of a part that ran before."""
    file = args.out / f"{part}.jsonl"
    return list(map(json.loads, file.read_text().splitlines())) if file.exists() else []


def _brought(args: argparse.Namespace, name: str) -> str | None:
    """A folder of what was brought along."""
    folder = args.bring / name if args.bring else None
    return str(folder) if folder and folder.is_dir() else None


PARTS = {
    "machine": machine,
    "operations": operations,
    "steps": steps,
    "torch": torch,
    "nll": nll,
    "population": population,
    "tests": tests,
    "ladder": ladder,
}

if __name__ == "__main__":
    main()
