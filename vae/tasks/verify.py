"""Says whether two examples are of one person, by the cosine between their posterior means.

The mean over all examples is subtracted first: a model that was not trained for long has a mean far
from 0, and any two examples would point the same way. The model has never seen an identity: the
figures say how much of it the latents encode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.annotations import Count, Seed
from vae.data.examples import Dataset, read_complete
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.detection import auroc, auroc_error, fold_accuracies, roc, tar_at_far
from vae.evaluation.diagnostics import mean_and_error
from vae.files import user_path
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import charts
from vae.tasks.inputs import OF_FILES, Given, as_data, embed, given, refuse
from vae.tasks.names import picture, plain
from vae.tasks.output import Output
from vae.tasks.pairs import Pairs, draw_pairs, read_pairs
from vae.terminal import measured
from vae.training.directory import write_json

NUM, PAIRS = 5000, 3000  # test examples, and pairs of each kind
FAR = 0.01  # the false acceptance rate


def verify(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    pairs: Path | None = None,
    folder: Path | None = None,
    num: Count | None = None,
    num_pairs: Count | None = None,
    seed: Seed | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> Output:
    """Says whether two examples are of one person (or class), or how well pairs are told apart.

    With `files`, it compares two examples; with `pairs`, the pairs in a file; without both, pairs
    of test examples. The picture has the ROC of the posterior means and, as a baseline without a
    model, that of the values of x.

    Examples:
      vae verify --workdir=runs/faces --files=A.jpg,B.jpg
      vae verify --workdir=runs/faces --pairs=pairs.txt --folder=DIR

    Args:
      run: the run.
      files: two examples of your own, of one person or of two.
      pairs: a file of pairs to compare, with the layout of LFW's pairs.txt.
      folder: the folder with a folder for each person in that file; the run's data if absent.
      num: the most test examples that pairs are drawn from; 5000 if absent.
      num_pairs: the most pairs of one person, and of two people; 3000 if absent.
      seed: seed of the choice of pairs; 0 if absent.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.

    Returns:
      The paths, and the figures. For test examples {"step", "images", "identities", "people": with
      pairs, who all weigh the same, "pairs": of one person, "different_pairs": of two, "seed",
      "posterior": {"auroc", "auroc_stderr", "tar_at_1%_far"}, "pixels": {the same}}; for the others
      see `_of_file` and `_of_two`.

    Raises:
      InputError: the model does not encode, the data have neither identities nor classes, or a file
        cannot be read.
    """
    drawn = {"num": num, "num_pairs": num_pairs, "seed": seed}
    if pairs:
        refuse("has no effect with --pairs, which says what is compared.", files=files, **drawn)
        return _of_file(run, pairs, folder, labels, attributes)
    refuse("has no effect without --pairs, a file of pairs.", folder=folder)
    num, num_pairs, seed = num or NUM, num_pairs or PAIRS, seed or 0
    if files:
        shown = given(run, files=files, labels=labels, attributes=attributes)
        return _of_two(run, shown, files, num, num_pairs, seed)
    refuse(OF_FILES, labels=labels, attributes=attributes)
    return _of_test_examples(run, num, num_pairs, seed)


def _of_test_examples(run: Run, num: int, num_pairs: int, seed: int) -> Output:
    who, drawn, vectors = _drawn(run, num_pairs, num, seed)
    figures, curves = {}, {}
    for name, embedded in vectors.items():
        low, high = cosine(embedded, drawn.different), cosine(embedded, drawn.same)
        curves[name] = roc(low, high, drawn.weights)
        figures[name] = {
            "auroc": auroc(low, high, drawn.weights),
            "auroc_stderr": auroc_error(low, high, drawn.person),
            "tar_at_1%_far": tar_at_far(low, high, FAR, drawn.weights),
        }
    path = picture(run, "verify", pairs=(num_pairs, PAIRS), seed=(seed, 0))
    what = f"{len(drawn.same):,} pairs of one and {len(drawn.different):,} of two"
    pictures.save(_picture(run, curves, figures, what), path)
    result = {
        "step": run.step,
        "images": len(who),
        "identities": len(np.unique(who[who >= 0])),
        "people": int(drawn.person[-1]) + 1,
        "pairs": len(drawn.same),
        "different_pairs": len(drawn.different),
        "seed": seed,
        **figures,
    }
    write_json(run.out / "verify.json", result)
    return Output([path, run.out / "verify.json"], result)


def _of_file(
    run: Run,
    file: str | Path,
    folder: str | Path | None,
    labels: Sequence[int | str],
    attributes: Sequence[Mapping[str, float]],
) -> Output:
    """Tells the pairs of a file apart, see `pairs.py`; writes `verify_FILE_IMAGES.json`.

    Returns:
      As for test examples, with "folds" and, for each kind of embedding, the means over folds
      "auroc_of_folds" and "accuracy" (by the threshold that is best on the other folds), each with
      its "_stderr"; with one fold these are NaN. All pairs weigh the same.
    """
    if not (folder or run.config.data.path):
        raise InputError("--pairs=FILE needs --folder=DIR, the folder of the people's folders.")
    file, folder = user_path(file), user_path(folder or run.config.data.path)
    files, folds = read_pairs(file, folder)
    shown = given(run, files=files, labels=labels, attributes=attributes)
    figures, curves = {}, {}
    for name, embedded in _vectors(run, as_data(shown.x, run), shown.y).items():
        low = [cosine(embedded, fold.different) for fold in folds]
        high = [cosine(embedded, fold.same) for fold in folds]
        every = np.concatenate(low), np.concatenate(high)
        areas = np.array([auroc(*scores) for scores in zip(low, high, strict=True)])
        accuracies = fold_accuracies(low, high) if len(folds) > 1 else np.full(1, np.nan)
        curves[name] = roc(*every)
        figures[name] = {
            "auroc": auroc(*every),
            "auroc_stderr": auroc_error(*every, np.arange(len(every[1]))),
            "tar_at_1%_far": tar_at_far(*every, FAR),
        }
        for what, values in {"auroc_of_folds": areas, "accuracy": accuracies}.items():
            figures[name][what], figures[name][f"{what}_stderr"] = mean_and_error(values)
    name = f"{file.stem}_{shown.tag}"
    path = picture(run, "verify", name)
    pairs = sum(len(fold.same) for fold in folds)
    what = f"the pairs of {file.name}, {pairs:,} of one and {pairs:,} of two"
    pictures.save(_picture(run, curves, figures, what), path)
    result = {
        "step": run.step,
        "file": str(file),
        "images": len(files),
        "folds": len(folds),
        "pairs": pairs,
        "different_pairs": pairs,
        **figures,
    }
    record = run.out / f"verify_{plain(name)}.json"
    write_json(record, result)
    return Output([path, record], result)


def _of_two(
    run: Run, shown: Given, files: Sequence[str | Path], num: int, num_pairs: int, seed: int
) -> Output:
    """Says whether two examples are of one person; writes `verify_IMAGES.json`, see `Given.tag`.

    Their cosine is compared with those of pairs of two people in the test split, drawn as without
    files: they count as one person where at most 1% of these pairs are as close.

    Returns:
      {"step", "images", "same": whether they show one person, "cosine", "threshold",
      "as_close_of_two_people" and "as_close_of_one": shares of the test split's pairs, "seed"}.
    """
    if len(shown.x) != 2:
        raise InputError(f"verify compares two examples, but --files are {len(shown.x)}.")
    _, drawn, vectors = _drawn(run, num_pairs, num, seed, also=shown)
    embedded = vectors["posterior"]
    ours = float(cosine(embedded, np.array([[-2, -1]]))[0])
    low, high = cosine(embedded, drawn.different), cosine(embedded, drawn.same)
    threshold = float(np.sort(low)[::-1][int(FAR * len(low))])  # at most 1% are above it
    result = {
        "step": run.step,
        "images": [str(path) for path in files],
        "same": ours > threshold,
        "cosine": ours,
        "threshold": threshold,
        "as_close_of_two_people": float((low >= ours).mean()),
        "as_close_of_one": float(np.average(high >= ours, weights=drawn.weights)),
        "seed": seed,
    }
    path = run.out / f"verify_{shown.tag}.json"
    write_json(path, result)
    return Output([path], result)


def _drawn(
    run: Run, pairs: int, num: int, seed: int, also: Given | None = None
) -> tuple[np.ndarray, Pairs, dict[str, np.ndarray]]:
    """Returns the identities of test examples [N], pairs of them, and their embeddings by name.

    The embeddings, see `_vectors`, of `also` follow those of the test examples, but are not
    included in the mean.
    """
    dataset = run.dataset()
    who = identities_of(dataset, num)
    drawn = draw_pairs(who, pairs, seed=seed)
    x, y, *_ = first_examples(dataset, "test", num, run.config)
    if also:
        x = np.concatenate([x, as_data(also.x, run)])
        y = y if also.y is None else np.concatenate([y, also.y])
    return who, drawn, _vectors(run, x, y, len(who))


def _vectors(
    run: Run, x: np.ndarray, y: np.ndarray | None, number: int | None = None
) -> dict[str, np.ndarray]:
    """Returns embeddings [N, D] by name, minus the mean of the first `number` of them."""
    found = {"posterior": embed(run, x, y), "pixels": x.reshape(len(x), -1)}
    if not np.isfinite(found["posterior"]).all():
        raise InputError(f"{run.workdir} encodes examples as NaN or infinity: it has diverged.")
    return {name: vectors - vectors[:number].mean(0) for name, vectors in found.items()}


def identities_of(dataset: Dataset, num: int) -> np.ndarray:
    """Returns the identities of the first `num` test examples, [N], -1 where unknown.

    Where the data have no identities, classes are taken for them.

    Raises:
      InputError: neither is known.
    """
    examples = dataset.test
    who = examples.identities
    if who is None:
        labels = read_complete(examples, np.arange(min(num, len(examples))))[0].labels
        who = labels if labels.ndim == 1 else None
    if who is None or (who[:num] < 0).all():
        raise InputError(
            "no test example has an identity: verification needs identities, or a class for each "
            "person."
        )
    return who[:num]


def cosine(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Returns the cosine [P] of the angle between the vectors [N, D] of each pair [P, 2]."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(length, 1e-12)
    return (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(1)


def _picture(
    run: Run,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    figures: Mapping[str, Mapping[str, float]],
    what: str,
) -> np.ndarray:
    """Draws the ROC of the posterior means and, as a baseline without a model, of the values."""
    names = {"posterior": "posterior means", "pixels": "values of x, without a model"}
    labelled = {}
    for name, curve in curves.items():
        area, error = figures[name]["auroc"], figures[name]["auroc_stderr"]
        labelled[f"{names[name]}: AUROC {measured(area, error)}"] = curve
    title = (
        f"Are two examples of one person (or class)? ROC of the cosine of {what}, step {run.step:,}"
    )
    rates = "false acceptance: pairs of two", "true acceptance: pairs of one"
    return charts.curves(labelled, rates, title)
