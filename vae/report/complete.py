"""What a run's report shows and an older run, or one that drew no pictures, has not yet."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from vae import loading
from vae.errors import InputError
from vae.evaluation.details import details
from vae.evaluation.evaluator import make_evaluator
from vae.run import Run
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample
from vae.training.devices import make_mesh, replicate
from vae.training.directory import DETAILS, is_owned, read_json, write_json

logger = logging.getLogger(__name__)

EXAMPLES = 2000  # of the test set, at most
NUM = 32  # samples and reconstructions


def complete(folder: Path) -> None:
    """Measures the latents and examples of a run at its last step, and draws pictures.

    What is there is not made again. Without checkpoints, or without the data, the report has what
    there is, and why is logged. A run that is going on, and what is none, are left alone.
    """
    if is_owned(folder) or not (folder / "config.json").exists():
        return
    try:
        run = loading.load(folder)
        if (read_json(folder / DETAILS) or {}).get("step") != run.step and run.model.encodes:
            write_json(folder / DETAILS, {"step": run.step} | _measured(run))
        if not any(folder.glob("*/samples_*.png")):
            sample(run, num=NUM)
        if not any(folder.glob("*/reconstructions_*.png")) and run.model.encodes:
            reconstruct(run, num=NUM)
    except InputError as error:
        logger.warning("The report has what the run's directory has: %s", error)


def _measured(run: Run) -> dict:
    """Returns the details of the first test examples, by one sample of q(z | x) each."""
    dataset = run.dataset()
    few = dataset.test.take(np.arange(min(len(dataset.test), EXAMPLES)))
    mesh = make_mesh()
    evaluator = make_evaluator(
        run.model, dataclasses.replace(dataset, test=few), "test", run.config, mesh, num_samples=1
    )
    return details(evaluator.estimate(replicate(run.variables, mesh)), few)
