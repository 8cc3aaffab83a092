"""How far K importance samples are off, by annealed importance sampling and a bracket of log p(x).

The first test images of a trained run, and as many images that are drawn from it, whose log p(x)
lies between the figures of forward and reverse chains. Figures are -log p(x) in nats, means over
the images with their standard errors; differences are of the same images, so that their errors are
smaller. `error` is what the noise of the chains alone does to a mean.

    python experiments/benchmarks/marginal_likelihood.py --workdir=RUN
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import measure

sys.path.insert(0, str(measure.ROOT))

import vae
from vae.tasks.evaluate import evaluate

SHOWN = ("nll_ais", "nll_reverse", "bracket", "nll", "nll_minus_ais")
NAMES = {"ais": "test images", "bdmc": "drawn images"}


def main(workdir: str, num: int, num_samples: int, chains: int, temperatures: list[int]) -> None:
    run, rows = vae.load(workdir), []
    with tempfile.TemporaryDirectory() as folder:
        run = dataclasses.replace(run, out=Path(folder))
        for method, name in NAMES.items():
            for number in temperatures:
                begin = time.process_time()
                metrics = evaluate(
                    run,
                    method=method,
                    num=num,
                    num_samples=num_samples,
                    chains=chains,
                    temperatures=number,
                ).figures["metrics"]
                seconds = time.process_time() - begin
                found = {key.split("/")[1]: value for key, value in metrics.items()}
                figures = (
                    f"{found[key]:.3f} ± {found[f'{key}_stderr']:.3f}" if key in found else "-"
                    for key in SHOWN
                )
                others = (f"{found['chains_error']:.3f}", f"{found['chains_ess']:.1f}")
                rows.append((f"{name}, T = {number}", *figures, *others, f"{seconds:.0f}"))
    measure.print_table(
        (
            f"{num} images, {chains} chains",
            "AIS",
            "reverse AIS",
            "bracket",
            f"K = {num_samples}",
            "K - AIS",
            "error",
            "chains of equal weight",
            "processor s",
        ),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", required=True, help="a trained run")
    parser.add_argument("--num", type=int, default=100, help="images")
    parser.add_argument("--num_samples", type=int, default=5000, help="K")
    parser.add_argument("--chains", type=int, default=8, help="of each image")
    parser.add_argument("--temperatures", type=int, nargs="+", default=[50, 500])
    args = parser.parse_args()
    main(args.workdir, args.num, args.num_samples, args.chains, args.temperatures)
