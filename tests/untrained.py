"""Runs that were never trained, for tests of what is done with a run."""

import jax
import numpy as np
from facts import facts

from vae import models
from vae.compiled import Compiled
from vae.data.scales import unit_scales
from vae.probability.event import Event, Values
from vae.run import Run


def small(model) -> dict:
    """Small random variables of a model, for which no initialiser has to be compiled."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda x: rng.normal(0, 0.3, x.shape).astype(x.dtype),
        jax.eval_shape(lambda: model.init(key=jax.random.key(0))),
    )


def untrained(config, workdir, *, shape=(8, 8, 1), num_classes=0, **others) -> Run:
    """A run of examples of 17 levels, with small random weights; `others` are fields of `Run`."""
    model = models.build(config.model, facts(np.full(shape, 0.5), num_classes=num_classes))
    fields = {
        "config": config,
        "model": model,
        "variables": small(model),
        "event": Event(shape, Values("levels", 16.0, 17)),
        "step": 0,
        "workdir": workdir,
        "out": workdir,
        "attributes": (),
        "scales": unit_scales(0),
        "compiled": Compiled(model),
    }
    return Run(**fields | others)
