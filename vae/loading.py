"""A directory becomes a `Run`: what was recorded of it, and its weights.

It is that of a run, with checkpoints, or one that `vae export --format=safetensors` wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections

from vae import models, terminal
from vae.compiled import Compiled
from vae.config import override, own
from vae.errors import InputError
from vae.files import user_path
from vae.run import Run
from vae.training import facts, tensors
from vae.training.directory import read_config
from vae.training.restore import restore, step_of
from vae.training.state import evaluation_variables, initial_state


def load(
    workdir: str | Path,
    *,
    step: int | str = "latest",
    out: str | Path | None = None,
    places: Mapping[str, str] | None = None,
) -> Run:
    """Loads a run from its directory.

    Args:
      workdir: the run directory, or one that it was exported to.
      step: a checkpoint's step; "latest"; or "best" by validation ELBO, else the latest.
      out: the directory that tasks write into; the run directory if None.
      places: where its data are now, by these keys: `data.path`, `data.manual_dir`.

    Raises:
      InputError: there is no run, or no such checkpoint.
    """
    workdir, step = user_path(workdir), step_of(step)
    config, known = read_config(workdir), facts.read(workdir)
    if config is None or known is None:
        raise InputError(f"{workdir} holds no run: config.json or provenance.json is missing.")
    override(config, places or {})
    own.recall(known.parts, workdir)
    model = models.build(config.model, known.model(config.data))
    with terminal.Progress(f"loading {workdir}"):
        variables, step = _weights(workdir, step, model, config)
    return Run(
        config=config,
        model=model,
        variables=variables,
        event=known.event,
        step=step,
        workdir=workdir,
        out=user_path(out or workdir),
        attributes=known.attributes,
        scales=known.scales,
        compiled=Compiled(model),
        classes=known.classes,
        data=known.record,
    )


def _weights(
    workdir: Path, step: int | str, model: Any, config: ml_collections.ConfigDict
) -> tuple[Any, int]:
    """Returns the variables that a run is used with, and the step that they are of.

    Raises:
      InputError: there are none, or none of this step.
    """
    if not (workdir / tensors.FILE).exists():
        state = restore(workdir, step, jax.eval_shape(lambda: initial_state(model, config)))
        return evaluation_variables(state), int(state.step)
    like = jax.eval_shape(lambda: evaluation_variables(initial_state(model, config)))
    variables, exported = tensors.read(workdir, like)
    if isinstance(step, int) and step != exported:
        raise InputError(f"{workdir} was exported at step {exported}, and has no step {step}.")
    return jax.device_put(variables), exported
