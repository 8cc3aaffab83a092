"""Every kind of model codes every kind of discrete values without loss, in about -ELBO bits."""

import numpy as np
import pytest
from configs import tiny
from facts import facts
from untrained import small

from vae import models
from vae.compression import codec
from vae.compression.chains import chain_of
from vae.compression.numbers import numbers_of, x_of
from vae.probability.event import BINARY, Values

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
    return model, small(model), numbers


@pytest.mark.parametrize("name", MODELS)
def test_examples_come_back_to_the_last_bit_and_so_do_the_initial_bits(name):
    model, variables, numbers = made(name)
    y = np.arange(7) % 3 if model.condition else None
    x = np.asarray(x_of(numbers, model.event))
    np.testing.assert_array_equal(numbers_of(x, model.event), numbers)
    chain = chain_of(model, variables)
    codec.prepare(chain, numbers, y, 3)
    coded = codec.encode(chain, numbers, y, 3)
    assert sum(coded.rows) == 7 and max(coded.rows) <= 3
    np.testing.assert_array_equal(codec.decode(chain, coded, y, 3), numbers)
