"""The functions of a model that a run is used by, compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

from vae.evaluation.likelihood import Estimate, make_estimator
from vae.evaluation.posterior import Posterior, make_sampler
from vae.models.parts import tempered
from vae.probability.distributions import split
from vae.probability.terms import Batch
from vae.training.devices import jit, make_mesh

Array = jax.Array


class Compiled:
    """The functions of a model that a run is used by, each compiled once for any variables."""

    def __init__(self, model: Any) -> None:
        def encode(variables: Any, batch: Batch) -> Any:
            return model.encode(variables, batch)

        def decode(variables: Any, inputs: tuple[Any, Array]) -> Array:
            return model.decode(variables, *inputs)

        def sample(
            variables: Any,
            inputs: tuple[Array, Array],
            prior: Any,
            temperature: Array | None,
            draw: bool,
        ) -> Array:
            keys, y = inputs
            z_keys, x_keys = split(keys)
            if prior is None:
                z = model.sample(variables, y, keys=z_keys, temperature=temperature)
            else:
                z = tempered(prior, temperature).sample(keys=z_keys)
            return model.decode(variables, z, y, keys=x_keys if draw else None)

        self.model = model
        self.mesh = make_mesh()
        self._sampler: Callable[..., Posterior] | None = None
        self._estimators: dict[tuple[int, int], Callable[..., Estimate]] = {}
        self.encode = jit(encode)
        self.decode = jit(decode)
        self.sample = jit(functools.partial(sample, draw=False))
        self.draw = jit(functools.partial(sample, draw=True))

    def estimator(self, num_samples: int, max_bytes: int) -> Callable[..., Estimate]:
        """See `make_estimator`, for batches whose `raw` examples are in the model's units."""
        settings = (num_samples, max_bytes)
        if settings not in self._estimators:
            self._estimators[settings] = make_estimator(
                self.model,
                lambda batch, table, keys: Batch(*batch.raw),
                self.mesh,
                num_samples=num_samples,
                max_bytes=max_bytes,
            )
        return self._estimators[settings]

    def sampler(self, variables: Any) -> Callable[..., Posterior]:
        """See `make_sampler`."""
        self._sampler = self._sampler or make_sampler(self.model, variables)
        return self._sampler
