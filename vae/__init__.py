"""Experiments with variational autoencoders in JAX and Flax.

import vae
result = vae.train(config, "runs/digits")
run = vae.load("runs/digits")
images = run.sample(64)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae.experiment import train
    from vae.run import Run, load

__all__ = ["Run", "load", "train"]


def __getattr__(name: str) -> Any:
    # A config file imports vae.config; it need not wait for JAX.
    modules = {"train": "vae.experiment", "load": "vae.run", "Run": "vae.run"}
    if name not in modules:
        raise AttributeError(f"module 'vae' has no attribute {name!r}")
    return getattr(importlib.import_module(modules[name]), name)
