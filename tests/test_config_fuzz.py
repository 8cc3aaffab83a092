"""Configs of all kinds: each is taken, or refused with one sentence and nothing written."""

import contextlib
import math
import signal
import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from configs import tiny
from test_members import MEMBERS

import vae
from vae.config import flatten
from vae.config.axes import AXES
from vae.config.keys import FREE
from vae.config.keys import KEYS as ROWS
from vae.errors import InputError
from vae.experiment import prepare
from vae.rules.config import check_config

SECONDS = 60  # after which a config hangs
KEYS = sorted(set(ROWS) - FREE)
FIXED = ("data.path", "data.name", "data.manual_dir", "training.pretrained")  # of other tests

WHOLE = (0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**400, -(10**30))
REAL = (0.0, -0.0, 1e-320, 1e-30, 1.0, 1e30, 1e38, 1e308, math.inf, -math.inf, math.nan)
TEXTS = (
    "",
    "none",
    "no_module:Name",
    "1",
    "train[:10**5000]",
    "train[:" + "9" * 5000 + "]",
    "\0",
    "\u00e9",
)
many_digits = st.just(5000).map(lambda digits: 10**digits)  # more than Python writes
hostile = st.none() | st.booleans() | st.sampled_from(WHOLE + REAL + TEXTS) | many_digits
nested = st.recursive(hostile, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)
sensible = {
    int: st.sampled_from([0, 1, 2, 3, 4, 8, 20]),
    float: st.sampled_from([0.0, 1e-3, 0.1, 0.5, 1.0, 10.0]),
    bool: st.booleans(),
    tuple: st.lists(st.sampled_from([1, 2, 4, 8]), max_size=3).map(tuple),
    str: st.sampled_from(["train[:50%]", "train[50%:]", "train[-5:]", "test"]),
}


def values_of(key):
    default = flatten(tiny())[key]
    usual = st.sampled_from(sorted(AXES[key])) if key in AXES else sensible[type(default)]
    return st.integers(0, 5).flatmap(lambda which: usual if which else nested)


changes = st.lists(
    st.sampled_from([key for key in KEYS if key not in FIXED]), max_size=3, unique=True
).flatmap(lambda keys: st.fixed_dictionaries({key: values_of(key) for key in keys}))
configs = st.tuples(st.sampled_from(sorted(MEMBERS)), changes)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(60) % 3)
    return path


@contextlib.contextmanager
def within(seconds):
    """Fails where the body computes longer; a machine that is busy with other things may wait."""

    def late(number, frame):
        raise AssertionError(f"it hangs: more than {seconds} seconds")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def try_config(member, given, images, workdir, *, train):
    """Whether a changed member is taken; fails where it is neither that nor refused in a line."""
    config = tiny(
        **{"training__steps": 2, "data__batch_size": 8} | MEMBERS[member], data__path=str(images)
    )
    config.log.every_steps = config.evaluation.every_steps = config.checkpoint.every_steps = 2
    config.evaluation.num_samples = 2
    for key, value in given.items():
        section, _, name = key.rpartition(".")
        try:
            (config[section] if section else config)[name] = value
        except (TypeError, ValueError):
            return False  # ml_collections says so, in the line that sets it
    try:
        with within(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if train and config.training.steps in range(1, 21):
                assert vae.train(config, workdir)["status"] in ("completed", "diverged")
            else:
                check_config(config)
                prepare(config)
        return True
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 800
        assert not workdir.exists()
        return False


def check_many(number, images, tmp_path_factory, every):
    counts = {"taken": 0, "refused": 0, "trained": 0}

    @hypothesis.settings(
        max_examples=number,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(configs)
    def check(given):
        train = sum(counts.values()) % every == 0
        workdir = tmp_path_factory.mktemp("run") / "run"
        taken = try_config(*given, images, workdir, train=train)
        counts["taken" if taken else "refused"] += 1
        counts["trained"] += taken and workdir.exists()

    check()
    return counts


def test_some_configs(images, tmp_path_factory):
    counts = check_many(40, images, tmp_path_factory, every=20)
    assert counts["taken"] > 5 and counts["refused"] > 5


@pytest.mark.slow
def test_fifteen_hundred_configs(images, tmp_path_factory):
    counts = check_many(1500, images, tmp_path_factory, every=15)
    assert counts["taken"] > 200 and counts["refused"] > 200 and counts["trained"] > 20
