import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.config import base, own
from vae.config.axes import AXES
from vae.errors import InputError
from vae.models.losses.regularizers import L2
from vae.models.posteriors.gaussian import Gaussian
from vae.models.priors.fixed import Fixed
from vae.models.vae import VAE
from vae.probability.density import Variational
from vae.probability.event import BINARY, BYTES, Event, Values
from vae.probability.terms import Batch
from vae.rules.config import CAUSAL, check_config
from vae.rules.data import check_data
from vae.rules.model import check_model
from vae.rules.steps import COUPLED

SHAPE = (2, 2, 1)


def example():
    return Batch(jnp.zeros((1, *SHAPE)), jnp.zeros(1, int), index=jnp.zeros(1, int))


def check(model, **settings):
    config = base()
    config.objective.update(settings)
    check_model(config, model, example)


class Causal(VAE):
    causal = True


class Shared(VAE):
    inference = ("encoder", "decoder")


class Hierarchical(VAE):
    def terms(self, *args, **kwargs):
        return super().terms(*args, **kwargs)._replace(q=None, p=None)


@dataclasses.dataclass(frozen=True)
class Implicit(Gaussian):
    """A posterior whose density is known at its own samples alone."""

    def distribution(self, *args, **kwargs):
        q = super().distribution(*args, **kwargs)

        class Q(Variational):
            mean, kl, sample_and_log_prob = q.mean, q.kl, q.sample_and_log_prob

            def shifted(self, by):
                return self

        return Q()


@dataclasses.dataclass(frozen=True)
class Encoded(Fixed):
    uses_encoder = True


MODEL = models.build(base().model, facts(np.full(SHAPE, 0.5), BINARY))


# All but the one for which a prior is learned.
@pytest.mark.parametrize("name", [name for name in AXES["objective.name"] if name != "prior"])
def test_a_gaussian_serves_every_objective(name):
    check(MODEL, name=name)


def test_few_samples_are_drawn_for_objectives_and_losses_of_weights_alone():
    check(MODEL, name="dreg", backward_samples=2)
    regularised = dataclasses.replace(MODEL, losses=(L2(1.0),))
    with pytest.raises(InputError, match=r"loss 'regularizer' does not use"):
        check(regularised, name="iwae", backward_samples=2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stl", "density of q.z . x. at any z"),
        ("dreg", "density of q.z . x. at any z"),
        ("beta_tc", "density of each dimension"),
        ("dip_ii", "standard deviation of each dimension"),
    ],
)
def test_a_posterior_that_lacks_what_is_asked_is_refused(name, message):
    implicit = dataclasses.replace(MODEL, posterior=Implicit(16))
    with pytest.raises(InputError, match=message):
        check(implicit, name=name)
    check(implicit, name="iwae")
    check(implicit, name="dip_i")


@pytest.mark.parametrize("name", ["dreg", "beta_tc", "dip_i", "wae"])
def test_latents_that_are_not_one_vector_are_refused(name):
    fields = {field.name: getattr(MODEL, field.name) for field in dataclasses.fields(MODEL)}
    with pytest.raises(InputError, match="which this model does not have"):
        check(Hierarchical(**fields), name=name)
    check(Hierarchical(**fields), name="piwae")


@pytest.mark.parametrize("name", ["dreg", "piwae"])
def test_the_encoder_is_not_trained_apart_where_the_prior_is_made_of_it(name):
    encoded = dataclasses.replace(MODEL, prior=Encoded(MODEL.prior.p, "real"))
    with pytest.raises(InputError, match=r"choose another model.prior"):
        check(encoded, name=name)
    check(encoded, name="stl")


def test_a_posterior_that_shares_the_decoder_has_no_loss_of_its_own():
    shared = Shared(**{f.name: getattr(MODEL, f.name) for f in dataclasses.fields(MODEL)})
    with pytest.raises(InputError, match="made of the decoder, too"):
        check(shared, name="piwae")
    check(shared, name="iwae")


def loss(terms, *, beta, rate=1.0):
    return rate * beta * terms.log_px.mean(0)


def test_an_objective_of_one_s_own_reads_what_it_names():
    name = f"{__name__}:loss"
    config = base()
    config.objective.update(name=name, beta=2.0, beta_warmup_steps=3, settings={"rate": 0.5})
    check_config(config)
    check_model(config, MODEL, example)
    config.objective.settings.rates = 1
    with pytest.raises(InputError, match=r"has 'rates', which .* does not take; did you mean 'ra"):
        check_model(config, MODEL, example)
    check(MODEL, name=name, beta=2.0)
    with pytest.raises(InputError, match=r"objective.free_bits=1.0 is nothing that .*loss takes"):
        check(MODEL, name=name, free_bits=1.0)


def test_the_rules_name_the_parts_that_are_such():
    of_batch = {k for k, v in AXES["objective.name"].items() if "aggregate" in v.part}
    assert of_batch == set(COUPLED)
    for name, choice in AXES["model.decoder"].items():
        assert own.resolve(choice.part).causal == (name in CAUSAL)


CAUSAL_NOISE = {
    "model__decoder": "gru",
    "model__word_dropout": 0.5,
    "objective__backward_samples": 2,
}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__name": "semi_supervised", "model__posterior": "point"}, "no density to weigh"),
        (
            {"model__name": "semi_supervised", "model__posterior": "batch_normalized"},
            "one for each class",
        ),
        (
            {"model__posterior": "batch_normalized", "training__accumulate": 32},
            "compares the examples of a batch",
        ),
        ({"model__prior": "exemplar", "model__prior_components": 1}, "must be at least 2"),
        ({"model__prior": "conditional"}, "needs model.condition='label' or 'attributes'"),
        ({"model__name": "vq", "model__transformer_width": 6}, "transformer_width=6 must be a mul"),
        ({"model__decoder": "gru", "model__decoder_widths": ()}, "needs at least one of model.dec"),
        ({"model__decoder": "causal_transformer", "model__decoder_widths": (8, 4)}, "be equal and"),
        ({"model__decoder": "lstm", "model__image_loss": "ms_ssim"}, "choose another decoder"),
        (
            {"model__encoder": "lstm", "model__encoder_widths": ()},
            "needs at least one of model.enc",
        ),
        (
            {"model__encoder": "transformer", "model__encoder_widths": (6,)},
            "multiples of 4 with mo",
        ),
        ({"model__dropout": 0.5}, "model.dropout=0.5 has no effect with model.decoder='mlp'"),
        (
            {**CAUSAL_NOISE, "objective__name": "iwae", "objective__num_samples": 4},
            "leave one at 0",
        ),
        (
            {
                "model__decoder": "gru",
                "model__tied_embeddings": True,
                "model__decoder_widths": (8, 4),
            },
            "a last layer as wide as the first",
        ),
        (
            {
                "model__decoder": "causal_transformer",
                "model__decoder_widths": (8,),
                "model__latent_input": "state",
            },
            "is of recurrent layers",
        ),
        ({"data__binarize": "dynamic", "data__dequantize": True}, "choose one"),
        ({"data__settings": {"a": 1}}, "data.settings.a has no effect with data.name='digits'"),
    ],
)
def test_what_cannot_go_together_is_refused_before_data_are_read(overrides, message):
    with pytest.raises(InputError, match=message):
        check_config(tiny(**overrides))


def test_a_causal_decoder_of_one_s_own_has_no_mean():
    config = tiny(model__decoder="mine:Mine", model__image_loss="ms_ssim")
    check_config(config)
    with pytest.raises(InputError, match="choose another decoder"):
        check_model(config, Causal(**vars(MODEL)), example)


FLOATS = Values("real", low=-10.0, high=9.0)
COUNTS = Values("counts", 3000.0, 3001)
TOKENS = Values("tokens", levels=90)
NOISE, DRAWN = {"data__dequantize": True}, {"data__binarize": "dynamic"}
GAN = {"model__name": "gan"}


def asked(values, overrides, num_classes=0, attributes=()):
    known = {"num_classes": num_classes, "attributes": attributes}
    check_data(tiny(**overrides), Event((2, 2, 1), values), **known)


def test_another_condition_that_the_data_have_is_named():
    values, names = Values("levels", 16.0, 17), ("digit=0", "digit=1", "who=a", "who=b")
    with pytest.raises(InputError, match=r"attributes \(digit, who\): choose 'attributes'"):
        asked(values, {"model__condition": "label"}, attributes=names)
    with pytest.raises(InputError, match="have 3 classes: choose 'label'"):
        asked(values, {"model__condition": "attributes"}, num_classes=3)


@pytest.mark.parametrize(
    ("values", "overrides", "message"),
    [
        (FLOATS, DRAWN, r"data.binarize .* range over \[-10, 9\]: rescale"),
        (FLOATS, NOISE, "data.dequantize needs values of equally spaced levels"),
        (COUNTS, DRAWN, "data.binarize is for grey values, .* counts up to 3000"),
        (TOKENS, DRAWN, "data.binarize is for numbers, .* tokens: leave it out"),
        (TOKENS, NOISE, "data.dequantize is for numbers"),
        (COUNTS, GAN, r"makes values in \[0, 1\], but the data are counts: use 'vae'"),
        (FLOATS, GAN, r"but the data range over \[-10, 9\]: rescale them"),
        (BYTES, {"model__name": "semi_supervised"}, "needs labels, but the data have none"),
        (BYTES, {"model__condition": "label"}, "'label' needs labels, but the data have none"),
        (BYTES, {"model__condition": "attributes"}, "'attributes' needs attributes, but the data"),
    ],
)
def test_data_that_are_not_such_are_refused(values, overrides, message):
    with pytest.raises(InputError, match=message):
        asked(values, overrides)


def test_data_that_are_such_are_not_refused():
    for values, overrides in ((BYTES, DRAWN), (BYTES, NOISE), (COUNTS, NOISE), (FLOATS, {})):
        asked(values, overrides)
    asked(BYTES, {"model__condition": "label"}, num_classes=3)
    asked(BYTES, {"model__condition": "attributes"}, attributes=["a"] * 1)
    asked(BYTES, GAN)
