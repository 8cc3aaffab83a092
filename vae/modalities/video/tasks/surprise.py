"""Scores how unusual each frame of clips is, beside the same frame of validation clips."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.annotations import Count
from vae.data.batches import apply_in_batches
from vae.data.prepare import first_examples
from vae.evaluation.calibration import p_values
from vae.files import whole
from vae.modalities.video.tasks.dynamics import dynamics
from vae.run import BATCH, Run
from vae.tasks import names
from vae.tasks.inputs import given as read
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM, VALID = 100, 1000
LEVEL = 0.05


def surprise(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    num: Count | None = None,
) -> Output:
    """Scores how unusual each frame of clips is, given those before it, and in itself.

    It writes a CSV with a line for each frame: "surprise", -log p(z_t | z_<t) in nats at the mean
    of q(z | x), and "reconstruction", the mean squared error, with their p-values under the frames
    of the same number of validation clips. The clips are drawn, each with its least usual frame.

    Examples:
      vae surprise --workdir=runs/moving_digits --num=500
      vae surprise --workdir=runs/moving_digits --files=DIR

    Args:
      run: the run; its prior is one of latents in time, such as recurrent.
      files: files and folders of your own clips; test clips if absent.
      num: the number of test clips; 100 if absent.

    Returns:
      The paths, and the figures {"step", "clips", "validation", "mean": {score: [T]}, "p<=5%":
      {score: the share of frames}, "least_usual": [the number of a frame, for each clip]}.

    Raises:
      InputError: the prior is none of latents in time; or as `vae.tasks.inputs.given`.
    """
    dynamics(run)
    own = read(run, files=files, num=num, usual=NUM)
    valid = first_examples(run.dataset(), "valid", VALID, run.config).x
    scored, known = scores(run, own.x), scores(run, valid)
    under = {
        name: np.stack([p_values(_there(known[name][:, t]), v[:, t]) for t in range(v.shape[1])], 1)
        for name, v in scored.items()
    }
    least = np.where(np.isnan(under["surprise"]), np.inf, -scored["surprise"]).argmin(1) + 1
    path = names.picture(run, "surprise", own.tag, num=(num or NUM, NUM))
    title = f"Clips, each with the frame that surprises most, step {run.step:,}"
    captions = [f"{name}: frame {frame}" for name, frame in zip(own.names, least, strict=True)]
    paths = run.modality.sheet(own.x, run.event, title, captions=captions).save(path)
    columns = scored | {f"p of {name}": p for name, p in under.items()}
    with whole(path.with_suffix(".csv"), "w") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frame", *columns])
        for (row, t), there in np.ndenumerate(~np.isnan(scored["surprise"])):
            if there:
                cells = (f"{column[row, t]:.6g}" for column in columns.values())
                writer.writerow([own.names[row], t + 1, *cells])
    figures: dict[str, Any] = {
        "step": run.step,
        "clips": len(own.x),
        "validation": len(valid),
        "mean": {
            name: [_mean(of_frame) for of_frame in values.T] for name, values in scored.items()
        },
        "p<=5%": {name: float((_there(p) <= LEVEL).mean()) for name, p in under.items()},
        "least_usual": least.tolist(),
    }
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".csv"), path.with_suffix(".json")], figures)


def scores(run: Run, x: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the scores [N, T] of the frames of clips x [N, T, H, W, C], NaN where one lacks."""
    z = run.encode(x).mean

    @jax.jit
    def function(variables: Any, z: jax.Array) -> jax.Array:
        return run.model.latents(variables).log_probs(z).T

    found = apply_in_batches(lambda z: function(run.variables, z), z, BATCH, "scoring frames")
    error = ((run.decode(z) - x) ** 2).mean((2, 3, 4))
    return {"surprise": np.where(np.isnan(error), np.nan, -found), "reconstruction": error}


def _mean(values: np.ndarray) -> float | None:
    """Returns the mean of the values that are no NaN; None where all are."""
    there = _there(values)
    return float(there.mean()) if len(there) else None


def _there(values: np.ndarray) -> np.ndarray:
    """Returns the values that are no NaN."""
    return values[~np.isnan(values)]
