"""Ragged examples: missing positions are marked in the values, and masked for a model."""

import dataclasses

import jax
import numpy as np
import pytest

from vae.data.batches import HostBatch
from vae.data.examples import Raw, in_memory
from vae.data.prepare import prepare
from vae.data.standardise import standardised
from vae.errors import InputError
from vae.probability.event import BYTES, Values
from vae.training import facts
from vae.training.directory import write_json

REAL = Values("real", scale=(2.0, 4.0), offset=(1.0, 0.0), missing=True)
LEVELS = dataclasses.replace(BYTES, missing=True)
TOKENS = Values("tokens", levels=9, missing=True, end=0)
RAW = {
    "real": np.float32([[[1, 2], [3, -4], [np.nan, np.nan]]]),
    "levels": np.int16([[[255, 0], [51, 3], [-1, -1]]]),
    "tokens": np.int16([[[4], [0], [-1]]]),
}


@pytest.mark.parametrize("values", [REAL, LEVELS, TOKENS], ids=lambda values: values.kind)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["host", "traced"])
def test_raw_to_x_and_back(values, wrap):
    raw = RAW[values.kind]
    x = np.asarray(wrap(values.to_x)(raw))
    np.testing.assert_array_equal(values.there(x), [[True, True, False]])
    np.testing.assert_allclose(values.to_raw(x), raw, rtol=1e-6)
    given, mask = values.known(x)
    np.testing.assert_array_equal(mask, [[True, True, False]])
    filled = -1 if values.kind == "tokens" else 0
    np.testing.assert_array_equal(np.asarray(given)[0, 2], np.full(raw.shape[-1], filled))
    np.testing.assert_array_equal(values.marked(np.asarray(given), mask), x)


@pytest.mark.parametrize("values", [REAL, LEVELS, TOKENS], ids=lambda values: values.kind)
def test_a_model_is_given_a_mask(values, configure):
    raw = Raw(RAW[values.kind], np.array([-1]))
    keys = jax.random.split(jax.random.key(0), 1)
    batch = prepare(HostBatch(np.array([0]), raw), None, values, configure(), train=True, keys=keys)
    given, mask = values.known(values.to_x(raw.values))
    np.testing.assert_array_equal(batch.mask, mask)
    np.testing.assert_allclose(batch.x, given, rtol=1e-6)


def test_what_is_missing_has_no_part_in_mean_and_deviation():
    rng = np.random.default_rng(0)
    raw = rng.normal((5, -3), (2, 4), (50, 6, 2)).astype(np.float32)
    raw[:, 4:] = np.nan
    values = standardised(in_memory(raw), (), "toy")
    assert values.offset == pytest.approx(raw[:, :4].mean((0, 1)), rel=1e-5)
    assert values.scale == pytest.approx(raw[:, :4].std((0, 1)), rel=1e-5)


def test_the_codec_lies_beside_the_record(tmp_path):
    values = dataclasses.asdict(TOKENS)
    data = {"shape": [3, 1], "values": values, "num_classes": 0, "codec": facts.sha256("{}")}
    facts.write({"data": data}, "{}", tmp_path)
    read = facts.read(tmp_path)
    assert read.event.codec == "{}" and read.event.values == TOKENS
    (tmp_path / facts.CODEC).write_text("{ }")
    with pytest.raises(InputError, match=r"codec.json is missing or damaged, .* copy it"):
        facts.read(tmp_path)
    write_json(tmp_path / facts.FILE, {"data": data | {"codec": ""}})
    assert facts.read(tmp_path).event.codec == ""
