"""Scores how unusual examples are to a model: a higher score is less like the data.

    negative_elbo   nats
    nll             -log p(x), importance-weighted, nats
    nll_per_value   the same over the number of values; only where examples are ragged, for the
                    longest have the highest nll
    ratio           -log p(x) minus the length of a universal code for x (an image's as PNG), nats:
                    a likelihood ratio, since simple examples have a high likelihood under any model
                    (Serra et al., "Input complexity and out-of-distribution detection with
                    likelihood-based generative models", 2020); only where the modality has a code
    reconstruction  the mean squared error per value; for tokens, the share that differs

Where the run's data are read, each score has a p-value under validation examples, and what these
are worth on test examples is measured (`vae/evaluation/calibration.py`).

A model whose q(z | x) has no density has the last score only. A conditional model p(x | y) scores
examples with unknown y by p(x) = E_y[p(x | y)], with y from the training set.
"""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from vae.annotations import Count, Seed
from vae.data.distance import errors
from vae.data.examples import called
from vae.data.prepare import first_examples
from vae.evaluation import calibration
from vae.evaluation.detection import auroc, complexity_warning, rank_correlation, roc
from vae.files import user_path, whole
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import charts
from vae.tasks.inputs import as_data, read_set, refuse
from vae.tasks.names import plain, short, tag
from vae.tasks.output import Output
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

UNITS = {
    "negative_elbo": "nats",
    "nll": "nats",
    "nll_per_value": "nats",
    "ratio": "nats",
    "reconstruction": "mean squared error per value",
}
OF_TOKENS = {"reconstruction": "share of tokens that differ"}
DRAWS = 10  # draws of y where it is not known
PRINTED = 10  # examples that are named


def anomaly(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    outliers: Sequence[str | Path] = (),
    num: Count = 1000,
    num_samples: Count | None = None,
    seed: Seed = 0,
    p_values: bool = False,
) -> Output:
    """Scores how unusual examples are, and how well the scores tell outliers from them.

    It draws the histogram of each score and, with outliers, the ROCs. It writes a CSV with a line
    for each example (its name or index, whether it is an outlier, its scores with their p-values
    under validation examples, and the example if it is text) and a JSON of figures, both named
    after the outliers or your files. It also says whether p-values of test examples are uniform:
    how often an alarm at 1% and 5% is false. The most unusual examples are printed.

    Examples:
      vae anomaly --workdir=runs/digits --outliers=DIR
      vae anomaly --workdir=runs/digits --files=DIR --num_samples=100 --p_values

    Args:
      run: the run.
      files: files and folders of your own examples; the first test examples if absent.
      outliers: files and folders of examples unlike the data; or a data set that data.path or
        data.name takes, whose test examples are brought to the shape of the run's.
      num: the most examples that are used of a data set.
      num_samples: importance samples K of the NLL; evaluation.num_samples of the run if absent.
      seed: seed of the samples, and of the labels that a conditional model is given.
      p_values: with your own files, gives p-values too, for which validation examples are scored.

    Returns:
      The paths, and the figures {"step", "num_samples", "examples": number, "outliers": number,
      "auroc": {score: ...}, "mean": {score: [of examples, of outliers]}}; without outliers there is
      no "auroc". With p-values there is "validation", the number of examples that they are under;
      of test examples also "ks", "ks_chance" and "fpr_1%" and "_5%", see
      `evaluation/calibration.py`; with outliers "found_5%", the share with p <= 5%; and where there
      is a code "complexity", the rank correlation of a score with its length over test examples.

    Raises:
      InputError: there are no such files.
    """
    if not files:
        refuse("is for your own --files: test examples have p-values always.", p_values=p_values)
    condition = run.model.condition
    if run.model.takes_unlabelled:
        condition = None
    unknown = bool(condition and (files or outliers))  # some examples have no y
    labels = None
    # The user's own files are scored without the data, unless y or p-values are drawn from these.
    if files:
        x, names = run.modality.read_files(files, run.event, run.config.data)
        x = as_data(x, run)
    else:
        x, labels, *_ = first_examples(run.dataset(), "test", num, run.config)
        names = called(run.dataset().test, "test", range(len(x)))
    given = len(x)
    if outliers:
        others, other_names = read_outliers(outliers, run, num)
        x, names = np.concatenate([x, as_data(others, run)]), names + other_names
    every = x
    if not files or p_values:
        valid = first_examples(run.dataset(), "valid", num, run.config)
        every = np.concatenate([x, valid.x])
        labels = None if labels is None else np.concatenate([labels, valid.y])
    ys = [labels if condition else None]
    if unknown:
        # All examples get the same ones, so that none is favoured by its draws.
        train = run.dataset().train
        rows = np.random.default_rng(seed).integers(len(train), size=DRAWS)
        ys = [np.tile(y, (len(every), *[1] * y.ndim)) for y in train.read(rows)[0].labels]
    num_samples = num_samples or run.config.evaluation.num_samples
    of_every = scores(run, every, ys, num_samples=num_samples, seed=seed)
    scored = {name: values[: len(x)] for name, values in of_every.items()}
    known = {name: values[len(x) :] for name, values in of_every.items() if len(values) > len(x)}

    for name, values in scored.items():
        if missing := int(np.isnan(values).sum()):
            logger.warning("%s is no number for %d of %d examples", name, missing, len(values))
    parts = ["anomaly"]
    if files:
        parts.append(tag([Path(name).stem for name in names[:given]], x[:given]))
    if outliers:
        stems = [Path(path).stem for path in outliers]
        parts.append(stems[0] if len(stems) == 1 else tag(stems, x[given:]))
    path = run.out / f"{plain('_'.join(parts))}.csv"
    texts = run.modality.texts(x, run.event)
    read = {} if texts is None else {"text": texts}
    under = {name: calibration.p_values(own, scored[name]) for name, own in known.items()}
    columns = scored | {f"p of {name}": p for name, p in under.items()}
    with whole(path, "w") as file:
        writer = csv.writer(file)
        writer.writerow(["example", "outlier", *columns, *read])
        for row, name in enumerate(names):
            cells = (f"{column[row]:.6g}" for column in columns.values())
            text = (column[row] for column in read.values())
            writer.writerow([name, int(row >= given), *cells, *text])
    result: dict[str, Any] = {
        "step": run.step,
        "num_samples": num_samples,
        "examples": given,
        "outliers": len(x) - given,
        "mean": {
            name: [float(part.mean()) for part in (s[:given], s[given:]) if len(part)]
            for name, s in scored.items()
        },
    }
    if outliers:
        result["auroc"] = {name: auroc(s[:given], s[given:]) for name, s in scored.items()}
    if known:
        result["validation"] = len(every) - len(x)
    if known and outliers:
        found = {name: float((p[given:] <= 0.05).mean()) for name, p in under.items()}
        result["found_5%"] = found
    if not files:
        tests = {name: values[:given] for name, values in scored.items()}
        result["ks_chance"] = calibration.ks_chance(len(every) - len(x), given)
        result |= calibration.measure(known, tests) | _complexity(tests, result.get("auroc", {}))
    write_json(path.with_suffix(".json"), result)
    sets = {"your files" if files else "test examples": slice(given)}
    if outliers:
        more = f" and {len(outliers) - 1} more" if outliers[1:] else ""
        sets[f"{Path(outliers[0]).name}{more}"] = slice(given, None)
    picture = run.out / run.modality.NAME / f"{path.stem}_{run.step:08d}.png"
    own = {} if files else {name: p[:given] for name, p in under.items()}
    pictures.save(_page(run, scored, sets, own, result), picture)
    shown = _printed(run, scored, sets, names, texts, result)
    return Output([picture, path, path.with_suffix(".json")], result, shown)


def _complexity(
    scored: Mapping[str, np.ndarray], aurocs: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Returns the correlations of scores with the code's length, and warns where these are high."""
    if "ratio" not in scored:
        return {}
    code = scored["nll"] - scored["ratio"]
    found = {name: rank_correlation(values, code) for name, values in scored.items()}
    if warning := complexity_warning(found, aurocs):
        logger.warning(warning)
    return {"complexity": found}


def _printed(
    run: Run,
    scored: Mapping[str, np.ndarray],
    sets: Mapping[str, slice],
    names: Sequence[str],
    texts: np.ndarray | None,
    figures: Mapping[str, Any],
) -> str:
    """Returns the figures of each score, and the examples with the highest scores, as text."""
    units, lines = _units(run), []
    for name, values in scored.items():
        own = [values[rows] for rows in sets.values()]
        means = (f"{each} {part.mean():.4g}" for each, part in zip(sets, own, strict=True))
        told = f", AUROC {auroc(*own):.3f}" if len(own) > 1 else ""
        lines.append(f"{name.replace('_', ' ')} ({units[name]}): {', '.join(means)}{told}")
        if "fpr_5%" in figures:
            alarms = figures["fpr_5%"]
            lines.append(
                f"  p <= 5% in {alarms[name]:.1%} ± {alarms[name + '_stderr']:.1%} of the test "
                f"examples, KS distance {figures['ks'][name]:.3f} (by chance "
                f"{figures['ks_chance']:.3f})"
            )
    by = next(name for name in ("nll_per_value", "nll", "reconstruction") if name in scored)
    most = np.argsort(-scored[by], kind="stable")[:PRINTED]
    called = {row: short(names[row]) for row in most}
    width = max(map(len, called.values()))
    lines += ["", f"Most unusual, by {by.replace('_', ' ')} ({units[by]}):"]
    said = {row: "" if texts is None else texts[row] for row in most}
    lines += [
        f"{scored[by][row]:#10.5g}  {called[row]:{width}}  {said[row]}".rstrip() for row in most
    ]
    return "\n".join(lines)


def _units(run: Run) -> dict[str, str]:
    """Returns the unit of each score."""
    return UNITS | (OF_TOKENS if run.event.values.kind == "tokens" else {})


def _page(
    run: Run,
    scored: Mapping[str, np.ndarray],
    sets: Mapping[str, slice],
    p: Mapping[str, np.ndarray],
    figures: Mapping[str, Any],
) -> np.ndarray:
    """Draws the histogram of each score, with outliers the ROCs, and how uniform p-values are.

    Args:
      run: the run.
      scored: the scores of all examples.
      sets: the rows of each set.
      p: the p-values of test examples, if there are any.
      figures: those of the task.
    """
    parts = {
        name: {f"{each} ({len(values[rows])})": values[rows] for each, rows in sets.items()}
        for name, values in scored.items()
    }
    rocs = {}
    for name, values in scored.items():
        own = [values[rows] for rows in sets.values()]
        if len(own) > 1 and not np.isnan(values).any():
            rocs[f"{name.replace('_', ' ')}: AUROC {auroc(*own):.3f}"] = roc(*own)
    uniform = {}
    for name, values in p.items():
        if not np.isnan(values).any():
            told = f"{name.replace('_', ' ')}: KS {figures['ks'][name]:.3f}"
            uniform[told] = calibration.reliability(values)
    title = f"How unusual examples are, step {run.step:,}: a higher score is less like the data"
    if uniform:
        title += (
            f"; p-values are under {figures['validation']:,} validation examples, with a KS "
            f"distance of about {figures['ks_chance']:.3f} by chance"
        )
    return charts.detection(parts, rocs, uniform, _units(run), title)


def scores(
    run: Run,
    x: np.ndarray,
    ys: Sequence[np.ndarray | None],
    *,
    num_samples: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Returns the scores [N] of examples, by name.

    Args:
      run: the run.
      x: [N, *places, C], as the run's model is given them.
      ys: M conditions that the examples may have, each classes [N], attributes [N, A] or None;
        scores are those of the mixture over them.
      num_samples: importance samples K of the NLL; each of `ys` has K / M of them, rounded up.
      seed: seed of the samples.
    """
    wide = x.astype(np.float64)  # the square of an outlier may overflow float32
    reconstruction = np.mean([errors(wide, run.reconstruct(x, y), run.event) for y in ys], axis=0)
    if not run.model.is_density:
        return {"reconstruction": reconstruction}
    share = math.ceil(num_samples / len(ys))
    estimates = [run.estimate(x, y, num_samples=share, seed=seed) for y in ys]
    nll = math.log(len(ys)) - logsumexp([each.log_likelihood for each in estimates], axis=0)
    code = run.modality.code_length(x)
    return {
        "negative_elbo": -np.mean([each.elbo for each in estimates], axis=0),
        "nll": nll,
        **({"nll_per_value": nll / _number(x, run)} if run.event.values.missing else {}),
        **({} if code is None else {"ratio": nll - code}),
        "reconstruction": reconstruction,
    }


def _number(x: np.ndarray, run: Run) -> np.ndarray:
    """Returns how many values [N] of examples are not missing."""
    there = run.event.values.there(x).reshape(len(x), -1)
    return there.sum(-1) * run.event.channels


def read_outliers(paths: Sequence[str | Path], run: Run, num: int) -> tuple[np.ndarray, list[str]]:
    """Returns x [N, *places, C] of the run's event and names, see `anomaly`."""
    first = user_path(paths[0])
    is_set = first.is_dir() or first.name.endswith(run.modality.SETS) or not first.exists()
    if len(paths) > 1 or not is_set:
        return run.modality.read_files(paths, run.event, run.config.data)
    others = read_set(str(first), run, num)
    return others.x, [f"{first} {others.split} {i}" for i in range(len(others.x))]
