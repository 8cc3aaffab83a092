"""Draws samples from the prior."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from vae.annotations import Count, Seed
from vae.data.fields import as_text, fields_of, read_sets, told, without_field
from vae.data.labels import called
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.models.one_by_one import Decoding
from vae.probability.solver import Solver
from vae.run import Run
from vae.tasks import names
from vae.tasks.fit_prior import METRIC, fit_prior
from vae.tasks.inputs import refuse, with_attributes
from vae.tasks.output import Output

logger = logging.getLogger(__name__)

NUM = 64
COMPARED = 2000  # the most test examples that samples are shown with


def sample(
    run: Run,
    *,
    num: Count = NUM,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    draw: bool = False,
    seed: Seed = 0,
    prior: Literal["mixture", "flow", "vae", "metric"] | None = None,
    temperature: float | None = None,
    steps: Count | None = None,
    solver: Literal["euler", "heun"] | None = None,
    guidance: float | None = None,
    top_p: float = 1.0,
    decoder_temperature: float = 1.0,
    beam: Count | None = None,
) -> Output:
    """Draws samples from the prior, as one picture.

    What a picture cannot hold is also written into files beside it. Steps, solver and guidance are
    for priors by flow matching and diffusion, the last three flags for causal decoders.

    Examples:
      vae sample --workdir=runs/digits --prior=mixture --temperature=0.8
      vae sample --workdir=runs/faces --attributes=Smiling=1 --guidance=2

    Args:
      run: the run.
      num: the number of samples.
      labels: classes in turn, by number or name (or digit=7,speaker=jackson); all if absent.
      attributes: attributes, Smiling=1,Hat=0, or several such sets in turn, with / between; others
        are as in the test examples.
      draw: draws x from p(x | z) instead of showing its mean.
      seed: seed of the latents and of x.
      prior: fits this density to the latents of the training set, and samples from it instead;
        "metric" is that of a riemannian_hamiltonian posterior.
      temperature: scales the standard deviation of the prior; below 1, samples are more alike.
      steps: steps from noise to a sample (32).
      solver: euler takes one pass through the network a step, heun two.
      guidance: weight of the condition; 0: without, above 1: clearer.
      top_p: draws each value from the fewest with this probability (nucleus sampling).
      decoder_temperature: divides the logits of each value; 0 takes the most probable.
      beam: keeps so many most probable beginnings (beam search); 1 is greedy.

    Returns:
      The paths of the picture and of what is beside it.

    Raises:
      InputError: the model takes no labels or attributes, or not these, its prior has no
        temperature or no path, or its decoder finds all values at once.
    """
    decoding = Decoding(decoder_temperature, top_p, beam)
    path_solver = solver_for(prior, solver, steps, guidance)
    given = condition(run, num, labels, attributes)
    classes = (
        [as_text(each) for each in read_sets(labels, run.attributes)]
        if fields_of(run.attributes)
        else list(map(str, run.class_numbers(labels)))
    )
    path = names.picture(
        run,
        ("draws" if draw else "samples") + (f"_{prior}" if prior else ""),
        f"seed{seed}",
        f"labels{'-'.join(classes)}" if labels else "",
        "-".join("_".join(f"{key}{value:g}" for key, value in one.items()) for one in attributes),
        temperature=(temperature, None),
        num=(num, NUM),
        steps=(steps, None),
        solver=(solver, None),
        guidance=(guidance, None),
        top_p=(top_p, 1),
        decoder_temperature=(decoder_temperature, 1),
        beam=(beam, None),
    )
    fitted = fit_prior(run, prior) if prior else None
    x = run.sample(
        num,
        labels=given,
        draw=draw,
        seed=seed,
        prior=fitted,
        temperature=temperature,
        decoding=None if decoding == Decoding() else decoding,
        solver=path_solver,
    )
    data = _data(run) if run.modality.COMPARES else None
    how = "x drawn from p(x | z)" if draw or run.model.causal else "shown as the mean of p(x | z)"
    how = decoding.named or how
    how = f"{path_solver.named}, {how}" if path_solver else how
    title = _title(run, how, seed, prior, temperature, attributes)
    captions = called(given, run.attributes or run.classes)
    sheet = run.modality.sheet(x, run.event, title, data=data, captions=captions)
    return Output(sheet.save(path), text=sheet.text)


def condition(
    run: Run,
    num: int,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> np.ndarray | None:
    """Returns what a model is told of `num` samples: classes [num], or attributes [num, A].

    See `sample` for the arguments.

    Returns:
      None where the model is told nothing.

    Raises:
      InputError: the model takes no labels or attributes, or not these.
    """
    kind = run.model.condition.kind if run.model.condition else ""
    fields = fields_of(run.attributes) if kind == "attributes" else ()
    if labels and not (kind == "label" or fields):
        raise InputError("this model takes no labels; one with model.condition='label' does.")
    if attributes and kind != "attributes":
        raise InputError(
            "this model takes no attributes; one with model.condition='attributes' does."
        )
    if kind == "label":
        each = run.class_numbers(labels) if labels else np.arange(run.model.condition.size)
        return np.resize(each, num)
    given = None
    if kind and (attributes or without_field(run.attributes)):
        y = first_examples(run.dataset(), "test", num, run.config).y
        given = np.array(y[np.arange(num) % len(y)], np.float32)
        for i, one in enumerate(attributes):
            given[i :: len(attributes)] = with_attributes(given[i :: len(attributes)], one, run)
    return told(labels, num, run.attributes, given, in_turn=True) if fields else given


def solver_for(
    prior: str | None, solver: str | None, steps: int | None, guidance: float | None
) -> Solver | None:
    """Returns the solver that flags name, with defaults for the rest; None where none is given.

    Raises:
      InputError: there is one for another prior than the run's own.
    """
    given = {"method": solver, "steps": steps, "guidance": guidance}
    given = {name: value for name, value in given.items() if value is not None}
    if prior:
        why = "is for the path of the run's own prior: leave it out with --prior."
        refuse(why, solver=solver, steps=steps, guidance=guidance)
    return Solver(**given) if given else None  # type: ignore[arg-type]  # by their names


def _title(
    run: Run,
    how: str,
    seed: int,
    prior: str | None,
    temperature: float | None,
    attributes: Sequence[Mapping[str, float]],
) -> str:
    fitted = "{} fitted to the latents of the training set"
    densities = {
        None: "the prior",
        "mixture": fitted.format("a mixture"),
        "flow": fitted.format("a flow"),
        "vae": fitted.format("a second VAE"),
        METRIC: "the learned metric's volume",
    }
    sets = [" and ".join(f"{name}={value:g}" for name, value in one.items()) for one in attributes]
    parts = [
        f"Samples, step {run.step:,}: z drawn from {densities[prior]}",
        f"temperature {temperature:g}" if temperature is not None else "",
        how,
        " / ".join(sets),
        f"seed {seed}",
    ]
    return ", ".join(filter(None, parts))


def _data(run: Run) -> np.ndarray | None:
    """Returns at most COMPARED test examples x [N, *places, C]; None where the data are gone."""
    try:
        return first_examples(run.dataset(), "test", COMPARED, run.config).x
    except InputError as error:
        logger.warning("%s The samples are shown without the data.", error)
        return None
