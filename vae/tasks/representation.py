"""Measures what a representation is worth: what can be read from latents, beside the data's values.

The same is read from the values themselves and from as many principal components of these as there
are latents, so that a figure of the latents has something to be compared with. The means of
q(z | x) are a function of x, and may tell x apart by differences that q's noise drowns: what the
rate (the KL) can tell is read from samples of q.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae import terminal
from vae.annotations import Count, Seed
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation import clustering, readout
from vae.evaluation.readout import Sets, scaled
from vae.modalities import pictures
from vae.probability.event import Event
from vae.run import Run
from vae.tasks import names, probe_pages
from vae.tasks.encodings import in_order, make_encoder
from vae.tasks.inputs import embed
from vae.tasks.output import Output
from vae.tasks.targets import Target, targets_of
from vae.terminal import aligned, measured
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

EXAMPLES = 5000  # the most of each split
MAX_BYTES = 2**29  # of the values of a split
MAPPED = 2000  # test examples of the map
PERPLEXITY = 30
LATENTS, SAMPLES, VALUES, PCA = "latents", "samples", "values", "pca"
CALLED = {LATENTS: "means", SAMPLES: "samples", VALUES: "values", PCA: "PCA"}
PROTOCOL = {
    "features": "latents: means of q(z | x); samples: one z ~ q(z | x) of each example; values "
    "(tokens: how often each is there) and their principal components; all centred and divided by "
    f"one number; of more than {readout.MOST}, so many principal components ({clustering.MOST} for "
    "clusters)",
    "linear": "logistic or ridge regression, its penalty chosen on validation examples",
    "nearest": "k nearest training examples, k chosen on validation examples",
    "few": f"logistic regression with C = 1, mean and error of {readout.DRAWS} draws of the labels",
    "clusters": "as many as classes, fitted to training examples without labels; accuracy under "
    "the best matching on test examples",
    "errors": "binomial of an accuracy, over bootstrap samples of test examples of R2 and clusters",
}


def probe(run: Run, *, num: Count = EXAMPLES, seed: Seed = 0) -> Output:
    """Measures what can be read from the latents: classes and attributes, from many labels or few.

    It fits linear models, nearest neighbours and clusters to the latents of training examples,
    chooses by validation examples, and measures on test examples; and does the same with samples of
    q(z | x), with the values themselves, and with as many principal components of these as there
    are latents. It draws the
    accuracy over the number of labels, and a map (t-SNE) of the latents of test examples, and
    writes `probe.json`.

    Examples:
      vae probe --workdir=runs/digits
      vae probe --workdir=runs/faces --num=2000

    Args:
      run: the run.
      num: the most examples of each split.
      seed: seed of the draws of labels, of the clusters and of the map.

    Returns:
      The paths of the two pictures and of the file, and {"step", "seed", "examples": number by
      split, "features": number by kind, "told": whether the encoder is given the labels, "targets":
      {name: {"classes": number (0: it is a number), "commonest": share of the commonest class, and
      for each kind, "latents" (means), "samples" (of a q(z | x) that is a density of one vector),
      "values" and "pca", {"linear", "nearest": {"accuracy" or "r2", its "_stderr", and what was
      chosen}, and for classes "few": {labels of each class: accuracy}, "k_means" and
      "gaussian_mixture": {"accuracy", "ari", "nmi"}}}}, "mean": of "accuracy" and "r2" over targets
      by linear models, "map": its settings, "protocol"}.

    Raises:
      InputError: the data have no labels, or the model does not encode.
    """
    dataset = run.dataset()
    batches = [_first(run, split, num) for split in Sets._fields]
    labels = Sets(*(np.asarray(batch.y) for batch in batches))
    known = labels.each(lambda y: y >= 0 if y.ndim == 1 else np.ones(len(y), bool))
    targets = targets_of(dataset, labels.train)
    if not targets:
        raise InputError(
            f"the data ({dataset.description}) have no labels, so nothing can be read from "
            "latents: give data with classes or attributes."
        )
    if not all(rows.any() for rows in known):
        raise InputError(f"the data ({dataset.description}) have a split without labels.")
    features = _features(run, batches)
    y = Sets(*(each[rows] for each, rows in zip(labels, known, strict=True)))
    found = {target.name: _facts(target, target.of(y.test)) for target in targets}
    with terminal.Progress("probing", len(targets) * len(features), "figures") as progress:
        for kind, x in features.items():
            labelled = Sets(*(each[rows] for each, rows in zip(x, known, strict=True)))
            near = readout.nearest_in(labelled)
            for target in targets:
                own = _read(target, labelled, near, y.each(target.of), seed)
                if target.one:
                    own |= _clustered(target, x._replace(test=labelled.test), y.test, seed)
                found[target.name][kind] = own
                progress.at(sum(len(each) - 2 for each in found.values()))
    told = _told(run)
    if told:
        logger.warning(
            "The encoder of %s is given the labels: what is read from its latents may be what it "
            "was told.",
            run.workdir,
        )
    mapped = np.flatnonzero(known.test)[:MAPPED]
    places, settings = _map(features[LATENTS].test[mapped], seed)
    result: dict[str, Any] = {
        "step": run.step,
        "seed": seed,
        "examples": {split: len(each) for split, each in y._asdict().items()},
        "features": {kind: x.train.shape[1] for kind, x in features.items()},
        "told": told,
        "targets": found,
        "mean": {kind: _means(found, kind) for kind in features},
        "map": settings,
        "protocol": PROTOCOL,
    }
    path = run.out / "probe.json"
    write_json(path, result)
    paths = [names.picture(run, name) for name in ("probe", "map")]
    pictures.save(probe_pages.readings(result, targets, CALLED), paths[0])
    shown = _best_read(targets, found)
    pictures.save(probe_pages.maps(places, shown, labels.test[mapped], result), paths[1])
    return Output([*paths, path], result, _as_text(result, targets))


def _first(run: Run, split: str, num: int) -> Any:
    """Returns the first examples of a split, as many as the memory for their values holds."""
    size = _size(run.event)
    most = min(num, max(1, MAX_BYTES // (4 * max(size, run.event.size))))
    return first_examples(run.dataset(), split, most, run.config)


def _size(event: Event) -> int:
    """Returns how many features the values of an example are."""
    return int(event.values.levels or 0) if event.values.kind == "tokens" else event.size


def _flat(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns the values of examples as features [N, F] float32, NaN where they are missing.

    Tokens become how often each is there; counts are logarithms of one more.
    """
    values = event.values
    x = x.reshape(len(x), -1)
    if values.kind == "tokens":
        bags = np.zeros((len(x), _size(event)), np.float32)
        rows, places = np.nonzero(x >= 0)
        np.add.at(bags, (rows, x[rows, places]), 1)
        return np.log1p(bags)
    return np.log1p(values.to_raw(x)) if values.kind == "counts" else x.astype(np.float32)


def _features(run: Run, batches: Sequence[Any]) -> dict[str, Sets]:
    """Returns the features of each kind, scaled, of the examples of each split.

    Raises:
      InputError: the model does not encode, or not to numbers.
    """
    found = _encoded(run, batches)
    if not all(np.isfinite(x).all() for sets in found.values() for x in sets):
        raise InputError(
            f"the latents of {run.workdir} are not all numbers: it diverged; choose another --step."
        )
    values = Sets(*(_flat(np.asarray(batch.x), run.event) for batch in batches))
    if run.event.values.missing and run.event.values.kind != "tokens":
        there = np.ma.masked_invalid(values.train)
        mean = there.mean(0).filled(0.0)
        values = values.each(lambda x: np.where(np.isnan(x), mean, x))
    found[VALUES] = values
    if (size := found[LATENTS].train.shape[1]) < values.train.shape[1]:
        found[PCA] = readout.components(values, size)
    return {kind: scaled(x) for kind, x in found.items()}


def _encoded(run: Run, batches: Sequence[Any]) -> dict[str, Sets]:
    """Returns the posterior means and, where q(z | x) is a density of one vector, samples of it."""
    model, dataset, sizes = run.model, run.dataset(), [len(batch.x) for batch in batches]
    if not model.encodes or model.posterior is None:
        free = model.takes_unlabelled  # it is not told what is to be read
        ys = [np.full(n, -1) if free else b.y for n, b in zip(sizes, batches, strict=True)]
        means = Sets(*(embed(run, b.x, y) for b, y in zip(batches, ys, strict=True)))
        return {LATENTS: means}
    encoder, made = make_encoder(run, dataset), []
    for split, size in zip(Sets._fields, sizes, strict=True):
        examples = getattr(dataset, split).take(np.arange(size))
        made.append(in_order(encoder(examples, cut=model.any_length)))
    means = Sets(*(each.mean for each in made))
    drawn = {SAMPLES: Sets(*(each.z for each in made))} if model.posterior.is_density else {}
    return {LATENTS: means} | drawn


def _facts(target: Target, truth: np.ndarray) -> dict[str, Any]:
    """Returns the number of classes, and the share of the commonest in the test set."""
    found: dict[str, Any] = {"classes": len(target.classes)}
    if target.classes:
        found["commonest"] = float(np.bincount(truth).max() / len(truth))
    return found


def _read(target: Target, x: Sets, near: Any, y: Sets, seed: int) -> dict[str, Any]:
    """Returns the figures of one target from features of one kind, of labelled examples."""
    classes, found = len(target.classes), {}
    read = {"linear": readout.linear(x, y, classes), "nearest": readout.nearest(near, y, classes)}
    for name, (predicted, chosen) in read.items():
        found[name] = readout.figures(predicted, y.test, classes) | chosen
    return found | ({"few": readout.few(x, y, classes, seed=seed)} if classes else {})


def _clustered(target: Target, x: Sets, labels: np.ndarray, seed: int) -> dict[str, Any]:
    classes = len(target.classes)
    return {
        name: clustering.agreement(found, target.of(labels), classes) | chosen
        for name, (found, chosen) in clustering.clusters(x, classes, seed=seed).items()
    }


def _told(run: Run) -> bool:
    """Returns whether the encoder is given the labels that are read from its latents."""
    condition = run.model.condition
    return bool(condition and condition.to_encoder and not run.model.takes_unlabelled)


def _means(found: Mapping[str, Any], kind: str) -> dict[str, float]:
    """Returns the mean accuracy and R2 over targets, by linear models."""
    linear = [own[kind]["linear"] for own in found.values()]
    every = {name: [own[name] for own in linear if name in own] for name in ("accuracy", "r2")}
    return {name: float(np.mean(values)) for name, values in every.items() if values}


@readout.one_thread
def _map(x: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns places [N, 2] of features [N, F] in a plane by t-SNE, and its settings.

    t-SNE keeps neighbours together (van der Maaten & Hinton 2008); distances between groups that
    lie apart, and the sizes of groups, say little.
    """
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    made = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    with terminal.Progress("mapping"):
        places = made.fit_transform(x.astype(np.float32))
    told = {"method": "t-SNE", "perplexity": perplexity, "examples": len(x)}
    return places, told | {"kl": float(made.kl_divergence_)}


def _best_read(targets: Sequence[Target], found: Mapping[str, Any]) -> list[Target]:
    """Returns classes and fields and, after them, the attributes that are best read."""

    def order(target: Target) -> tuple[bool, float]:
        own = found[target.name]
        figure = own[LATENTS]["linear"]
        beyond = figure["accuracy"] - own["commonest"] if target.classes else figure["r2"]
        return not target.one, -beyond

    return sorted(targets, key=order)


def _as_text(result: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """Returns the figures as tables: one of each class or field, one of all attributes."""
    sizes, found = result["features"], result["targets"]
    counts = ", ".join(f"{n:,} {split}" for split, n in result["examples"].items())
    lines = [f"step {result['step']:,}; examples: {counts}"]
    head = [f"{CALLED[kind]} ({size})" for kind, size in sizes.items()]
    for target in (target for target in targets if target.one):
        own = found[target.name]
        first = [f"{target.name} ({own['classes']} classes, commonest {own['commonest']:.3f})"]
        rows = [first + head]
        rows += [[f"  {name}", *cells] for name, cells in _rows(own, tuple(sizes)).items()]
        lines += ["", *aligned(rows, range(1, len(first) + len(head)))]
    others = [target for target in targets if not target.one]
    for method in ("linear", "nearest neighbours") if others else ():
        rows = [[f"attribute, {method}", "commonest", *head]]
        for target in others:
            own, name = found[target.name], _main(target)
            chance = f"{own['commonest']:.3f}" if target.classes else "(R2)"
            cells = [_cell(own[kind][method.partition(" ")[0]], name) for kind in sizes]
            rows.append([f"  {target.name}", chance, *cells])
        lines += ["", *aligned(rows, range(1, len(rows[0])))]
    return "\n".join(lines)


def _main(target: Target) -> str:
    return "accuracy" if target.classes else "r2"


def _rows(own: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, list[str]]:
    """Returns the rows of the table of a class or field."""
    every = [own[kind] for kind in kinds]
    rows = {
        "linear": [_cell(each["linear"], "accuracy") for each in every],
        "nearest neighbours": [_cell(each["nearest"], "accuracy") for each in every],
    }
    for n in every[0]["few"]:
        name = f"linear, {n} label{'s' if n != '1' else ''} a class"
        rows[name] = [_cell(each["few"][n], "accuracy") for each in every]
    for method in ("k_means", "gaussian_mixture"):
        for name in ("accuracy", "ari", "nmi") if method in every[0] else ():
            shown = f"{method.replace('_', '-')}: {name.upper() if name != 'accuracy' else name}"
            rows[shown.replace("gaussian-", "Gaussian ")] = [
                _cell(each[method], name) for each in every
            ]
    return rows


def _cell(figures: Mapping[str, float], name: str) -> str:
    return measured(figures[name], figures[f"{name}_stderr"])
