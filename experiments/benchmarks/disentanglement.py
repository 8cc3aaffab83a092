"""Our scores of disentanglement and those of the authors' code, on the same codes and factors.

Two libraries are run from their sources, at these commits; neither is installed:

    git clone https://github.com/google-research/disentanglement_lib       86a644d4ed35
    git clone https://github.com/kylehkhsu/latent_quantization             9a420a33505e
    python experiments/benchmarks/disentanglement.py --library=disentanglement_lib \\
        --infomec=latent_quantization

The first has all scores but InfoM, InfoE and InfoC, which the second has. They import gin and are
written for the scikit-learn of their day: what they need of it stands in `stand_ins` and `Machine`.
Codes are functions of the factors and of noise, which is a function of the factors, too; so the
library's BetaVAE and FactorVAE, which ask for the codes of factors of their own choice, see the
same. All others are given the rows that ours are given, in their order.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vae.evaluation.disentanglement import importance, interventions, pairwise, predictors
from vae.evaluation.disentanglement.predictors import split

SIZES = (3, 6, 10, 10, 10)  # as dSprites, with fewer orientations and positions
NUM = 15_000
SEEDS = 2  # of the scores that draw


class Machine:
    """Codes that are known for all factors: `kind` of Gaussian factors, with noise of `noise`."""

    def __init__(self, kind: str, noise: float) -> None:
        self.kind, self.noise = kind, noise
        self.table = np.random.default_rng(7).normal(size=(np.prod(SIZES), 12))
        rng = np.random.default_rng(8)
        self.mix = np.linalg.qr(rng.normal(size=(5, 5)))[0]

    def __call__(self, factors: np.ndarray) -> np.ndarray:
        noise = self.table[np.ravel_multi_index(factors.T, SIZES)]
        f = (factors - (np.array(SIZES) - 1) / 2) / (np.array(SIZES) - 1) * 3
        half = np.sqrt(0.5)
        turned = np.column_stack([(f[:, 0] + f[:, 4]) * half, (f[:, 0] - f[:, 4]) * half])
        z = {
            "perfect": lambda: f,
            "rotated": lambda: np.column_stack([turned, f[:, 1:4]]),
            "redundant": lambda: np.concatenate([f, f], axis=1),
            "mixed": lambda: np.column_stack(
                [f @ self.mix, np.sin(3 * f[:, :2]), f[:, 2] * f[:, 3]]
            ),
            "weak latents": lambda: np.column_stack([f, 0.15 * f[:, :2]]),
            "a dead latent": lambda: np.column_stack([f, np.zeros(len(f))]),
            "random": lambda: 0 * f,
        }[self.kind]()
        noise = noise[:, : z.shape[1]] * (1.0 if self.kind == "random" else self.noise)
        return z + noise * (z.std(0) > 0 if self.kind == "a dead latent" else 1)


CODES = {
    "perfect": 0.0,
    "rotated": 0.1,
    "redundant": 0.1,
    "mixed": 0.1,
    "weak latents": 0.02,
    "a dead latent": 0.1,
    "random": 1.0,
}


class Rows:
    """What the library calls data with known factors: it is given rows in their order."""

    num_factors = len(SIZES)

    def __init__(self, factors: np.ndarray) -> None:
        self.factors, self.at = factors, 0

    def sample(self, num: int, _: Any) -> tuple[np.ndarray, np.ndarray]:
        self.at += num
        rows = self.factors[self.at - num : self.at]
        return rows, rows

    def sample_factors(self, num: int, random: Any) -> np.ndarray:
        return np.stack([random.randint(size, size=num) for size in SIZES], axis=1)

    def sample_observations(self, num: int, random: Any) -> np.ndarray:
        return self.sample_factors(num, random)

    def sample_observations_from_factors(self, factors: np.ndarray, _: Any) -> np.ndarray:
        return factors


def stand_ins(library: Path, infomec: Path) -> dict[str, Any]:
    """Returns the modules of both libraries, with what they lack in their place."""
    gin, gin_tf = types.ModuleType("gin"), types.ModuleType("gin.tf")
    gin.configurable = lambda *_, **__: lambda function: function
    gin.REQUIRED, gin.tf = None, gin_tf
    six, moves = types.ModuleType("six"), types.ModuleType("six.moves")
    moves.range, six.moves = range, moves
    sys.modules |= {"gin": gin, "gin.tf": gin_tf, "six": six, "six.moves": moves}
    importlib.import_module("sklearn.metrics")
    sys.path[:0] = [str(library), str(infomec / "disentangle" / "metrics")]
    names = ("beta_vae", "factor_vae", "mig", "sap_score", "dci", "modularity_explicitness", "irs")
    place = "disentanglement_lib.evaluation.metrics"
    found = {name: importlib.import_module(f"{place}.{name}") for name in names}
    utils = importlib.import_module(f"{place}.utils")
    utils.make_discretizer = functools.partial(utils._histogram_discretize, num_bins=20)
    factor_vae = found["factor_vae"]
    factor_vae._prune_dims = functools.partial(factor_vae._prune_dims, threshold=0.05)
    mec = found["infomec"] = importlib.import_module("infomec")
    linear, selection = mec.linear_model, mec.feature_selection

    def regression(
        *, penalty: Any, multi_class: Any, n_jobs: Any, dual: Any, **settings: Any
    ) -> Any:
        return linear.LogisticRegression(C=np.inf, **settings)  # as `penalty=None` meant

    def information(z: np.ndarray, factor: np.ndarray, **settings: Any) -> float:
        return selection.mutual_info_classif(z, factor, random_state=0, **settings)[0]

    mec.linear_model = types.SimpleNamespace(LogisticRegression=regression)
    mec.feature_selection = types.SimpleNamespace(mutual_info_classif=information)
    return found


def theirs(modules: dict[str, Any], machine: Machine, rows: np.ndarray) -> dict[str, Any]:
    """Returns a function of a seed for each score of the libraries."""
    train, test = split(len(rows))
    number, unseen = train.stop, test.stop - test.start
    z = machine(rows)

    def call(module: str, function: str, seed: int, **settings: Any) -> dict[str, float]:
        random = np.random.RandomState(seed)
        return getattr(modules[module], function)(Rows(rows), machine, random, **settings)

    sizes = {"num_train": number, "num_test": unseen}
    draws = {"batch_size": 64, "num_train": 10_000, "num_eval": 5_000}
    return {
        "beta_vae": lambda s: call("beta_vae", "compute_beta_vae_sklearn", s, **draws),
        "factor_vae": lambda s: call(
            "factor_vae", "compute_factor_vae", s, **draws, num_variance_estimate=10_000
        ),
        "mig": lambda s: call("mig", "compute_mig", s, num_train=number),
        "sap": lambda s: call("sap_score", "compute_sap", s, **sizes, continuous_factors=False),
        "dci": lambda s: call("dci", "compute_dci", s, **sizes),
        "modularity": lambda s: call(
            "modularity_explicitness", "compute_modularity_explicitness", s, **sizes
        ),
        "irs": lambda s: call("irs", "compute_irs", s, num_train=number, batch_size=16),
        "infomec": lambda s: modules["infomec"].compute_infomec(rows[train], z[train], False),
    }


NAMES = {  # ours -> the function of theirs, and its name there
    "beta_vae": ("beta_vae", "eval_accuracy"),
    "factor_vae": ("factor_vae", "eval_accuracy"),
    "mig": ("mig", "discrete_mig"),
    "sap": ("sap", "SAP_score"),
    "dci_disentanglement": ("dci", "disentanglement"),
    "dci_completeness": ("dci", "completeness"),
    "dci_informativeness": ("dci", "informativeness_test"),
    "modularity": ("modularity", "modularity_score"),
    "explicitness": ("modularity", "explicitness_score_test"),
    "irs": ("irs", "IRS"),
    "infom": ("infomec", "infom"),
    "infoe": ("infomec", "infoe"),
    "infoc": ("infomec", "infoc"),
}


def ours(z: np.ndarray, rows: np.ndarray) -> dict[str, Callable[[int], dict[str, float]]]:
    """Returns a function of a seed for each family of our scores."""
    train, _ = split(len(rows))
    known, factors = z[train], rows[train]

    def dci(seed: int) -> dict[str, float]:
        found, right = importance.dci(z, rows, np.random.default_rng(seed))
        return {
            "dci_disentanglement": importance.purity(found),
            "dci_completeness": importance.purity(found.T),
            "dci_informativeness": right,
        }

    def matrices(_: int) -> dict[str, float]:
        found = pairwise.by_histogram(known, factors)
        return {
            "mig": pairwise.mig(found, pairwise.entropies(factors)),
            "modularity": pairwise.modularity(found, np.ptp(known, axis=0) > 0),
        }

    def infomec(_: int) -> dict[str, float]:
        wide = pairwise.wide(known)
        share = pairwise.by_nearest(known[:, wide], factors) / pairwise.entropies(factors)
        return {
            "infom": pairwise.preference(share),
            "infoc": pairwise.preference(share.T),
            "infoe": predictors.infoe(z, rows),
        }

    return {
        "beta_vae": lambda s: {
            "beta_vae": interventions.beta_vae(z, rows, np.random.default_rng(s))
        },
        "factor_vae": lambda s: {
            "factor_vae": interventions.factor_vae(z, rows, np.random.default_rng(s))
        },
        "mig": matrices,
        "sap": lambda _: {"sap": predictors.sap(z, rows)[0]},
        "dci": dci,
        "modularity": lambda _: {"explicitness": predictors.explicitness(z, rows)},
        "irs": lambda _: {"irs": interventions.irs(known, factors)[0]},
        "infomec": infomec,
    }


def measured(functions: dict[str, Any], seeds: dict[str, int]) -> tuple[dict, dict]:
    """Returns the values [seeds] of every figure, and the processor seconds of each function.

    A function that fails, as the library's does where a latent is constant, has no figures.
    """
    figures, seconds = {}, {}
    for name, function in functions.items():
        start = time.process_time()
        try:
            found = [function(seed) for seed in range(seeds.get(name, 1))]
        except ValueError as error:
            print(f"{name} fails: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        seconds[name] = (time.process_time() - start) / len(found)
        figures |= {(name, key): np.array([each[key] for each in found]) for key in found[0]}
    return figures, seconds


def cell(a: np.ndarray, b: np.ndarray | None) -> str:
    """Returns our mean over seeds, and how far it is above theirs, with their deviations."""
    if b is None:
        return f"{a.mean():.4f} (theirs fails)"
    spread = f"; sd {a.std(ddof=1):.3f}, {b.std(ddof=1):.3f}" if len(a) > 1 else ""
    return f"{a.mean():.4f} ({a.mean() - b.mean():+.4f}{spread})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--infomec", type=Path, required=True)
    parser.add_argument("--num", type=int, default=NUM, help="examples; fewer shorten a try")
    parser.add_argument("--codes", nargs="+", choices=CODES, default=list(CODES))
    args = parser.parse_args()
    modules = stand_ins(args.library, args.infomec)
    rng = np.random.default_rng(0)
    chosen = rng.choice(np.prod(SIZES), args.num, replace=False)  # no row twice
    rows = np.stack(np.unravel_index(chosen, SIZES), axis=1)
    seeds = {"beta_vae": SEEDS, "factor_vae": SEEDS}
    table, spent = {name: [] for name in NAMES}, {}
    for kind in args.codes:
        machine = Machine(kind, CODES[kind])
        there, slow = measured(theirs(modules, machine, rows), seeds)
        here, fast = measured(ours(machine(rows), rows), seeds)
        values = {key: value for (_, key), value in here.items()}
        for name, place in NAMES.items():
            table[name].append(cell(values[name], there.get(place)))
            print(kind, name, table[name][-1], flush=True)
        for name in fast.keys() & slow:
            spent.setdefault(name, []).append((fast[name], slow[name]))
    print(f"\n| score | {' | '.join(args.codes)} |\n|---{'|---' * len(args.codes)}|")
    for name, cells in table.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| processor seconds | ours | theirs |\n|---|---|---|")
    for name, pairs in spent.items():
        print("| {} | {:.2f} | {:.2f} |".format(name, *np.mean(pairs, axis=0)))


if __name__ == "__main__":
    main()
