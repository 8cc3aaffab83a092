"""Measures whether each factor of a run's data has latents of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from vae.annotations import Count, Seed, Split
from vae.data.fields import MARK, fields_of
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.disentanglement import (
    PROTOCOL,
    SCORES,
    Scores,
    as_classes,
    measure,
    pairwise,
    varies,
)
from vae.evaluation.disentanglement.predictors import split as split_rows
from vae.modalities import pictures
from vae.models.parts import vectors
from vae.probability.terms import Batch
from vae.run import Run
from vae.tasks import charts, names
from vae.tasks.inputs import embed
from vae.tasks.output import Output
from vae.training.arrays import digest
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

EXAMPLES = 15_000
MAX_BYTES = 2**29  # of these examples
NUMBERS = 256  # the most numbers of a code
FEWEST = 30  # examples
MOST_BIAS = 0.1  # of a factor's entropy
DRAWN = 24  # the most latents in the picture


class Factors(NamedTuple):
    """The factors of N examples.

    Attributes:
      names: [F].
      values: [N, F].
    """

    names: list[str]
    values: np.ndarray


def disentanglement(
    run: Run,
    *,
    split: Split = "test",
    num: Count = EXAMPLES,
    seed: Seed = 0,
    resamples: int = 10,
) -> Output:
    """Measures how well the latents of a run keep the factors of its data apart.

    A factor is an attribute, a field of classes, or the class. The code of an example is the mean
    of q(z | x), with all latents side by side. Scores are those of the literature, see
    `vae/evaluation/disentanglement/`: between 0 and 1, the more the better. They are learned from
    two thirds of the examples and measured on the rest, so the 15,000 are the published 10,000 and
    5,000. A factor of many values is cut into bins of equally many examples, and one that hardly
    varies is left out. The picture shows what each latent says about each factor.

    Examples:
      vae disentanglement --workdir=runs/faces
      vae disentanglement --workdir=runs/faces --num=3000 --resamples=50

    Args:
      run: the run.
      split: the split whose examples are used.
      num: the most examples, the first of the split; fewer where they would take over 512 MiB.
      seed: seed of the order of the examples, of the draws and of the bootstrap.
      resamples: bootstrap samples for standard errors, each as much work as the scores; 0: none.

    Returns:
      The paths of the picture and of `disentanglement_SPLIT.json`, and {"step", "num", "latents",
      "scores", "intervals" (95%), "factors": {name: {"classes", "entropy" (nats), "bias" (nats that
      "mutual_information" has where there is none), "cut"}}, "left_out" (factors), "constant"
      (latents of one value), "variances" [D], "mutual_information" (nats), "importance",
      "accuracy" and "robustness" [D, F], "protocol"}.
      Scores that need several factors or latents are missing where there is one.

    Raises:
      InputError: the data have no attributes and no classes, none of which varies, the examples are
        too few, or a code has more than 256 numbers.
    """
    if resamples < 0:
        raise InputError(f"--resamples={resamples} must be a whole number from 0.")
    dataset = run.dataset()
    if not (run.attributes or dataset.num_classes):
        raise InputError(
            f"the data of {run.workdir} have neither attributes nor classes, so their factors are "
            "not known."
        )
    most = max(min(num, MAX_BYTES // (4 * dataset.event.size)), 1)
    batch = first_examples(dataset, split, most, run.config)
    x, y = batch.x, np.asarray(batch.y)
    if y.ndim == 1:
        x, y = x[y >= 0], y[y >= 0]
    if len(x) < FEWEST:
        raise InputError(
            f"the {split} split of {run.workdir} has {len(x)} examples with labels among the first "
            f"{most}: scores take at least {FEWEST}; give a larger --num or another --split."
        )
    _check_size(run, x, y)
    order = np.random.default_rng(seed).permutation(len(x))  # classes may come one after another
    x, y = x[order], y[order]
    known = factors_of(y, run.attributes)
    classes = np.stack([as_classes(values) for values in known.values.T], axis=1)
    kept = varies(classes)
    if not kept.any():
        raise InputError(
            f"none of the factors ({', '.join(known.names)}) varies among {len(x)} examples of the "
            f"{split} split of {run.workdir}: give a larger --num or another --split."
        )
    codes = embed(run, x, y).astype(np.float64)
    found = measure(codes, classes[:, kept], seed=seed, resamples=resamples)
    result = _result(run, known, classes, kept, codes, found)
    train, test = split_rows(len(codes))
    result["protocol"] = {
        "split": split,
        "train": train.stop,
        "test": test.stop - test.start,
        "codes": "means of q(z | x)",
        **PROTOCOL,
        "resamples": resamples,
        "seed": seed,
        "params_sha256": digest(run.params),
    }
    _warn(result)
    path = run.out / f"disentanglement_{split}.json"
    write_json(path, result)
    settings: dict[str, tuple[Any, Any]] = {"num": (num, EXAMPLES), "seed": (seed, 0)}
    picture = names.picture(run, "disentanglement", split, **settings)
    pictures.save(_page(run, [*result["factors"]], found), picture)
    return Output([picture, path], result)


def factors_of(y: np.ndarray, attributes: Sequence[str]) -> Factors:
    """Returns the factors of classes [N], or of attributes [N, A] with their names.

    The classes of a field are one factor, in the place of the first of them.
    """
    if not attributes:
        return Factors(["class"], y[:, None])
    fields = {field.name: field.columns for field in fields_of(attributes)}
    columns: dict[str, np.ndarray] = {}
    for column, attribute in enumerate(attributes):
        name = attribute.partition(MARK)[0]
        if MARK not in attribute:
            columns[attribute] = y[:, column]
        elif name not in columns:
            columns[name] = y[:, list(fields[name])].argmax(1)
    return Factors([*columns], np.stack([*columns.values()], axis=1))


def _check_size(run: Run, x: np.ndarray, y: np.ndarray) -> None:
    """Checks that a code has few numbers, before examples are encoded."""
    if not run.model.encodes:
        return  # which `embed` says
    like = jax.eval_shape(
        lambda: vectors(run.model.encode(run.variables, Batch(x[:1], y[:1])).mean, 1)
    )
    if like.shape[1] > NUMBERS:
        raise InputError(
            f"a code of {run.workdir} has {like.shape[1]:,} numbers, and scores are for at most "
            f"{NUMBERS}: train a run with fewer (model.latent_dim)."
        )


def _result(
    run: Run,
    known: Factors,
    classes: np.ndarray,
    kept: np.ndarray,
    codes: np.ndarray,
    found: Scores,
) -> dict[str, Any]:
    """Returns what is written of the scores, without the protocol."""
    result: dict[str, Any] = {
        "step": run.step,
        "num": len(codes),
        "latents": codes.shape[1],
        "scores": dict(found.figures),
        "intervals": {name: list(found.interval(name)) for name in found.errors},
    }
    result["scores"] |= {f"{name}_stderr": error for name, error in found.errors.items()}
    described = zip(np.flatnonzero(kept), found.entropies, strict=True)
    result["factors"] = {
        known.names[f]: {
            "classes": int(classes[:, f].max()) + 1,
            "entropy": float(entropy),
            "bias": pairwise.bias(split_rows(len(codes))[0].stop, int(classes[:, f].max()) + 1),
            "cut": bool(len(np.unique(known.values[:, f])) > classes[:, f].max() + 1),
        }
        for f, entropy in described
    }
    result["left_out"] = [name for name, some in zip(known.names, kept, strict=True) if not some]
    result["constant"] = np.flatnonzero(np.ptp(codes, axis=0) == 0).tolist()
    result["variances"] = codes.var(0, ddof=1).tolist()
    return result | {name: matrix.tolist() for name, matrix in found.matrices.items()}


def _warn(result: dict[str, Any]) -> None:
    """Says what was not measured."""
    if result["left_out"]:
        logger.warning("These factors hardly vary and are left out: %s", *_few(result["left_out"]))
    if result["constant"]:
        logger.warning("These latents are the same for all: %s", *_few(result["constant"]))
    factors = result["factors"]
    if few := [name for name, of in factors.items() if of["bias"] > MOST_BIAS * of["entropy"]]:
        logger.warning(
            "%d examples are few: the mutual information that MIG and modularity are made of, by "
            "histogram, is too high by more than a tenth of the entropy of these factors: %s",
            *(result["num"], *_few(few)),
        )
    if missing := [SCORES[name] for name in SCORES if name not in result["scores"]]:
        one = "factor" if len(factors) == 1 else "latent that varies"
        logger.info("With one %s there is no %s", one, ", ".join(missing))


def _few(all_of_them: Sequence[Any]) -> list[str]:
    more = f" and {len(all_of_them) - 12} more" if len(all_of_them) > 12 else ""
    return [", ".join(map(str, all_of_them[:12])) + more]


def _page(run: Run, factors: Sequence[str], found: Scores) -> np.ndarray:
    """Draws the mutual information and the importance of the latents that say most."""
    information = found.matrices["mutual_information"] / found.entropies
    order = np.sort(np.argsort(-information.max(1), kind="stable")[:DRAWN])
    scores = ", ".join(f"{SCORES[name]} {value:.3f}" for name, value in found.figures.items())
    which = (
        f" (the {DRAWN} of {len(information)} that say most)" if len(information) > DRAWN else ""
    )
    panels = {
        "mutual information (of the factor's entropy)": information[order],
        "importance for predicting the factor (DCI)": found.matrices["importance"][order],
    }
    title = f"What the latents{which} say about the factors, step {run.step:,}: {scores}"
    rows = [f"z{d}" for d in order]
    return charts.shares(panels, ("latent", "factor"), rows, factors, title)
