"""Draws two pages of what a model of two latents has learned.

One is the manifold (Kingma & Welling 2014, "Auto-encoding variational Bayes", figure 4): the means
of p(x | z) for z on the grid

    z_d = F_d^-1(u),    u = 1/2n, 3/2n, ..., (2n - 1)/2n

F is the distribution function of the prior where that is N(0, I), else that of the latents of the
training set. The other has the posterior means of test examples, in the colours of their classes.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from vae.data.labels import class_name
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import charts, names
from vae.tasks.encodings import encodings
from vae.tasks.inputs import Given, check_vectors
from vae.tasks.output import Output
from vae.training.directory import write_json

STEPS = 20
SHOWN = 5000  # the most test examples


def manifold(run: Run, around: Given, steps: int) -> Output:
    """Draws both pages.

    Args:
      run: a run of two latents.
      around: one example, whose condition a conditional model is given for every z.
      steps: n, the number of decoded examples on a side.

    Raises:
      InputError: the latents are not a vector in R^2.
    """
    check_vectors(run)
    if (size := run.model.posterior.size) != 2:
        raise InputError(
            f"--manifold needs latents of two numbers, but those of {run.workdir} have {size}: "
            "train a run with --config.model.latent_dim=2, or leave it out."
        )
    shares = (np.arange(steps) + 0.5) / steps
    if standard := run.config.model.prior == "standard_normal":
        line = np.tile(norm.ppf(shares), (2, 1))
    else:
        line = np.quantile(encodings(run).z, shares, axis=0).T
    across, up = line.astype(np.float32)
    z = np.stack(np.meshgrid(across, up[::-1]), axis=-1)  # upwards on the page
    y = None if around.y is None else around.y.repeat(steps**2, axis=0)
    x = run.decode(z.reshape(-1, 2), y)
    x = x.reshape(steps, steps, *x.shape[1:])

    path = names.picture(run, "manifold", around.tag, steps=(steps, STEPS))
    of = "N(0, 1)" if standard else "the latents of the training set"
    told = f", with the condition of {around.names[0]}" if around.y is not None else ""
    title = (
        f"Manifold of the two latents, step {run.step:,}: the mean of p(x | z){told}; z0 (across) "
        f"and z1 (up) are quantiles of {of}, from {shares[0]:.3g} to {shares[-1]:.3g}"
    )
    sheet = run.modality.surface(x, run.event, title, across, up[::-1])
    picture, *others = sheet.save(path)

    scattered = names.picture(run, "latents")
    title = f"Posterior means of test examples, step {run.step:,}, by class (number of examples)"
    pictures.save(charts.scatter(_by_class(run), ("z0", "z1"), title, equal=True), scattered)
    figures = {"step": run.step, "z0": across.tolist(), "z1": up.tolist()}
    write_json(path.with_suffix(".json"), figures)
    paths = [picture, scattered, *others, path.with_suffix(".json")]
    return Output(paths, figures, sheet.text)


def _by_class(run: Run) -> dict[str, np.ndarray]:
    """Returns the posterior means [N, 2] of test examples, by the names of their classes."""
    batch = first_examples(run.dataset(), "test", SHOWN, run.config)
    x, y = np.asarray(batch.x), np.asarray(batch.y)
    means = run.encode(x, y if run.model.condition else None).mean
    means, y = means[np.isfinite(means).all(1)], y[np.isfinite(means).all(1)]
    if y.ndim > 1 or (y < 0).all():
        return {"test examples": means}
    known = [int(label) for label in np.unique(y)]
    called = {c: "no class" if c < 0 else class_name(c, run.classes) for c in known}
    return {f"{called[c]} ({(y == c).sum()})": means[y == c] for c in known}
