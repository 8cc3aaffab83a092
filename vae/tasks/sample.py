"""Samples from the prior, as a picture, and beside it what they are where that is no picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import names
from vae.tasks.fit_prior import fit_prior
from vae.tasks.inputs import with_attributes

logger = logging.getLogger(__name__)

NUM = 64
COMPARED = 2000  # test examples that samples are shown with


def sample(
    run: Run,
    *,
    num: int = NUM,
    labels: Sequence[int | str] = (),
    attributes: Mapping[str, float] | None = None,
    draw: bool = False,
    seed: int = 0,
    prior: str | None = None,
    temperature: float | None = None,
) -> Path:
    """Writes a sheet of `num` samples into `run.out`; returns its path.

    Args:
      run: the run.
      num: how many samples.
      labels: classes of a model that takes labels, by number or name, repeated to so many; all in
        turn where empty.
      attributes: of a model that takes attributes, by name: what is set for all; the others are
        those of the first test examples.
      draw: draws the values too, where the default shows the mean of p(x | z).
      seed: of the latents and values.
      prior: "mixture", "flow" or "vae" is fitted to the training set's latents, see `fit_prior`;
        the model's own where None.
      temperature: the prior's standard deviation is scaled by it, see `vae.models.parts.tempered`.

    Raises:
      InputError: the model takes no labels, or not these, or its prior has no temperature.
    """
    condition = run.model.condition
    if labels and not (condition and condition.kind == "label"):
        raise InputError("this model takes no labels; one with model.condition='label' does.")
    labels = run.class_numbers(labels)
    kind = "draws" if draw else "samples"
    path = names.picture(
        run,
        f"{kind}_{prior}" if prior else kind,
        f"seed{seed}",
        f"labels{'-'.join(map(str, labels))}" if labels else "",
        *(f"{key}{value:g}" for key, value in (attributes or {}).items()),
        temperature=(temperature, None),
        num=(num, NUM),
    )
    fitted = fit_prior(run, prior) if prior else None
    given = np.resize(labels, num) if labels else None
    if condition and condition.kind == "attributes":
        y = first_examples(run.dataset(), "test", num, run.config).y
        given = with_attributes(y[np.arange(num) % len(y)], attributes or {}, run)
    elif attributes:
        raise InputError(
            "this model takes no attributes; one with model.condition='attributes' does."
        )
    x = run.sample(num, labels=given, draw=draw, seed=seed, prior=fitted, temperature=temperature)
    data = _data(run) if run.modality.COMPARES else None
    pictures.save(run.modality.sheet(x, run.event, data=data), path)
    run.modality.save(x, run.event, path)
    return path


def _data(run: Run) -> np.ndarray | None:
    """The test examples x [N, *places, C], of which at most COMPARED; None where they are gone."""
    try:
        return first_examples(run.dataset(), "test", COMPARED, run.config).x
    except InputError as error:
        logger.warning("%s The samples are shown without the data.", error)
        return None
