"""A run directory becomes a `Run`: what was recorded of it, and the weights of one checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax

from vae import models, terminal
from vae.compiled import Compiled
from vae.config import override, own
from vae.errors import InputError
from vae.files import user_path
from vae.run import Run
from vae.training import facts
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
      workdir: the run directory.
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
        state = restore(workdir, step, jax.eval_shape(lambda: initial_state(model, config)))
    return Run(
        config=config,
        model=model,
        variables=evaluation_variables(state),
        event=known.event,
        step=int(state.step),
        workdir=workdir,
        out=user_path(out or workdir),
        attributes=known.attributes,
        scales=known.scales,
        compiled=Compiled(model),
        classes=known.classes,
        data=known.record,
    )
