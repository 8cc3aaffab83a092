"""Measures how close a run's samples come to its data, by features of an independent classifier."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np

from vae.annotations import Count, Seed
from vae.data.examples import Dataset
from vae.errors import InputError
from vae.evaluation import fidelity as measures
from vae.evaluation.probe import Probe, fit_probe, labelled, right
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import charts, names
from vae.tasks.fit_prior import fit_prior
from vae.tasks.output import Output
from vae.training import kept
from vae.training.directory import write_json


def classifier(run: Run, dataset: Dataset) -> Probe:
    """Returns the probe of a run's data, which is trained once and kept as `probe.npz`.

    Where it is kept, see `kept.place`.

    Raises:
      InputError: the data have no labels, or are rows of a table or tokens.
    """
    if not run.event.places or run.event.values.kind == "tokens":
        raise InputError(
            "the classifier of the data is a network for images, sounds and the like, and those of "
            f"{run.workdir} are {run.modality.NAME}."
        )
    config = run.config.data
    drawn = (config.labelled, config.seed) if config.labelled else ()  # which labels are known
    source = repr((dataset.digest, dataset.event.values, *drawn))
    path, key = kept.place(run, "probe.npz", source), jax.random.key(run.config.seed)
    return fit_probe(dataset, path=path, source=source, key=key)


def seen(run: Run, x: np.ndarray) -> np.ndarray:
    """Returns what a run made, x, as the classifier is given it: as people perceive it."""
    x = run.modality.perceived(x, run.event)
    return np.nan_to_num(x) if run.event.values.missing else x


def fidelity(
    run: Run,
    *,
    num: Count = 2000,
    seed: Seed = 0,
    prior: Literal["mixture", "flow", "vae"] | None = None,
    temperature: float | None = None,
) -> Output:
    """Measures how close samples come to test examples, by features of a classifier of the data.

    It writes `fidelity.json` or `fidelity_PRIOR.json`. Samples are means of p(x | z); those of a
    conditional model have the labels or attributes of the test examples, and the classifier says
    how many of them show these. It sees samples as people do: pixels clipped to [0, 1], sounds by
    way of their waveform. Validation examples are
    compared with the same test examples, which shows the figures of a perfect model. (Training
    examples would not show that: the classifier has learned from them.) Frechet distances compare
    only between sets of one size.

    Examples:
      vae fidelity --workdir=runs/digits
      vae fidelity --workdir=runs/digits --prior=mixture --num=5000

    Args:
      run: the run.
      num: the number of samples, and the most examples of each split.
      seed: seed of the samples.
      prior: fits this density to the latents of the training set, and samples from it instead.
      temperature: scales the standard deviation of the prior; below 1, samples are more alike.

    Returns:
      The paths, and {"step", "num", "images", "seed", "prior",
      "temperature", "extractor": {"name", "digest",
      "test"}, "samples": figures, "valid": figures}. The figures are "frechet", "kernel",
      "precision", "recall" and "entropy" (nats; one for each attribute, for data with attributes),
      to be compared with "test_entropy". For a conditional model there are "shown_NAME", the share
      that the classifier takes for what was asked for, of each field of classes and attribute of
      two values; and "shown", the same of the samples of each class alone.

    Raises:
      InputError: the data have no labels for the classifier to learn from, or are too few.
    """
    dataset = run.dataset()
    probe = classifier(run, dataset)
    fitted = fit_prior(run, prior) if prior else None
    x, y = labelled(dataset, dataset.test, num)
    if min(num, len(x)) <= measures.NEIGHBOURS:
        raise InputError(f"--num={num} with {len(x)} test examples is too few to compare.")
    given = y[np.arange(num) % len(y)] if run.model.condition else None
    samples = run.sample(num, labels=given, seed=seed, prior=fitted, temperature=temperature)
    samples = seen(run, samples)
    valid, truth = labelled(dataset, dataset.valid, num)
    figures, others = compare(probe, x, samples), compare(probe, x, valid)
    by_class = {}
    if given is not None:
        shown = shown_by(probe, samples, given)
        figures |= {name: float(each.mean()) for name, each in shown.items()}
        known = shown_by(probe, valid, truth).items()
        others |= {name: float(each.mean()) for name, each in known}
        by_class = {"shown": _by_class(probe, shown, given)}
    result = {
        "step": run.step,
        "num": num,
        "images": len(x),  # the name in the files of every run
        "seed": seed,
        "prior": prior,
        "temperature": temperature,
        "extractor": {
            "name": "probe of the run's data",
            "digest": probe.digest,
            "test": probe.figures,
        },
        "samples": figures,
        "valid": others,
        **by_class,
    }
    set_ = names.differing(temperature=(temperature, None))
    name = (f"fidelity_{prior}" if prior else "fidelity") + f"{set_}.json"
    write_json(run.out / name, result)
    picture = names.picture(run, "fidelity", prior or "", temperature=(temperature, None))
    pictures.save(_page(run, probe, x, samples, figures), picture)
    return Output([picture, run.out / name], result)


def _page(
    run: Run, probe: Probe, x: np.ndarray, samples: np.ndarray, figures: dict[str, Any]
) -> np.ndarray:
    """Draws test examples and samples in the plane in which features of the examples vary most."""
    a, b = (probe.features(each).astype(np.float64) for each in (x, samples))
    centre = a.mean(0)
    _, spread, axes = np.linalg.svd(a - centre, full_matrices=False)
    share = spread[:2] ** 2 / max(float((spread**2).sum()), 1e-12)
    known = {f"test examples ({len(a)})": a, f"samples ({len(b)})": b[np.isfinite(b).all(1)]}
    title = (
        f"Samples among test examples, step {run.step:,}, as a classifier of the data sees them: "
        f"Frechet distance {figures['frechet']:.4g}, kernel distance {figures['kernel']:.3g}, "
        f"precision {figures['precision']:.3f}, recall {figures['recall']:.3f}"
    )
    first, second = (f"component {i + 1} of the features ({share[i]:.0%})" for i in (0, 1))
    placed = {name: (features - centre) @ axes[:2].T for name, features in known.items()}
    return charts.scatter(placed, (first, second), title)


def shown_by(probe: Probe, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Returns which examples the classifier takes for what y says, [N] bool, by metric."""
    found = right(probe, probe.predict(x), y)
    return {f"shown_{name}": each for name, each in found.items()}


def _by_class(probe: Probe, shown: Mapping[str, np.ndarray], y: np.ndarray) -> dict[str, Any]:
    """Returns the means of what is shown, for the examples of each class alone."""
    asked = y[:, None] == np.arange(len(probe.names)) if probe.exclusive else y == 1
    fields = [range(len(probe.names))] if probe.exclusive else [f.columns for f in probe.fields]
    return {
        probe.names[c]: {name: float(each[asked[:, c]].mean()) for name, each in shown.items()}
        for c in itertools.chain.from_iterable(fields)
        if asked[:, c].any()
    }


def compare(probe: Probe, x: np.ndarray, samples: np.ndarray) -> dict[str, Any]:
    """Returns the figures of samples [M, *places, C] in [0, 1] against examples [N, *places, C]."""
    a, b = (probe.features(each).astype(np.float64) for each in (x, samples))
    precision, recall = measures.precision_recall(a, b)
    return {
        "frechet": measures.frechet(a, b),
        "kernel": measures.kernel_distance(a, b),
        "precision": precision,
        "recall": recall,
        "entropy": entropies(probe, samples),
        "test_entropy": entropies(probe, x),
    }


def entropies(probe: Probe, x: np.ndarray) -> float | dict[str, float]:
    """Returns the entropy of the predicted classes of x, or of each field and other attribute."""
    predicted = probe.predict(x)
    if probe.exclusive:
        return measures.class_entropy(predicted)
    found = {f.name: measures.class_entropy(predicted[:, list(f.columns)]) for f in probe.fields}
    for i, name in enumerate(probe.names):
        if not any(i in field.columns for field in probe.fields):
            values = 2 if name in probe.figures["accuracy"] else measures.BINS
            found[name] = measures.attribute_entropy(predicted[:, i], values)
    return found
