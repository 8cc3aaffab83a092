"""Experiments with variational autoencoders in JAX and Flax.

import vae
result = vae.train(config, "runs/digits")
run = vae.load("runs/digits")
x = run.sample(64)
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae.loading import load
    from vae.models.one_by_one import Decoding
    from vae.probability.solver import Solver
    from vae.run import Run
    from vae.tasks.output import Output
    from vae.train import train

__all__ = ["Decoding", "Output", "Run", "Solver", "load", "train"]


def __getattr__(name: str) -> Any:
    # A config file imports vae.config; it need not wait for JAX.
    modules = {
        "train": "vae.train",
        "load": "vae.loading",
        "Run": "vae.run",
        "Output": "vae.tasks.output",
        "Decoding": "vae.models.one_by_one",
        "Solver": "vae.probability.solver",
    }
    if name not in modules:
        raise AttributeError(f"module 'vae' has no attribute {name!r}")
    return getattr(importlib.import_module(modules[name]), name)


class _Package(types.ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # An import of vae/train.py binds its module here; `vae.train` is its function all the same.
        if name == "train" and isinstance(value, types.ModuleType):
            value = value.train
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
