"""Evaluates a trained model on its data; figures come with the protocol of their measurement."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from vae.annotations import Count, Split
from vae.data.examples import ArrayExamples, Dataset, Raw
from vae.data.prepare import first_examples
from vae.evaluation import conditioning
from vae.evaluation.conditioning import Conditioning
from vae.evaluation.diagnostics import activity
from vae.evaluation.evaluator import make_evaluator
from vae.evaluation.probe import in_batches
from vae.models.condition import of_decoder
from vae.models.parts import unpacked, vectors
from vae.probability.distributions import example_keys
from vae.probability.terms import Batch
from vae.run import Run
from vae.tasks import annealed
from vae.tasks.annealed import CHAINS, NUM, TEMPERATURES, Settings
from vae.tasks.inputs import OF_FILES, OF_THE_DATA, Given, given, refuse
from vae.tasks.names import differing
from vae.tasks.output import Output
from vae.training.devices import jit, make_mesh, replicate
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

EXAMPLES = 5000  # the most training examples that figures of a condition are made from
HELD_OUT = 2000  # the most examples of the evaluated split
NUMBERS = 2048  # the largest z that a linear probe reads
MAX_BYTES = 2**28  # the most bytes of these training examples
# Figures of how latents vary over a set, which a few files do not tell.
OF_A_SET = ("active_", "mutual_information", "off_centre")
CLASSES = 100  # only the first so many classes are measured


def evaluate(
    run: Run,
    *,
    split: Split | None = None,
    files: Sequence[str | Path] = (),
    num_samples: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    method: Literal["importance", "ais", "bdmc"] = "importance",
    num: Count | None = None,
    chains: Count | None = None,
    temperatures: Count | None = None,
    noise: float | None = None,
) -> Output:
    """Evaluates a run on a split of its data, or on your own examples.

    It writes `evaluation_SPLIT.json` or `evaluation_FILES.json`; by another method its name is at
    the end. Metrics are in nats per example unless their names say otherwise.

    Examples:
      vae evaluate --workdir=runs/digits --num_samples=5000
      vae evaluate --workdir=runs/digits --files=DIR,FILE
      vae evaluate --workdir=runs/digits --method=bdmc --num=20 --temperatures=200

    Args:
      run: the run.
      split: the split to evaluate; test if absent.
      files: files and folders of your own examples, to evaluate one by one instead of a split.
      num_samples: importance samples K of the NLL; evaluation.num_samples of the run if absent.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      method: importance, samples of q(z | x) weighed; ais, annealed importance sampling, which
        takes longer and needs no q(z | x); bdmc, ais of examples that are drawn from the model, and
        the same in reverse, between which log p(x) lies.
      num: examples that ais and bdmc take; 100 if absent.
      chains: chains of each example of ais and bdmc; 16 if absent.
      temperatures: steps from the prior to the posterior of ais and bdmc; 1000 if absent. Twice as
        many are twice as near.
      noise: states a p(x | z) for ais and bdmc, which a GAN has not: Gaussian noise of this
        standard deviation, in units of x, around the mean.

    Returns:
      The path, and the figures {"step", "metrics", "protocol"}, with

        "group_kl"      if latents are groups: the nats of each, the topmost first. If the upper
                        groups carry little, samples lack what only these can plan.
        "condition"     for a conditional model: the figures of each attribute or class, see
                        `evaluation/conditioning.py`
        "per_example"   for files: [{"example", "elbo", "log_likelihood", "ess"}]

      The figures of annealing are

        "nll_ais"       -log p(x) by forward chains, an upper bound in the mean; "nll_reverse" a
                        lower bound, by reverse chains, and "bracket" what is between them
        "nll"           of the same examples by importance sampling with K samples, and
                        "nll_minus_ais" how far it lies above
        "chains_error"  the error of the mean of "nll_ais" by the noise of the chains alone
        "chains_ess"    how many chains of equal weight those of an example are worth

    Raises:
      InputError: as `given`; or the model cannot be annealed.
    """
    num_samples = num_samples or run.config.evaluation.num_samples
    if method == "importance":
        flags = {"num": num, "chains": chains, "temperatures": temperatures, "noise": noise}
        refuse("is for --method=ais or --method=bdmc: leave it out.", **flags)
    if files:
        refuse(OF_THE_DATA, split=split, num=num)
        drawn = {"method=bdmc": method == "bdmc"}
        refuse("draws its examples from the model: leave out --files.", **drawn)
        own = given(run, files=files, labels=labels, attributes=attributes)
        name = own.tag
    else:
        refuse(OF_FILES, labels=labels, attributes=attributes)
        own, name = None, split or "test"
    if method == "importance":
        if own:
            result = _of_files(run, own, files, num_samples)
        else:
            result = _of_split(run, name, num_samples)
    else:
        settings = Settings(
            chains=chains or CHAINS,
            temperatures=temperatures or TEMPERATURES,
            num_samples=num_samples,
            noise=noise,
        )
        if own:
            result = annealed.of_files(run, own, files, settings)
        elif method == "ais":
            result = annealed.of_split(run, name, num or NUM, settings)
        else:
            result = annealed.of_simulated(run, name, num or NUM, settings)
            name = "simulated"
        name += f"_{method}" + differing(noise=(noise, None))
    path = run.out / f"evaluation_{name}.json"
    write_json(path, result)
    return Output([path], result)


def _of_split(run: Run, split: str, num_samples: int) -> dict[str, Any]:
    mesh = make_mesh()
    dataset = run.dataset()
    evaluator = make_evaluator(
        run.model,
        dataset,
        split,
        run.config,
        mesh,
        num_samples=num_samples,
    )
    estimate = evaluator.estimate(replicate(run.variables, mesh))
    metrics = evaluator.figures(estimate)
    result = {"step": run.step, "metrics": metrics, "protocol": evaluator.protocol}
    counted, _, total = activity(estimate)
    if counted == "groups" and total:
        result["group_kl"] = estimate.group_kl.mean(0).tolist()
    if found := measure_condition(run, dataset, split):
        metrics |= {f"{split}/{name}": value for name, value in found.figures().items()}
        result["condition"] = found.table()
        if sentence := found.sentence():
            logger.log(logging.WARNING if found.weak else logging.INFO, sentence)
    return result


def _of_files(
    run: Run, own: Given, files: Sequence[str | Path], num_samples: int
) -> dict[str, Any]:
    unlabelled = np.full(len(own.x), -1, np.int32)
    examples = ArrayExamples(
        Raw(run.event.values.to_raw(own.x), unlabelled if own.y is None else own.y),
        np.ones(len(own.x), bool),
    )
    if run.event.ragged:
        examples = examples.measured()
    dataset = Dataset(
        train=examples,
        valid=examples,
        test=examples,
        event=run.event,
        num_classes=0,
        description=", ".join(map(str, files)),
    )
    mesh = make_mesh()
    evaluator = make_evaluator(
        run.model,
        dataset,
        "test",
        run.config,
        mesh,
        num_samples=num_samples,
    )
    estimate = evaluator.estimate(replicate(run.variables, mesh))
    figures = {
        f"files/{name}": value
        for key, value in evaluator.figures(estimate, warn=False).items()
        if not (name := key.removeprefix("test/")).startswith(OF_A_SET)
    }
    columns = {key: getattr(estimate, key) for key in ("elbo", "log_likelihood", "ess")}
    return {
        "step": run.step,
        "metrics": figures,
        "protocol": evaluator.protocol | {"split": f"all ({len(own.x)} examples)"},
        "per_example": [
            {"example": name} | {key: float(values[row]) for key, values in columns.items()}
            for row, name in enumerate(own.names)
        ],
    }


def measure_condition(run: Run, dataset: Dataset, split: str) -> Conditioning | None:
    """Returns what a conditional model makes of its condition, see `evaluation/conditioning.py`.

    Returns None where the decoder is given no condition, for a model that does not encode, for the
    training split, from which the probe learns, and for latents too many for least squares.
    """
    model = run.model.conditional
    if split == "train" or not (of_decoder(model.condition) and model.encodes):
        return None
    y = model.condition.unknown(1)
    like = jax.eval_shape(
        lambda: model.sample(run.variables, y, keys=jax.random.split(jax.random.key(0), 1))
    )
    if sum(leaf.size for leaf in jax.tree.leaves(like)) > NUMBERS:
        return None

    @jit
    def encode(x: Any, y: Any, index: Any) -> tuple[Any, Any]:
        batch = Batch(x, y)
        keys = example_keys(jax.random.key(run.config.evaluation.seed), index)
        drawn = model.terms(run.variables, batch, keys=keys[None]).z
        mean = model.encode(run.variables, batch).mean
        return vectors(mean, 1), vectors(drawn)[0]

    def encoded(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return in_batches(encode, x, y, np.arange(len(x)))

    @jit
    def decode(z: Any, y: Any) -> Any:
        keys = None
        if model.causal:  # random, but their mean over examples is measured
            keys = example_keys(jax.random.key(run.config.evaluation.seed), np.arange(len(y)))
        return model.decode(run.variables, unpacked(z, like), y, keys=keys)

    def known(split: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        batch = first_examples(dataset, split, most, run.config)
        x, y = np.asarray(batch.x), np.asarray(batch.y)
        rows = (y >= 0) & (y < CLASSES) if exclusive else slice(None)
        return x[rows], y[rows]

    exclusive = model.condition.kind == "label"
    classes = run.classes or tuple(map(str, range(dataset.num_classes)))
    most = min(EXAMPLES, MAX_BYTES // (4 * dataset.event.size))
    return conditioning.measure(
        encoded,
        functools.partial(in_batches, decode),
        known("train", most),
        known(split, HELD_OUT),
        classes[:CLASSES] if exclusive else dataset.attributes,
        exclusive=exclusive,
    )
