"""The figures of a trained model on its data, with the protocol they must be read with."""

from __future__ import annotations

from typing import Any

from vae import data
from vae.evaluation.diagnostics import activity
from vae.evaluation.evaluator import make_evaluator
from vae.run import Run
from vae.training.devices import make_mesh, replicate
from vae.training.directory import write_json


def evaluate(run: Run, *, split: str = "test", num_samples: int | None = None) -> dict[str, Any]:
    """Evaluates a run and writes `evaluation_SPLIT.json` into `run.out`.

    Args:
      run: the run.
      split: "train", "valid" or "test".
      num_samples: K of the NLL; `evaluation.num_samples` of the config where None.

    Returns:
      {"step", "metrics", "protocol"}; metrics in nats per example unless the name says otherwise.
      With "group_kl" where the latents are groups: the nats of each, the topmost first. Where the
      upper ones carry little, samples lack what only they can plan.
    """
    mesh = make_mesh()
    evaluator = make_evaluator(
        run.model,
        data.load(run.config.data),
        split,
        run.config,
        mesh,
        num_samples=num_samples or run.config.evaluation.num_samples,
    )
    estimate = evaluator.estimate(replicate(run.variables, mesh))
    metrics = evaluator.figures(estimate)
    result = {"step": run.step, "metrics": metrics, "protocol": evaluator.protocol}
    counted, _, total = activity(estimate)
    if counted == "groups" and total:
        result["group_kl"] = estimate.group_kl.mean(0).tolist()
    write_json(run.out / f"evaluation_{split}.json", result)
    return result
