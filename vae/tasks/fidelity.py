"""Measures how close a run's samples and reconstructions come to its data, by their features."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Literal, cast

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from vae.annotations import Count, Seed
from vae.data.examples import Dataset
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation import fidelity as measures
from vae.evaluation.extractors import Extractor, of_probe, read
from vae.evaluation.probe import Probe, agreement, first, fit_probe, labelled, right
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import charts, names
from vae.tasks.fit_prior import fit_prior
from vae.tasks.output import Output
from vae.tasks.sample import solver_for
from vae.terminal import measured
from vae.training import kept
from vae.training.directory import write_json

PAIRS = 256  # of examples, whose distance says how diverse they are
PROTOCOL = {
    "precision and recall": f"{measures.NEIGHBOURS} nearest neighbours",
    "density and coverage": f"{measures.NEAREST} nearest neighbours",
    "diversity": f"up to {PAIRS} pairs",
    "frechet_unbiased": f"jackknife of {measures.GROUPS} groups",
    "scores": f"{measures.SPLITS} splits",
}


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
    prior: Literal["mixture", "flow", "vae", "metric"] | None = None,
    temperature: float | None = None,
    steps: Count | None = None,
    solver: Literal["euler", "heun"] | None = None,
    guidance: float | None = None,
    features: str = "probe",
) -> Output:
    """Measures how close samples and reconstructions come to test examples, by their features.

    Samples are means of p(x | z); those of a conditional model have the labels or attributes of
    validation examples, and a classifier of the data says how many of them show these. Validation
    examples are compared with the same test examples: a perfect model has their figures. Frechet
    distances compare only between sets of one size and by one network, for they are biased upwards;
    `vae/evaluation/fidelity.py` defines all figures and their errors.

    Examples:
      vae fidelity --workdir=runs/digits --prior=mixture --num=5000
      vae fidelity --workdir=runs/faces --features=lite0
      vae fidelity --workdir=runs/faces --features=inception.pth

    Args:
      run: the run.
      num: the number of samples, and the most examples of each split.
      seed: seed of the samples.
      prior: fits this density to the latents of the training set, and samples from it instead;
        "metric" is that of a riemannian_hamiltonian posterior.
      temperature: scales the standard deviation of the prior; below 1, samples are more alike.
      steps: steps from noise to a sample (32).
      solver: euler takes one pass through the network a step, heun two.
      guidance: weight of the condition; 0: without, above 1: clearer.
      features: whose features are compared: "probe", a classifier that learns the labels of the
        data; for images "lite0", EfficientNet-Lite0, which has learned ImageNet; or a file with the
        weights of the Inception network of published distances (.pth, .pb or .npz).

    Returns:
      The paths, and {"step", "num", "images", "seed", "prior", "temperature", "solver" where one
      was given, "extractor": {"name", "digest", "test"}, "protocol", "samples": figures, "valid":
      figures}, and "reconstructions": figures of a model that encodes. The figures are "num", how
      many there are, "frechet", and, with an error "NAME_stderr", "frechet_unbiased", "kernel",
      "precision", "recall", "density", "coverage" and "diversity"; by the Inception network
      "inception_score", with "inception_score_std"; of reconstructions also what the modality says
      of their likeness, for images "psnr" (decibels) and "ssim"; and, by the classifier, "entropy"
      (nats; one for each attribute, for data with attributes), to be compared with "test_entropy",
      and "classifier_score", the Inception score of its predictions (for data with fields
      "classifier_score_NAME" of each). For a conditional model there are "shown_NAME", the share
      that the classifier takes for what was asked for, of each field of classes and attribute of
      two values; "correlation_NAME" of what was asked for and what the classifier says, of each
      other attribute; and "shown", the shares of each class alone. With other features than
      "probe" there is a classifier for conditional models only; its "digest" and "test" are then in
      "classifier".

    Raises:
      InputError: the data have no labels for the classifier to learn from, or are too few; or the
        network of the features is missing, or is not for such data.
    """
    solver_given = solver_for(prior, solver, steps, guidance)
    dataset = run.dataset()
    extractor = read(features, run.event.shape)
    if extractor and features != "lite0":
        features = f"inception-{extractor.digest[:8]}"  # in the names of files
    probe = classifier(run, dataset) if run.model.condition or not extractor else None
    extractor = extractor or of_probe(cast(Probe, probe))
    fitted = fit_prior(run, prior) if prior else None
    x, _, valid, truth = _held_out(dataset, num, labels=probe is not None)
    if min(num, len(x)) <= measures.NEAREST:
        raise InputError(f"--num={num} with {len(x)} test examples is too few to compare.")
    of_test, of_valid = _kept_features(run, f"features_{features}.npz", extractor, (x, valid))
    given = truth[np.arange(num) % len(truth)] if run.model.condition else None
    samples = run.sample(
        num, labels=given, seed=seed, prior=fitted, temperature=temperature, solver=solver_given
    )
    samples = seen(run, samples)
    of_samples = extractor.features(samples)

    def figures(shown: np.ndarray, found: np.ndarray, *, paired: bool = False) -> dict[str, Any]:
        figures = compare(of_test, found, paired=paired) | diversity(extractor, shown)
        if extractor.probabilities:
            figures |= score("inception_score", extractor.probabilities(found))
        if probe:
            figures |= recognised(probe, shown) | {"test_entropy": known}
        return figures

    known = entropies(probe, probe.predict(x)) if probe else None
    result: dict[str, Any] = {
        "step": run.step,
        "num": num,
        "images": len(x),  # the name in the files of every run
        "seed": seed,
        "prior": prior,
        "temperature": temperature,
        **({"solver": solver_given.named} if solver_given else {}),
        "extractor": {"name": extractor.name, "digest": extractor.digest},
        "protocol": PROTOCOL,
        "samples": figures(samples, of_samples),
        "valid": figures(valid, of_valid),
    }
    if probe and features != "probe":
        result["classifier"] = {"digest": probe.digest, "test": probe.figures}
    elif probe:
        result["extractor"] |= {"test": probe.figures}
    if run.model.encodes:
        remade, alike = _reconstructed(run, dataset, num)
        found, paired = extractor.features(remade), len(remade) == len(x)
        result["reconstructions"] = figures(remade, found, paired=paired) | alike
    if probe and given is not None:
        by_name = shown_by(probe, samples, given)
        result["samples"] |= {name: float(each.mean()) for name, each in by_name.items()}
        of_truth = shown_by(probe, valid, truth).items()
        result["valid"] |= {name: float(each.mean()) for name, each in of_truth}
        result["shown"] = _by_class(probe, by_name, given)
        if not probe.exclusive:
            result["samples"] |= _followed(probe, samples, given)
            result["valid"] |= _followed(probe, valid, truth)
    settings: dict[str, tuple[Any, Any]] = {
        "features": (features, "probe"),
        "temperature": (temperature, None),
    }
    settings |= {"steps": (steps, None), "solver": (solver, None), "guidance": (guidance, None)}
    name = (f"fidelity_{prior}" if prior else "fidelity") + f"{names.differing(**settings)}.json"
    write_json(run.out / name, result)
    picture = names.picture(run, "fidelity", prior or "", **settings)
    whose = "a classifier of the data" if features == "probe" else extractor.name
    pictures.save(_page(run, whose, of_test, of_samples, result["samples"]), picture)
    return Output([picture, run.out / name], result)


def _held_out(
    dataset: Dataset, num: int, *, labels: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the first test examples and their labels, and the same of the validation set."""
    read = labelled if labels else first
    return *read(dataset, dataset.test, num), *read(dataset, dataset.valid, num)


def _kept_features(
    run: Run, file: str, extractor: Extractor, sets: tuple[np.ndarray, ...]
) -> list[np.ndarray]:
    """Returns the features of the first examples of splits, which are found once and kept."""
    sizes = tuple(map(len, sets))
    source = repr((run.data.get("digest"), run.event.values, extractor.digest, sizes))
    path = kept.place(run, file, source)
    like = [np.empty((size, extractor.size), np.float32) for size in sizes]
    found = kept.read(path, like, source)
    if found is None:
        found = [extractor.features(x) for x in sets]
        kept.write(path, found, source)
    return [np.asarray(features) for features in found]


def _reconstructed(run: Run, dataset: Dataset, num: int) -> tuple[np.ndarray, dict[str, float]]:
    """Returns reconstructions of the first test examples, and how alike the two are."""
    x, y, *_ = first_examples(dataset, "test", num, run.config)
    if run.model.condition and y.ndim == 1:
        x, y = x[y >= 0], y[y >= 0]
    remade = seen(run, run.reconstruct(x, y))
    return remade, run.modality.likeness(x, remade, run.event)


def _page(
    run: Run, whose: str, a: np.ndarray, b: np.ndarray, figures: Mapping[str, Any]
) -> np.ndarray:
    """Draws test examples and samples in the plane in which features of the examples vary most.

    Args:
      run: the run.
      whose: the name of what the features are of.
      a: features of test examples [N, F].
      b: features of samples [M, F].
      figures: those of the samples.
    """
    a, b = (each.astype(np.float64) for each in (a, b))
    centre = a.mean(0)
    with threadpool_limits(1, "blas"):
        spread, axes = np.linalg.eigh(np.cov(a, rowvar=False))  # of increasing spread
    plane, share = axes[:, :-3:-1], spread[:-3:-1] / max(float(spread.sum()), 1e-12)
    known = {f"test examples ({len(a)})": a, f"samples ({len(b)})": b[np.isfinite(b).all(1)]}
    title = (
        f"Samples among test examples, step {run.step:,}, as {whose} sees them: "
        f"Frechet distance {figures['frechet']:.4g}, "
        + ", ".join(
            f"{name} {measured(figures[of], figures[f'{of}_stderr'])}"
            for name, of in (
                ("kernel distance", "kernel"),
                ("precision", "precision"),
                ("recall", "recall"),
            )
        )
    )
    first_axis, second = (f"component {i + 1} of the features ({share[i]:.0%})" for i in (0, 1))
    placed = {name: (features - centre) @ plane for name, features in known.items()}
    return charts.scatter(placed, (first_axis, second), title)


def shown_by(probe: Probe, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Returns which examples the classifier takes for what y says, [N] bool, by metric."""
    found = right(probe, probe.predict(x), y)
    return {f"shown_{name}": each for name, each in found.items()}


def _followed(probe: Probe, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Returns how the classifier's attributes of many values correlate with y, by metric."""
    agreed = agreement(probe, x, y)
    in_fields = {probe.names[column] for field in probe.fields for column in field.columns}
    return {
        f"correlation_{name}": value
        for name, value in agreed["correlation"].items()
        if name not in agreed["accuracy"] and name not in in_fields
    }


def _by_class(probe: Probe, shown: Mapping[str, np.ndarray], y: np.ndarray) -> dict[str, Any]:
    """Returns the means of what is shown, for the examples of each class alone."""
    asked = y[:, None] == np.arange(len(probe.names)) if probe.exclusive else y == 1
    fields = [range(len(probe.names))] if probe.exclusive else [f.columns for f in probe.fields]
    return {
        probe.names[c]: {name: float(each[asked[:, c]].mean()) for name, each in shown.items()}
        for c in itertools.chain.from_iterable(fields)
        if asked[:, c].any()
    }


def compare(a: np.ndarray, b: np.ndarray, *, paired: bool = False) -> dict[str, float]:
    """Returns the figures of features b [M, F] of what a run made against those of examples, a.

    If they are paired, b[i] was made from the example of a[i]. There is no "frechet_unbiased" where
    it is unknown, see `measures.frechet_unbiased`.
    """
    a, b = (each.astype(np.float64) for each in (a, b))
    unbiased = measures.frechet_unbiased(a, b)
    figures = {"num": len(b), "frechet": measures.frechet(a, b)}
    if np.isfinite(unbiased.value):
        figures |= _with_error("frechet_unbiased", unbiased)
    figures |= _with_error("kernel", measures.kernel_distance(a, b, paired=paired))
    shares = *measures.precision_recall(a, b), *measures.density_coverage(a, b)
    for name, share in zip(("precision", "recall", "density", "coverage"), shares, strict=True):
        figures |= _with_error(name, share)
    return figures


def diversity(extractor: Extractor, x: np.ndarray) -> dict[str, float]:
    """Returns the mean distance of pairs of x, and its error; each example is of one pair."""
    pairs = np.random.default_rng(0).permutation(len(x))[: 2 * PAIRS]
    half = len(pairs) // 2
    apart = extractor.distances(x[pairs[:half]], x[pairs[half : 2 * half]])
    return _with_error("diversity", measures.mean(apart))


def recognised(probe: Probe, x: np.ndarray) -> dict[str, Any]:
    """Returns the "entropy" and the Inception scores of what a classifier takes x for."""
    predicted = probe.predict(x)
    figures: dict[str, Any] = {"entropy": entropies(probe, predicted)}
    if probe.exclusive:
        figures |= score("classifier_score", predicted)
    for field in probe.fields:
        figures |= score(f"classifier_score_{field.name}", predicted[:, list(field.columns)])
    return figures


def score(name: str, predicted: np.ndarray) -> dict[str, float]:
    """Returns the Inception score of probabilities [N, C], and its spread over the splits."""
    order = np.random.default_rng(0).permutation(len(predicted))  # the splits are to be alike
    mean, std = measures.inception_score(predicted[order])
    return {name: mean, f"{name}_std": std}


def _with_error(name: str, estimate: measures.Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_stderr": estimate.stderr}


def entropies(probe: Probe, predicted: np.ndarray) -> float | dict[str, float]:
    """Returns the entropy of predicted classes, or that of each field and other attribute."""
    if probe.exclusive:
        return measures.class_entropy(predicted)
    found = {f.name: measures.class_entropy(predicted[:, list(f.columns)]) for f in probe.fields}
    for i, name in enumerate(probe.names):
        if not any(i in field.columns for field in probe.fields):
            values = 2 if name in probe.figures["accuracy"] else measures.BINS
            found[name] = measures.attribute_entropy(predicted[:, i], values)
    return found
