"""Every kind of model codes every kind of discrete values without loss, in about -ELBO bits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts
from untrained import small

from vae import models
from vae.compression import codec
from vae.compression.chains import chain_of
from vae.compression.numbers import batch_of
from vae.compression.stack import Stack, seeded
from vae.errors import InputError
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import BINARY, Values
from vae.probability.terms import log_weights

pytest.importorskip("constriction")

TOKENS = Values("tokens", levels=7, missing=True, end=0)
RAGGED = Values("levels", scale=4.0, levels=5, missing=True)
COUNTS = Values("counts", scale=6.0, levels=7)
SEQUENCE = {"model__encoder": "lstm", "model__decoder": "gru", "model__decoder_widths": (8,)}
CODES = {
    "model__codebook_size": 5,
    "model__levels": (3, 2),
    "model__num_latents": 3,
    "model__transformer_width": 4,
    "model__transformer_layers": 1,
}
LADDER = {
    "model__name": "ladder",
    "model__groups": (2, 1),
    "model__encoder_widths": (4, 4),
    "model__decoder_widths": (4, 4),
    "model__latent_dim": 1,
}
ONEHOT = {
    "model__posterior": "categorical",
    "model__prior": "uniform_categorical",
    "model__latent_dim": 2,
    "model__categories": 3,
}
MODELS = {
    "binary": ((4, 4, 1), BINARY, {"model__likelihood": "bernoulli"}),
    "levels": ((4, 4, 1), None, {}),
    "mixture": ((4, 4, 1), None, {"model__prior": "mixture", "model__prior_components": 3}),
    "onehot": ((4, 4, 1), None, ONEHOT),
    "told": ((4, 4, 1), None, {"model__condition": "label", "model__prior": "conditional"}),
    "two layers": ((4, 4, 1), None, {"model__name": "two_layer", "model__top_dim": 2}),
    "ladder": ((4, 4, 1), None, LADDER),
    "codes": ((4, 4, 1), None, {"model__name": "vq", **CODES}),
    "colours": ((2, 3, 3), None, {"model__likelihood": "mixture_of_logistics"}),
    "counts": ((9,), COUNTS, {"model__likelihood": "negative_binomial"}),
    "causal": (
        (2, 3, 2),
        None,
        {"model__likelihood": "categorical", **SEQUENCE, "model__encoder": "mlp"},
    ),
    "text": ((5, 1), TOKENS, {"model__likelihood": "categorical", **SEQUENCE}),
    "ragged": ((5, 2), RAGGED, {"model__likelihood": "categorical", **SEQUENCE}),
}


def made(name):
    """A model, small variables, and x of seven examples."""
    shape, values, settings = MODELS[name]
    rng = np.random.default_rng(1)
    data = facts(np.full(shape, 0.5), values, num_classes=3)
    model = models.build(tiny(**settings).model, data)
    values = model.event.values
    numbers = rng.integers(1 if values.end is not None else 0, values.levels, (7, *shape))
    if values.missing:
        lengths = rng.integers(1, shape[0] + 1, 7)
        for row, length in zip(numbers, lengths, strict=True):
            row[length:] = -1
            if values.end is not None and length < shape[0]:
                row[length - 1] = values.end
    numbers = numbers.reshape(7, -1).astype(np.int32)
    variables = small(model)
    if model.condition:  # the origin of latents given y is a regression, not any numbers
        start = jax.jit(model.init)(key=jax.random.key(0))
        variables = {"params": variables["params"], "statistics": start["statistics"]}
    return model, variables, numbers


QUICK = ("two layers", "text")  # the others take a second each


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in MODELS],
)
def test_examples_come_back_to_the_last_bit_in_minus_the_elbo_bits(name):
    model, variables, numbers = made(name)
    y = np.arange(7) % 3 if model.condition else None
    chain = chain_of(model, variables)
    coded = codec.encode(chain, numbers, y, 3, codec.popped_bits(chain, numbers, y, 3))
    assert sum(coded.rows) == 7 and max(coded.rows) <= 3
    np.testing.assert_array_equal(codec.decode(chain, coded, y, 3), numbers)

    keys = sample_keys(example_keys(jax.random.key(0), jnp.arange(7)), 200)
    terms = jax.jit(model.terms)(variables, batch_of(numbers, y, model.event), keys=keys)
    bits = -np.asarray(log_weights(terms), np.float64) / np.log(2)
    lengths = 7 * np.log2(6) if name == "ragged" else 0.0
    net = Stack(coded.words).bits - Stack(seeded(coded.initial)).bits
    spread = np.sqrt(bits.var(0).sum())  # of one draw of all latents
    assert abs(net - bits.mean(0).sum() - lengths) < 4 * spread + 3


def test_models_that_have_no_code_are_refused():
    for settings, reason in (
        ({"model__likelihood": "gaussian"}, "no probability of its values"),
        ({"model__likelihood": "bernoulli"}, "no probability of its values"),
        (
            {"model__likelihood": "negative_binomial", "model__dispersion": "per_channel"},
            "numbers that values share",
        ),
        ({"model__posterior": "iaf"}, "its latents have no code"),
        ({"model__prior": "maf"}, "its latents have no code"),
        ({"model__name": "semi_supervised"}, "its model has no code"),
    ):
        values = COUNTS if "model__dispersion" in settings else None
        data = facts(np.full((4, 4, 1), 0.5), values, num_classes=3)
        model = models.build(tiny(**settings).model, data)
        with pytest.raises(InputError, match=reason):
            chain_of(model, None)
