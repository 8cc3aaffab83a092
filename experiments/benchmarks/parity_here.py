"""Our side of `parity.py`: the model of a config with pythae's weights, its loss and gradient."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import parity_conventions
from jax.scipy.special import logit
from parity_conventions import Case

from vae import models
from vae.config import base
from vae.models.data import Data
from vae.models.parts import Variables
from vae.models.posteriors import hamiltonian, riemannian_hamiltonian
from vae.probability import distributions, hamiltonian_flow, hyperbolic, riemannian_flow
from vae.probability.ball import exp_map
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import BINARY, Event
from vae.probability.hyperbolic import RiemannianNormal
from vae.probability.objectives import objective_of
from vae.probability.objectives.objective import reading
from vae.probability.sphere import VonMisesFisher
from vae.probability.terms import Batch
from vae.rules.config import check_config
from vae.rules.model import check_model
from vae.training.devices import jit

Array = jax.Array


def compare(member: Any, x: np.ndarray, examples: int, file: Path) -> dict[str, float]:
    """Takes the loss of the batch x [B, H, W] of so many `examples` that pythae's `file` is about.

    Returns:
      pythae's loss `there`, ours `here`, ours by pythae's `convention`, and the largest relative
      difference of a weight array's `gradient`.
    """
    saved = dict(np.load(file))
    weights, draws, slopes = (
        {key.removeprefix(kind): saved[key] for key in saved if key.startswith(kind)}
        for kind in ("weight/", "draw/", "gradient/")
    )
    config = base()
    width, config.model.latent_dim = weights["decoder.body.weight"].shape
    config.model.encoder_widths = config.model.decoder_widths = (width,)
    config.update_from_flattened_dict(member.here)
    check_config(config)
    x = x[..., None]
    model = models.build(
        config.model, Data(Event(x.shape[1:], BINARY), x.mean(0), 0, lambda number: x[:number])
    )
    batch = Batch(jnp.asarray(x), index=jnp.arange(len(x)))
    check_model(config, model, lambda: batch)
    loss_of = functools.partial(
        loss_and_slope, weights, config.objective, model, batch, num_examples=examples
    )
    excess, patch = (getattr(parity_conventions, name) for name in (member.excess, member.patch))
    with given(draws):
        here, _ = loss_of(excess=parity_conventions.nothing)
        with patch():
            convention, own = loss_of(excess=excess)
    return {
        "there": float(saved["loss"]),
        "here": here,
        "convention": convention,
        "gradient": max(relative(own[name], slope) for name, slope in slopes.items()),
    }


def loss_and_slope(
    weights: dict[str, Array],
    config: ml_collections.ConfigDict,
    model: Any,
    batch: Batch,
    *,
    num_examples: int,
    excess: Callable[[Case], Array],
) -> tuple[float, dict[str, Array]]:
    """The mean loss less the `excess`, and its gradient with respect to pythae's weights.

    Where the parts of q have a loss of their own it is added, and their gradient is of that one.
    """
    keys = example_keys(jax.random.key(1), batch.index)
    settings = dict(config.items()) | {"axis": None, "keys": keys, "num_examples": num_examples}
    objective = objective_of(config)
    variables = model.init(key=jax.random.key(0))

    def mean_loss(weights: dict[str, Array], loss: Callable[..., Array]) -> Array:
        own = carried(weights, variables)
        sampled = sample_keys(keys, config.num_samples)
        terms = model.terms(own, batch, keys=sampled, train=True)
        case = Case(config, model, own, batch, terms)
        return jnp.mean(reading(loss, settings)(terms) - excess(case))

    def both(weights: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        value, slope = jax.value_and_grad(mean_loss)(weights, objective.loss)
        if objective.inference_loss is None:
            return value, slope
        second, own = jax.value_and_grad(mean_loss)(weights, objective.inference_loss)
        return value + second, {
            name: (own if name.startswith("encoder") else slope)[name] for name in weights
        }

    value, slope = jit(both)(weights)
    return float(value), jax.device_get(slope)


def relative(value: np.ndarray, reference: np.ndarray) -> float:
    """The norm of the difference over that of the reference, where it has one."""
    return float(np.linalg.norm(value - reference) / (np.linalg.norm(reference) or 1.0))


@contextlib.contextmanager
def given(draws: dict[str, np.ndarray]) -> Iterator[None]:
    """Noise is what pythae drew: of z first, [B, ..., D], of p(z) last, [B, D].

    A direction on the sphere, or a distance in the ball, is drawn apart from q there, so that it
    has no gradient.
    """

    def standard_normal(keys: Array, dim: int) -> Array:
        if keys.ndim == 1:
            return jnp.asarray(draws[max(draws)])
        noise = draws["0"]
        last = noise.ndim - 1
        return jnp.asarray(noise.transpose(*range(last)[::-1], last).reshape(*keys.shape, dim))

    def direction(q: VonMisesFisher, *, keys: Array) -> tuple[Array, Array]:
        z = standard_normal(keys, q.mean.shape[-1])
        z /= jnp.linalg.norm(z, axis=-1, keepdims=True)
        return z, q.log_prob(z)

    def in_ball(q: RiemannianNormal, *, keys: Array) -> tuple[Array, Array]:
        v = standard_normal(keys, q.mean.shape[-1])
        z = exp_map(q.mean, v, q.curvature)
        return z, q.log_prob(z)

    def momentum(keys: Array, dim: int) -> Array:
        return jnp.asarray(draws["1"]).reshape(*keys.shape, dim)

    with (
        mock.patch.object(distributions, "standard_normal", standard_normal),
        mock.patch.object(hyperbolic, "standard_normal", standard_normal),
        mock.patch.object(hamiltonian_flow, "standard_normal", momentum),
        mock.patch.object(riemannian_flow, "standard_normal", momentum),
        mock.patch.object(RiemannianNormal, "sample_and_log_prob", in_ball),
        mock.patch.object(VonMisesFisher, "sample_and_log_prob", direction),
    ):
        yield


def carried(weights: dict[str, Array], variables: Variables) -> Variables:
    """Our variables with pythae's weights; differentiable."""

    def dense(name: str) -> dict[str, Array]:
        return {"kernel": weights[f"{name}.weight"].T, "bias": weights[f"{name}.bias"]}

    params, statistics = dict(variables["params"]), dict(variables["statistics"])
    head, of_flows = dense("encoder.head"), jnp.zeros(0)
    if "net.0.w" in weights:
        of_flows = planar_outputs(weights)
    if "net.0.x0" in weights:
        of_flows = radial_outputs(weights)
    if "eps_lf" in weights:
        family = riemannian_hamiltonian if "metric.head.weight" in weights else hamiltonian
        share = weights["eps_lf"][0] / family.LARGEST * jnp.ones(params["posterior"]["step"].shape)
        cold = weights["beta_zero_sqrt"][0] ** 2
        params["posterior"] = {"step": logit(share), "tempering": logit(cold)}
    if "iaf_flow.net.0.net.0.weight" in weights:
        params["posterior"] = autoregressive_networks(weights, params["posterior"])
        of_flows = jnp.zeros(len(params["posterior"]["flow_0"]["context"]["kernel"]))
    if "metric.head.weight" in weights:
        metric = dense("metric.head")
        head = {name: jnp.concatenate([head[name], metric[name]], axis=-1) for name in head}
    head = {  # pythae's flows are the same for every x
        "kernel": jnp.pad(head["kernel"], ((0, 0), (0, len(of_flows)))),
        "bias": jnp.concatenate([head["bias"], of_flows]),
    }
    params["encoder"] = {"DenseLayer_0": {"Dense_0": dense("encoder.body")}, "head": head}
    params["decoder"] = {
        "DenseLayer_0": {"Dense_0": dense("decoder.body")},
        "head": dense("decoder.head"),
    }
    if "pseudo_inputs.0.weight" in weights:
        images = sum(dense("pseudo_inputs.0").values())  # of the identity matrix
        logits = jnp.log(images) - jnp.log1p(-images)
        params["prior"] = {"logits": logits.reshape(params["prior"]["logits"].shape)}
    if "quantizer.embeddings" in weights:
        usage = statistics["quantizer"]["usage"]
        sums = usage[:, None] * weights["quantizer.embeddings"]
        statistics["quantizer"] = {"usage": usage, "sums": sums}
    return {"params": params, "statistics": statistics}


def planar_outputs(weights: dict[str, Array]) -> Array:
    """What an encoder gives for planar flows z + u tanh(w.z + b), w.u > -1, whatever x is.

    Ours moves u along w until w.u = m(w.u) (see `flows.planar`); this is the way back.
    """
    outputs = []
    for i in range(sum(name.endswith(".w") for name in weights)):
        w, u, b = (weights[f"net.{i}.{name}"].reshape(-1) for name in "wub")
        before = jnp.log(jnp.expm1(1 + w @ u)) - jnp.log(jnp.expm1(1.0))
        outputs += [u + (before - w @ u) / (w @ w) * w, w, b]
    return jnp.concatenate(outputs)


def radial_outputs(weights: dict[str, Array]) -> Array:
    """What an encoder gives for radial flows, whatever x is: a softplus makes a and s."""
    outputs = []
    for i in range(sum(name.endswith(".x0") for name in weights)):
        centre, log_a, s = (weights[f"net.{i}.{name}"] for name in ("x0", "log_alpha", "beta"))
        outputs += [centre[0], jnp.log(jnp.expm1(jnp.exp(log_a))), s]
    return jnp.concatenate(outputs)


def autoregressive_networks(weights: dict[str, Array], ours: Any) -> Any:
    """The masked networks, whose hidden units pythae numbers otherwise, without a context.

    Ours are sorted by degree; those of degree 0, which see the context alone, are left at 0.
    """
    size = weights["iaf_flow.net.0.net.0.weight"].shape[1]
    hidden = weights["iaf_flow.net.0.net.2.weight"].shape[0]
    order = np.argsort(np.arange(hidden) % (size - 1), kind="stable")
    unused = (hidden // (size - 1), 0)

    def flow(name: str) -> Any:
        (w0, b0), (w1, b1), (w2, b2) = (
            (weights[f"{name}.net.{i}.weight"], weights[f"{name}.net.{i}.bias"]) for i in (0, 2, 4)
        )
        w2, b2 = (a.reshape(2, size, -1).swapaxes(0, 1).reshape(2 * size, -1) for a in (w2, b2))
        return {
            "MaskedDense_0": {
                "kernel": jnp.pad(w0[order].T, ((0, 0), unused)),
                "bias": jnp.pad(b0[order], unused),
            },
            "MaskedDense_1": {
                "kernel": jnp.pad(w1[order][:, order].T, (unused, unused)),
                "bias": jnp.pad(b1[order], unused),
            },
            "head": {"kernel": jnp.pad(w2[:, order].T, (unused, (0, 0))), "bias": b2.reshape(-1)},
            "context": jax.tree.map(jnp.zeros_like, ours["flow_0"]["context"]),
        }

    names = [f"iaf_flow.net.{i}" for i in range(len(ours))]
    return {f"flow_{i}": flow(name) for i, name in enumerate(reversed(names))}
