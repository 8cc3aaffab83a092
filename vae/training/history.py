"""How many steps a run was planned to take, each time that it was begun."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ml_collections

from vae.probability import schedules
from vae.training import directory

logger = logging.getLogger(__name__)


def history(
    config: ml_collections.ConfigDict, workdir: Path, earlier: dict[str, Any], saved: list[int]
) -> list[dict[str, int]]:
    """Returns how many steps were planned from which step on: a decaying rate depends on it.

    Args:
      config: the experiment.
      workdir: the run directory.
      earlier: its provenance.json.
      saved: the steps of its checkpoints.
    """
    steps, start = config.training.steps, max(saved, default=0)
    with directory.described(workdir / "provenance.json"):
        plans = [
            {name: int(plan[name]) for name in ("from_step", "training.steps")}
            for plan in earlier.get("history", [])
        ]
    if not plans and (before := directory.read_config(workdir)):
        plans = [{"from_step": 0, "training.steps": before.training.steps}]
    plans = [plan for plan in plans if plan["from_step"] < start]
    if plans and plans[-1]["training.steps"] == steps:
        return plans
    if plans and config.optimizer.schedule != "constant" and start < steps:
        before, now = (
            float(schedules.decay(config.optimizer.schedule, start, total))
            for total in (plans[-1]["training.steps"], steps)
        )
        logger.warning(
            "training.steps is %d now, and the learning rate falls to 0 there, not at step %d: "
            "from step %d on it is %.2g of optimizer.learning_rate instead of %.2g. The run "
            "differs from one of %d steps from the start, and provenance.json says so.",
            *(steps, plans[-1]["training.steps"], start, now, before, steps),
        )
    return [*plans, {"from_step": start, "training.steps": steps}]
