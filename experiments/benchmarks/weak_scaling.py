"""Weak scaling over simulated devices: as many more examples in a step as there are devices.

A check that the result is right, not a figure of speed: the simulated devices are threads on the
same cores. Each run is compared with one on a single device with the same, larger batch, whose
validation ELBO it must reach to 1e-4 relative.

    python experiments/benchmarks/weak_scaling.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

PER_DEVICE = 64  # examples of a step on one device


def train(devices: int, batch_size: int, steps: int) -> tuple[float, float]:
    """Validation ELBO in nats, and milliseconds of a step, of a run of `launch.py`."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [
            sys.executable,
            str(measure.ROOT / "launch.py"),
            "train",
            f"--config={measure.ROOT / 'experiments/digits.py'}",
            f"--workdir={workdir}",
            f"--cpu_devices={devices}",
            f"--config.data.batch_size={batch_size}",
            f"--config.training.steps={steps}",
            f"--config.evaluation.every_steps={steps}",
            f"--config.log.every_steps={steps // 4}",
            "--config.log.images_every_steps=0",
            "--config.evaluation.num_samples=1",
        ]
        subprocess.run(command, check=True, capture_output=True)
        result = json.loads((Path(workdir) / "result.json").read_text())
        lines = map(json.loads, (Path(workdir) / "metrics.jsonl").read_text().splitlines())
        rates = [line.get("train/steps_per_second") for line in lines]
    rate = [rate for rate in rates if rate][-1]
    return result["metrics"]["valid/elbo"], 1000 / rate


def main(args: argparse.Namespace) -> None:
    rows = []
    for devices in args.devices:
        batch_size = PER_DEVICE * devices
        elbo, spent = train(devices, batch_size, args.steps)
        reference, alone = train(1, batch_size, args.steps) if devices > 1 else (elbo, spent)
        difference = abs(elbo - reference) / abs(reference)
        rows.append((devices, batch_size, elbo, f"{difference:.1e}", spent, alone))
    names = ("devices", "batch", "valid/elbo", "relative difference to one device")
    measure.print_table((*names, "ms a step", "ms a step, one device"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=200)
    main(parser.parse_args())
