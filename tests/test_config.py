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
)
from vae.config.mapping import RESUMABLE
from vae.errors import InputError


def test_the_defaults_are_valid():
    validate(base())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.likelihood", "bernouli", "model.likelihood='bernouli' must be one of bernoulli"),
        ("data.batch_size", 0, "data.batch_size=0 must be greater than 0"),
        ("objective.beta", -1.0, "objective.beta=-1.0 must be finite and not negative"),
        ("training.ema_decay", 1.0, "training.ema_decay=1.0 must be at least 0 and below 1"),
        ("training.accumulate", 3, "data.batch_size=128 must be a multiple"),
        ("training.steps_per_call", 7, "must be a multiple of training.steps_per_call=7"),
        ("model.encoder_widths", (32, 0), "encoder_widths=.32, 0. must be a tuple"),
        ("model.groups", (1, 2), "groups=.1, 2. has no effect with model.name='vae'"),
        ("objective.alpha", 1.5, "objective.alpha=1.5 must be at most 1"),
        ("objective.groups", 2, "num_samples=1 must be a multiple of objective.groups=2"),
        ("objective.beta_schedule", "cosine", "has no effect with objective.beta_warmup_steps=0"),
        (
            "optimizer.weight_decay",
            0.1,
            "no effect with optimizer.name='adam', only with adamw",
        ),
        ("optimizer.learning_rate", float("nan"), "learning_rate=nan must be greater than 0"),
    ],
)
def test_a_wrong_value_is_named(key, value, message):
    config = base()
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=message):
        validate(config)


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
    named = {
        *CHOICES,
        *validation.POSITIVE,
        *validation.NOT_NEGATIVE,
        *validation.BELOW_ONE,
        *validation.AT_MOST_ONE,
        *validation.ONLY_WITH,
    }
    assert named <= known
    assert all(any(k == r or k.startswith(r + ".") for k in known) for r in RESUMABLE)
    for other, users in validation.ONLY_WITH.values():
        assert set(users) <= set(CHOICES[other])
