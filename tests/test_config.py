import json

import ml_collections
import pytest
from configs import tiny

from vae.config import (
    CHOICES,
    base,
    differences,
    flatten,
    from_dict,
    resumable,
    to_dict,
    validate,
    validation,
    values,
)
from vae.config.mapping import RESUMABLE
from vae.errors import InputError


def test_the_defaults_are_valid():
    validate(base())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.likelihood", "bernouli", "model.likelihood='bernouli' must be one of bernoulli"),
        ("data.batch_size", 0, "data.batch_size=0 must be a whole number from 1 to"),
        ("objective.beta", -1.0, "objective.beta=-1.0 must be a number from 0 to 1e.30"),
        ("training.ema_decay", 1.0, "ema_decay=1.0 must be a number from 0 to 0.999999"),
        ("training.accumulate", 3, "data.batch_size=128 must be a multiple"),
        ("training.steps_per_call", 7, "must be a multiple of training.steps_per_call=7"),
        ("model.encoder_widths", (32, 0), "encoder_widths=.32, 0. must be a tuple of 0 to 32"),
        ("model.groups", (1, 2), "groups=.1, 2. has no effect with model.name='vae'"),
        ("objective.alpha", 1.5, "objective.alpha=1.5 must be a number from 0 to 1"),
        ("objective.groups", 2, "num_samples=1 must be a multiple of objective.groups=2"),
        ("objective.beta_schedule", "cosine", "has no effect with objective.beta_warmup_steps=0"),
        (
            "optimizer.weight_decay",
            0.1,
            "no effect with optimizer.name='adam', only with adamw",
        ),
        ("optimizer.learning_rate", float("nan"), "learning_rate=nan must be a number from 1e-30"),
    ],
)
def test_a_wrong_value_is_named(key, value, message):
    config = base()
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=message):
        validate(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.steps", None),
        ("training.steps", True),
        ("optimizer.learning_rate", True),  # of which ml_collections makes 1.0
        ("optimizer.clip_norm", None),
        ("optimizer.clip_norm", 1e308),  # infinite in float32
        pytest.param("optimizer.clip_norm", 10**400, id="clip_norm-digits"),  # no float at all
        ("optimizer.eps", 1e-300),  # 0 in float32
        ("optimizer.b2", 0.999999999),  # 1 in float32
        ("seed", 2**32),  # the same as 0
        pytest.param("seed", 10**5000, id="seed-digits"),  # more than Python writes
        ("model.blocks", 10**9),
        ("model.encoder_widths", None),
        ("model.encoder_widths", (8, None)),
        ("model.encoder_widths", ((8, 8), 8)),
        ("model.encoder_widths", (8,) * 33),
        ("model.levels", ()),
        ("data.crop", ("148/218", "148/178")),
        ("data.crop", (float("nan"), 0.5)),
        ("data.train", None),
        ("data.path", "a\0b"),
        ("log.num_images", 0),
        ("model.name", None),
    ],
)
def test_whatever_stands_at_a_key_is_checked(key, value):
    config = base()
    section, _, name = key.rpartition(".")
    (config[section] if section else config)[name] = value
    with pytest.raises(InputError, match=f"^{key}=.{{,90}} must be") as refused:
        validate(config)
    assert len(str(refused.value)) < 300


def test_a_billion_layers_are_too_many_however_they_are_written():
    with pytest.raises(InputError, match="more than 256 layers"):
        validate(tiny(model__blocks=100, model__encoder_widths=(8, 8, 8)))
    with pytest.raises(InputError, match="more than 256 layers"):
        validate(tiny(model__name="ladder", model__groups=(200, 200)))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__scale": "optimal"}, "scale='optimal' does not go with .*: choose fixed or lea"),
        ({"model__likelihood": "poisson", "model__scale": "fixed"}, "choose learned"),
        ({"model__likelihood_components": 3}, "only with mixture_of_logistics"),
    ],
)
def test_keys_of_another_likelihood_are_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        validate(tiny(**overrides))


def test_a_ladder_has_a_width_for_each_grid():
    with pytest.raises(InputError, match="must have one number for each grid"):
        validate(tiny(model__name="ladder", model__groups=(1, 2)))
    with pytest.raises(InputError, match="must be a tuple of numbers, not all of them 0"):
        validate(tiny(model__name="ladder", model__groups=(0, 0)))


def test_an_encoder_is_told_of_a_condition_that_there_is():
    validate(tiny(model__condition="label", model__encoder_told=False))
    with pytest.raises(InputError, match=r"no effect with model.condition='none'"):
        validate(tiny(model__encoder_told=False))
    gan = base()
    gan.model.update(name="gan", adversary="images", condition="label", encoder_told=False)
    with pytest.raises(InputError, match=r"no effect with model.name='gan', which has no encoder"):
        validate(gan)


def test_muon_has_whole_matrices():
    with pytest.raises(InputError, match=r"optimizer.name='muon' needs whole matrices"):
        validate(tiny(optimizer__name="muon", training__shard_state=True))


def test_objectives_that_compare_examples_need_two():
    config = tiny(objective__name="dip_i", data__batch_size=4, training__accumulate=4)
    with pytest.raises(InputError, match="compares the examples of a batch"):
        validate(config)


def test_a_mismatch_with_the_prior_is_not_rewarded():
    with pytest.raises(InputError, match=r"mmd_weight=0.5 must be at least 1"):
        validate(tiny(objective__name="info_vae", objective__mmd_weight=0.5))


def test_a_key_of_ones_own_is_refused_with_a_suggestion():
    config = ml_collections.ConfigDict(to_dict(base()))
    config.model.latent_dims = 3
    with pytest.raises(
        InputError, match=r"model.latent_dims is not .* did you mean 'model.latent_dim'"
    ):
        validate(config)


def test_a_missing_key_is_named():
    config = ml_collections.ConfigDict(to_dict(base()))
    del config.objective.beta
    with pytest.raises(InputError, match=r"objective\.beta is missing"):
        validate(config)


def test_json_and_back():
    config = tiny(model__encoder_widths=(3, 4))
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_a_file_of_before_a_key_has_its_default():
    earlier = to_dict(tiny(model__latent_dim=3))
    del earlier["model"]["image_loss"], earlier["objective"]["beta"]
    assert from_dict(earlier) == tiny(model__latent_dim=3)
    with pytest.raises(InputError, match=r"image_los is not a key .* did you mean"):
        from_dict({"model": {"image_los": "none"}})


def test_differences_name_the_keys():
    old, new = to_dict(tiny()), to_dict(tiny(training__steps=30, model__latent_dim=9))
    assert differences(old, new) == {"model.latent_dim": "4 -> 9", "training.steps": "20 -> 30"}
    assert resumable("training.steps") and resumable("log.every_steps")
    assert not resumable("model.latent_dim") and not resumable("training.ema_decay")


def test_every_rule_is_about_a_key_there_is():
    known = set(flatten(base()))
    assert set(CHOICES).isdisjoint(values.RULES)
    assert set(CHOICES) | set(values.RULES) == known
    assert set(validation.ONLY_WITH) <= known
    assert all(any(k == r or k.startswith(r + ".") for k in known) for r in RESUMABLE)
    for other, users in validation.ONLY_WITH.values():
        assert set(users) <= set(CHOICES[other])
