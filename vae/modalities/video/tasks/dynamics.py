"""The prior of a run's latents in time."""

from __future__ import annotations

from typing import Any

from vae.errors import InputError
from vae.modalities import video
from vae.run import Run


def dynamics(run: Run) -> Any:
    """Returns the prior of a run as a density of latents in time, see `probability/dynamics.py`.

    Raises:
      InputError: it has none, or a condition, or its data are no video.
    """
    if run.modality.NAME != video.NAME:
        raise InputError(f"the data of {run.workdir} are {run.modality.NAME}, not video.")
    latents = getattr(run.model, "latents", None)
    density = latents and run.model.condition is None and latents(run.variables)
    if not hasattr(density, "given"):
        raise InputError(
            f"the model of {run.workdir} (model.prior={run.config.model.prior!r}) does not say "
            "what follows in time: train one of model.encoder='per_frame' with "
            "model.prior='linear_dynamics' or 'recurrent', without a condition."
        )
    return density
