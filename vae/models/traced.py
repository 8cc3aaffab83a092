"""Traces a model with parts of one's own before anything is compiled.

What a part raises, and any wrong shape, becomes one sentence with the line of the part's file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from vae.config import flatten, own
from vae.errors import InputError
from vae.models.model import Model
from vae.models.parts import shapes
from vae.probability.distributions import sample_keys
from vae.probability.terms import Batch

SAMPLES = 3  # for each example; not 2, the number of examples, so that swapped axes show


def check_traced(config: ConfigDict, model: Model, examples: Callable[[], Batch]) -> None:
    """Refuses a model with parts of one's own that raise, or return arrays of the wrong shapes.

    Args:
      config: the experiment.
      model: its model, which is traced and not run.
      examples: returns a batch of two examples.

    Raises:
      InputError: a sentence with the part, what it was asked for, and the line where it failed.
    """
    names = {k: v for k, v in flatten(config.model).items() if own.is_own(v)}
    if not names:
        return
    where = ", ".join(f"model.{key}={value!r}" for key, value in names.items())
    batch = examples()
    keys = sample_keys(jax.random.split(jax.random.key(0), len(batch.x)), SAMPLES)

    def traced(what: str, function: Callable[..., Any], *inputs: Any) -> Any:
        try:
            return jax.eval_shape(function, *inputs)
        except InputError:
            raise
        except own.FAILURES as error:  # whatever somebody's own code raises
            raise own.told(error, f"{where}: {what}") from None

    def same(what: str, found: Any, wanted: Any, meaning: str = "") -> None:
        found, wanted = shapes(found), shapes(wanted)
        if found != wanted:
            raise InputError(
                f"{where}: {what} {_said(found)}, but must have {_said(wanted)}{meaning}."
            )

    start = traced("init", lambda: model.init(key=jax.random.key(0)))
    for path, leaf in jax.tree_util.tree_leaves_with_path(start["params"]):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise InputError(
                f"{where}: init makes {name} of {leaf.dtype}; params are learned, so let them be "
                "float32, and keep others in statistics."
            )
    for train in (True, False):

        def terms(variables: Any, train: bool = train) -> Any:
            found = model.terms(variables, batch, keys=keys, train=train)
            return found._replace(q=None, p=None)

        found = traced("terms", terms, start)
        of_samples = jax.ShapeDtypeStruct(keys.shape, jnp.float32)
        of_examples = jax.ShapeDtypeStruct(keys.shape[1:], jnp.float32)
        for name in ("log_px", "log_pz", "log_qz"):
            meaning = f", a number for each of {SAMPLES} samples and {keys.shape[1]} examples"
            same(f"{name} of its terms has", getattr(found, name), of_samples, meaning)
        for name, loss in found.losses.items():
            same(f"its loss {name!r} has", loss, of_examples, ", a number for each example")
        same(
            "statistics of its terms have",
            found.statistics,
            start["statistics"],
            " as at the start",
        )
        if train and set(found.losses) != set(model.loss_names):
            raise InputError(
                f"{where}: the losses of its terms are {sorted(found.losses)}, but its loss_names "
                f"{sorted(model.loss_names)}."
            )
    z = traced("sample", lambda v: model.sample(v, batch.y, keys=keys[0]), start)
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), found.z)
    same("samples of its prior have", z, one, " as those of its posterior")
    x = traced("decode", lambda v, z: model.decode(v, z, batch.y), start, z)
    same("what it decodes has", x, batch.x, " as the examples")
    drawn = traced("decode", lambda v, z: model.decode(v, z, batch.y, keys=keys[0]), start, z)
    same("what it draws has", drawn, batch.x, " as the examples")
    if model.encodes:
        q = traced("encode", lambda v: model.encode(v, batch), start)
        same("the mean of q(z | x) has", q.mean, z, " as a sample")


def _said(found: dict[str, tuple[int, ...]]) -> str:
    return (
        ", ".join(
            f"{name + ' ' if name else ''}shape {list(shape)}" for name, shape in found.items()
        )
        or "nothing"
    )
