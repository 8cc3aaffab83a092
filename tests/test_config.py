import copy
import json
import math

import ml_collections
import pytest
from configs import tiny

from vae.config import (
    base,
    check_values,
    differences,
    flatten,
    from_dict,
    get,
    override,
    resumable,
    to_dict,
)
from vae.config.axes import AXES
from vae.config.keys import FREE, KEYS, settings_key
from vae.config.mapping import RESUMABLE
from vae.config.reads import READERS, is_read
from vae.config.traced import static
from vae.config.values import Choices
from vae.errors import InputError
from vae.experiments import load
from vae.rules.config import check_config


def test_the_defaults_are_valid():
    check_config(base())


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
        ("objective.groups", 2, "no effect with objective.name='elbo', only with miwae or piwae"),
        ("objective.beta_schedule", "cosine", "has no effect with objective.beta_warmup_steps=0"),
        (
            "optimizer.weight_decay",
            0.1,
            "no effect with optimizer.name='adam', only with adamw",
        ),
        ("objective.capacity", 1.0, "no effect with objective.name='elbo', only with capacity"),
        ("model.scale_init", 1.0, "no effect with model.likelihood='bernoulli', only with gau"),
        ("model.scale", "module:f", "model.scale='module:f' must be one of fixed, .*optimal."),
        ("optimizer.learning_rate", float("nan"), "learning_rate=nan must be a number from 1e-30"),
    ],
)
def test_a_wrong_value_is_named(key, value, message):
    config = base()
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=message):
        check_config(config)


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
        check_config(config)
    assert len(str(refused.value)) < 300


def test_a_billion_layers_are_too_many_however_they_are_written():
    with pytest.raises(InputError, match="more than 256 layers"):
        check_config(tiny(model__blocks=100, model__encoder_widths=(8, 8, 8)))
    with pytest.raises(InputError, match="more than 256 layers"):
        check_config(tiny(model__name="ladder", model__groups=(200, 200)))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__scale": "optimal"}, "scale='optimal' does not go with .*: choose fixed or lea"),
        ({"model__likelihood": "poisson", "model__scale": "fixed"}, "only with gaussian or lapl"),
        ({"model__likelihood_components": 3}, "only with mixture_of_logistics"),
    ],
)
def test_keys_of_another_likelihood_are_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        check_config(tiny(**overrides))


def test_a_ladder_has_a_width_for_each_grid():
    with pytest.raises(InputError, match="must have one number for each grid"):
        check_config(tiny(model__name="ladder", model__groups=(1, 2)))
    with pytest.raises(InputError, match="must be a tuple of numbers, not all of them 0"):
        check_config(tiny(model__name="ladder", model__groups=(0, 0)))


def test_an_encoder_is_told_of_a_condition_that_there_is():
    check_config(tiny(model__condition="label", model__encoder_told=False))
    with pytest.raises(InputError, match=r"no effect with model.condition='none'"):
        check_config(tiny(model__encoder_told=False))
    gan = base()
    gan.model.update(name="gan", adversary="images", condition="label", encoder_told=False)
    with pytest.raises(InputError, match=r"no effect with model.name='gan', which has no encoder"):
        check_config(gan)


def test_groups_of_samples_are_equal():
    with pytest.raises(InputError, match=r"num_samples=3 must be a multiple of objective.groups=2"):
        check_config(tiny(objective__name="miwae", objective__num_samples=3, objective__groups=2))


def test_muon_has_whole_matrices():
    with pytest.raises(InputError, match=r"optimizer.name='muon' needs whole matrices"):
        check_config(tiny(optimizer__name="muon", training__shard_state=True))


def test_objectives_that_compare_examples_need_two():
    config = tiny(objective__name="dip_i", data__batch_size=4, training__accumulate=4)
    with pytest.raises(InputError, match="compares the examples of a batch"):
        check_config(config)


def test_a_mismatch_with_the_prior_is_not_rewarded():
    with pytest.raises(InputError, match=r"mmd_weight=0.5 must be at least 1"):
        check_config(tiny(objective__name="info_vae", objective__mmd_weight=0.5))


def test_a_key_of_ones_own_is_refused_with_a_suggestion():
    config = ml_collections.ConfigDict(to_dict(base()))
    config.model.latent_dims = 3
    with pytest.raises(
        InputError, match=r"model.latent_dims is not .* did you mean 'model.latent_dim'"
    ):
        check_config(config)


def test_a_missing_key_is_named():
    config = ml_collections.ConfigDict(to_dict(base()))
    del config.objective.beta
    with pytest.raises(InputError, match=r"objective\.beta is missing"):
        check_config(config)


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


def test_every_row_is_about_a_key_there_is():
    assert {key for key, row in KEYS.items() if isinstance(row.rule, Choices)} == set(AXES)
    assert set(READERS) <= set(KEYS)
    assert {settings_key(axis) for axis in AXES} & FREE == FREE - {"data.settings"}
    assert all(any(k == r or k.startswith(r + ".") for k in KEYS) for r in RESUMABLE)
    assert all(row.about.endswith(".") for row in (*KEYS.values(), *_choices()))


def _choices():
    return [choice for choices in AXES.values() for choice in choices.values()]


@pytest.mark.parametrize("key", sorted(READERS))
def test_a_key_is_read_with_each_choice_that_says_so_and_with_no_other(key):
    for axis, names in READERS[key].items():
        if axis not in READERS:
            for name in AXES[axis]:
                config = base()
                override(config, {axis: name})
                others = {k: v for k, v in READERS[key].items() if k != axis}
                read = name in names or any(get(config, k) in v for k, v in others.items())
                assert is_read(config, key) == read


def gan(**objective):
    config = base()
    config.model.update(name="gan", adversary="images")
    config.objective.update(objective)
    return config


def test_an_objective_has_no_effect_without_a_likelihood():
    with pytest.raises(InputError, match=r"objective.num_samples=5 has no effect .*name='gan'"):
        check_config(gan(num_samples=5))
    with pytest.raises(InputError, match=r"objective.beta=4.0 has no effect .*name='gan'"):
        check_config(gan(beta=4.0))


OWN = "mine:Mine"


def test_one_s_own_stands_where_a_part_does():
    for axis in AXES:
        config = tiny(**{axis.replace(".", "__"): OWN})
        if KEYS[axis].rule.are_parts():
            check_values(config)
        else:
            with pytest.raises(InputError, match=f"{axis}='{OWN}' must be one of"):
                check_values(config)


def test_one_s_own_part_reads_settings_and_no_key_of_others():
    check_config(tiny(model__prior=OWN, model__prior_settings={"components": 3}))
    with pytest.raises(InputError, match=r"only with .*; give your own model.prior_settings.compo"):
        check_config(tiny(model__prior=OWN, model__prior_components=3))
    with pytest.raises(InputError, match=r"model.adversary_settings.a=1 has no effect with model"):
        check_config(tiny(model__adversary_settings={"a": 1}))


def test_nobody_knows_what_one_s_own_model_reads():
    keys = {"model__prior_components": 3, "model__r1_weight": 1.0, "data__labelled": 3}
    check_config(tiny(model__name=OWN, **keys))
    with pytest.raises(InputError, match=r"no effect with optimizer.name='adam'"):
        check_config(tiny(model__name=OWN, optimizer__weight_decay=0.1))


SETTINGS = {"df": 3, "wide": True, "name": "t", "widths": (8, 8), "rate": 0.5}


def test_settings_have_any_name_and_type():
    config = tiny(model__prior=OWN)
    assert "model.prior_settings" not in flatten(config)
    config.model.prior_settings = SETTINGS
    assert flatten(config)["model.prior_settings.widths"] == (8, 8)
    check_config(config)
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    other = copy.deepcopy(config)
    override(other, {"model.prior_settings.df": 2.5, "model.prior_settings.more": 1})
    changes = differences(to_dict(config), to_dict(other))
    assert changes == {
        "model.prior_settings.df": "3 -> 2.5",
        "model.prior_settings.more": "'(absent)' -> 1",
    }
    assert not resumable("model.prior_settings.df")
    assert static(config) != static(other) and static(config) == static(copy.deepcopy(config))
    with other.unlocked():
        other.model.prior_settings.update(last=2)
    assert other.is_locked and not other.model.prior_settings.is_locked


@pytest.mark.parametrize("value", [math.nan, None, {"a": 1}, (1, None), 10**30])
def test_settings_can_be_written_and_read_again(value):
    config = tiny(model__prior=OWN, model__prior_settings={"a": value})
    with pytest.raises(InputError, match=r"model.prior_settings.a(=|.a is not a key)"):
        check_config(config)
    with pytest.raises(InputError, match=r"model.prior_settings has values of any name"):
        override(config, {"model.prior_settings": value})


def test_settings_are_flags_that_no_file_has_to_name(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("from vae.config import base as get_config")
    given = {"df": "2.5", "widths": "(1, 2)", "name": "t", "number": "'3'"}
    settings = {"df": 2.5, "widths": (1, 2), "name": "t", "number": "3"}
    given = {f"model.prior_settings.{name}": text for name, text in given.items()}
    read = load(str(file), {"model.latent_dim": "3"} | given)
    assert read.config.model.prior_settings.to_dict() == settings
    assert read.overrides["model.latent_dim"] == read.config.model.latent_dim == 3
    again = dict(flag.removeprefix("--config.").split("=", 1) for flag in read.arguments()[1:])
    assert load(str(file), again).config == read.config
    with pytest.raises(InputError, match="latent_dim"):
        load(str(file), {"model.latent_dimm": "3"})


def test_a_setting_that_a_file_has_as_text_stays_text(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "from vae.config import base\n"
        "def get_config():\n"
        "    config = base()\n"
        "    config.model.prior_settings.name = 'a'\n"
        "    return config\n"
    )
    for text, value in {"3": "3", "'3'": "3", "b": "b"}.items():
        config = load(str(file), {"model.prior_settings.name": text}).config
        assert config.model.prior_settings.name == value
