"""A model's functions as a run uses them, compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.evaluation.guided import make_guided
from vae.evaluation.likelihood import make_estimator
from vae.evaluation.posterior import Posterior, make_sampler
from vae.models.one_by_one import Decoding
from vae.models.parts import tempered
from vae.models.resized import resized
from vae.probability.distributions import split
from vae.probability.solver import Solver
from vae.probability.terms import Batch
from vae.training.devices import jit, make_mesh


class Compiled:
    """A model's functions as a run uses them, each compiled once for any variables."""

    def __init__(self, model: Any) -> None:
        def sample(variables: Any, inputs: Any, prior: Any, temperature: Any, draw: bool) -> Any:
            keys, y = inputs
            z_keys, x_keys = split(keys)
            if prior is None:
                z = model.sample(variables, y, keys=z_keys, temperature=temperature)
            else:
                z = tempered(prior, temperature).sample(keys=z_keys)
            return model.decode(variables, z, y, keys=x_keys if draw else None)

        def known(x: Any, y: Any) -> Batch:
            x, mask = model.event.values.known(x)
            return Batch(x, y, mask)

        self.model = model
        self.mesh = make_mesh()
        self._sampler: Callable[..., Posterior] | None = None
        self._latents: Any = None
        self.encode = jit(lambda variables, batch: model.encode(variables, known(*batch)))
        self.decode = jit(
            lambda variables, inputs: model.decode(variables, *inputs[:2], keys=inputs[2])
        )
        self.sample = jit(functools.partial(sample, draw=False))
        self.draw = jit(functools.partial(sample, draw=True))
        # See `make_estimator`; the `raw` examples of its batches are in the model's units.
        estimator = functools.partial(
            make_estimator, model, lambda batch, table, keys: known(*batch.raw), self.mesh
        )
        self.estimator = functools.cache(estimator)
        self._decoding = functools.cache(lambda decoding: Compiled(model.with_decoding(decoding)))
        self._resized = functools.cache(lambda places: Compiled(resized(model, places)))
        self._solver = functools.cache(lambda solver: Compiled(model.with_solver(solver)))

    def decoding(self, decoding: Decoding | None) -> Compiled:
        """Returns these functions for a model that decodes so."""
        return self if decoding is None else self._decoding(decoding)

    def solver(self, solver: Solver | None) -> Compiled:
        """Returns these functions for a model whose prior is followed so."""
        return self if solver is None else self._solver(solver)

    def resized(self, places: tuple[int, ...]) -> Compiled:
        """Returns these functions for examples of other places, see `vae/models/resized.py`."""
        return self._resized(places)

    def sampler(self, variables: Any) -> Callable[..., Posterior]:
        """Returns the posterior's sampler, see `make_sampler` and `make_guided`."""
        if not self._sampler:
            prior = self.model.prior
            guided = prior and prior.path
            self._sampler = (
                make_guided(self.model) if guided else make_sampler(self.model, variables)
            )
        return self._sampler

    def latents(self, variables: Any) -> Any:
        """Returns the shapes and types of one example's latents, a tree with leaves [1, ...]."""
        if self.model.posterior:
            return jax.ShapeDtypeStruct((1, self.model.posterior.size), jnp.float32)
        if self._latents is None:
            condition, keys = self.model.condition, jax.random.split(jax.random.key(0), 1)
            y = condition.unknown(1) if condition else None
            self._latents = jax.eval_shape(lambda v: self.model.sample(v, y, keys=keys), variables)
        return self._latents
