"""One file in an empty directory: an experiment with parts of its own, from training to a sweep."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from configs import tiny
from launching import ROOT, end_at, launch

import vae
from vae import experiments
from vae.config import own
from vae.errors import InputError

PAGE = (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text("utf-8")
PARTS = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "vae.parts" in text]
EXPERIMENT = """
from vae.config import base
from vae.sweeps.space import product

def get_config():
    config = base()
    config.data.batch_size = 32
    config.model.prior = "mine:Laplace"
    config.model.encoder = "mine:Normed"
    config.model.likelihood = "mine:StudentT"
    config.model.regularizer = "mine:Sparse"
    config.model.encoder_widths = config.model.decoder_widths = (8,)
    config.model.latent_dim = 2
    config.training.steps = 6
    config.checkpoint.every_steps = 2
    config.evaluation.every_steps = 2
    config.evaluation.num_samples = 2
    config.log.images_every_steps = 0
    config.log.tensorboard = False
    return config

def sweep():
    return product({"model.prior_settings.width": (0.5, 2.0)})
"""
SHORT = ("--config.training.steps=2", "--config.checkpoint.every_steps=0")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "mine.py"
    path.write_text("\n".join(PARTS) + EXPERIMENT)
    return path


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name, empty in {"_directories": [], "_modules": {}, "_recorded": {}}.items():
        monkeypatch.setattr(own, name, empty)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])


@pytest.fixture(scope="module")
def run(file):
    """A run that was killed after its first checkpoint, and went on."""
    workdir = file.parent / "run"
    kill = functools.partial(
        end_at, "vae.training.checkpoints:Checkpoints.save", 2, True, signal.SIGKILL
    )
    command = ("train", f"--config={file}", f"--workdir={workdir}")
    assert launch(*command, first=kill).returncode == -signal.SIGKILL
    result = launch(*command)
    assert result.returncode == 0, result.stderr
    return workdir


def test_it_is_trained_killed_and_resumed(file, run):
    result = json.loads((run / "result.json").read_text())
    assert result["step"] == 6 and result["status"] == "completed"
    parts = json.loads((run / "provenance.json").read_text())["parts"]
    assert parts["mine"]["file"] == str(file) and len(parts["mine"]["sha256"]) == 64


def test_it_is_evaluated_and_sampled_from_another_directory(run):
    for command in ("evaluate", "sample"):
        result = launch(command, f"--workdir={run}")
        assert result.returncode == 0, result.stderr


def test_it_is_swept(file, tmp_path):
    result = launch("sweep", f"--config={file}", f"--workdir={tmp_path}", "--sweep=sweep", *SHORT)
    assert result.returncode == 0, result.stderr
    assert "2 completed" in result.stderr


@pytest.mark.slow
def test_it_is_swept_on_ray(file, tmp_path):
    pytest.importorskip("ray")
    command = ("sweep", f"--config={file}", f"--workdir={tmp_path}", "--sweep=sweep")
    result = launch(*command, "--executor=ray", *SHORT)
    assert result.returncode == 0, result.stderr
    assert "2 completed" in result.stderr


def test_a_file_that_changed_is_said_and_one_that_is_gone_is_refused(file, run, caplog):
    text = file.read_text()
    try:
        file.write_text(text + "\n# another thought\n")
        assert np.isfinite(vae.load(run).sample(2)).all()
        assert "mine.py has changed since" in caplog.text
        file.unlink()
        own._modules.clear()
        own._recorded.clear()
        own._directories.clear()
        with pytest.raises(InputError, match=r"mine\.py, which is gone: put it back"):
            vae.load(run)
    finally:
        file.write_text(text)


def test_modules_of_one_name_are_each_that_beside_its_experiment(tmp_path, monkeypatch):
    """Also beside one that a run of another experiment was trained with."""
    found = {}
    for name in ("a", "b", "random"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "random.py").write_text(f"class Mine:\n    place = {name!r}\n")
        (folder / "exp.py").write_text("from vae.config import base as get_config\n")
        experiments.load(str(folder / "exp.py"), {})
        found[name] = own.resolve("random:Mine", "model.prior").place
        parts = {"random": {"file": str(folder / "random.py"), "sha256": ""}}
        own.recall(parts, tmp_path)
    assert found == {name: name for name in found}
    assert __import__("random").random() < 1


@pytest.mark.parametrize("name", [".", "..", "", "/"])
def test_a_directory_is_no_experiment(name):
    with pytest.raises(InputError, match="there is no such file"):
        experiments.load(name, {})


WRONG = """
import jax
import jax.numpy as jnp
import optax
from vae.parts import *
from vae.models.posteriors.gaussian import Gaussian
from vae.models.priors.fixed import Fixed, standard_normal
from vae.probability.distributions import StandardNormal

class Bare(Prior):
    pass

class Raises(Fixed):
    def distribution(self, variables, batch, encode, *, train):
        return self.missing

class One(StandardNormal):
    def log_prob(self, z):
        return super().log_prob(z).sum()

class Narrow(StandardNormal):
    def sample(self, *, keys):
        return super().sample(keys=keys)[:, :1]

def raises(size):
    return Raises(StandardNormal(size))

def one(size):
    return Fixed(One(size))

def narrow(size):
    return Fixed(Narrow(size))

class Unnamed(Loss):
    names = ("cost",)

    def charge(self, variables, drawn):
        return Charge({"price": drawn.z[0, :, 0]})

class Single(Loss):
    names = ("cost",)

    def charge(self, variables, drawn):
        return Charge({"cost": drawn.z.sum()})

def summed(terms):
    return -terms.log_px.sum()

def asking(terms, *, patience):
    return patience * terms.log_px[0]

def misspelt(terms):
    return -terms.log_xp

def nothing(terms):
    return None

def leaves(size):
    raise SystemExit(0)

class Counts(Fixed):
    def init(self, *, key):
        return {"params": {"count": jnp.array(1)}, "statistics": {}}

def counts(size):
    return Counts(StandardNormal(size))

def plain():
    return {}

def sums():
    return optax.GradientTransformation(
        lambda params: (), lambda grads, state, params=None: (jax.tree.map(jnp.sum, grads), state)
    )

def forgets():
    return optax.GradientTransformation(
        lambda params: 0.0, lambda grads, state, params=None: (grads, ())
    )

def breaks():
    return optax.GradientTransformation(
        lambda params: params["no such part"], lambda grads, state, params=None: (grads, state)
    )

class Flat(Encoder):
    outputs: int

    def __call__(self, x):
        return x.reshape(len(x), -1)[:, :3]
"""
LINE = 1 + WRONG.split("\n").index("        return self.missing")


@pytest.mark.parametrize(
    ("key", "name", "said"),
    [
        ("prior", "Bare", r"lacks distribution\(self, variables, batch.*every Prior has"),
        ("prior", "raises", rf"terms failed in wrong\.py, line {LINE}: AttributeError.*'missing'"),
        ("prior", "one", r"log_pz of its terms has shape \[\], but must have shape \[3, 2\]"),
        (
            "prior",
            "narrow",
            r"samples of its prior have shape \[2, 1\], but must have shape \[2, 4",
        ),
        ("prior", "Flat", "is no Prior: let it be a subclass"),
        ("regularizer", "Unnamed", r"terms are \['price'\], but its loss_names \['cost'\]"),
        ("regularizer", "Single", r"its loss 'cost' has shape \[\], but must have shape \[2\]"),
        ("encoder", "Flat", r"encoder='wrong:Flat' gives shape \[1, 3\] .* must give \[1, 8\]"),
        ("posterior", "Bare", "is no Posterior"),
        ("prior", "leaves", r"failed in wrong\.py, line \d+: SystemExit"),
        ("prior", "counts", r"init makes prior\.count of int32; params are learned"),
        ("activation", "summed", r"activation='wrong:summed' failed in wrong\.py"),
        ("activation", "jnp.sum", r"gives shape \[\] for x of shape \[2, 3\]"),
    ],
)
def test_a_wrong_part_is_refused_in_a_sentence(key, name, said, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    own.look_in(tmp_path)
    with pytest.raises(InputError, match=said):
        vae.train(tiny(**{f"model__{key}": f"wrong:{name}"}), tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("summed", r"wrong:summed' gives shape \[\], but must give \[\d+\]"),
        ("misspelt", r"wrong:misspelt' failed in wrong\.py, line \d+: AttributeError"),
        ("Flat", "wrong:Flat' is no function of Terms"),
        ("asking", "asks for 'patience', which is none of"),
        ("nothing", r"wrong:nothing' failed in .*None"),
    ],
)
def test_a_wrong_objective_is_refused_in_a_sentence(name, said, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    own.look_in(tmp_path)
    with pytest.raises(InputError, match=said):
        vae.train(tiny(objective__name=f"wrong:{name}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sums", "update gives directions unlike the params"),
        ("forgets", "update gives a state unlike what its init gives"),
        ("breaks", r"init failed in wrong\.py, line \d+: KeyError: 'no such part'"),
        ("plain", "gives a dict: let it return an optax.GradientTransformation"),
    ],
)
def test_a_wrong_optimizer_is_refused_in_a_sentence(name, said, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    own.look_in(tmp_path)
    with pytest.raises(InputError, match=said):
        vae.train(tiny(optimizer__name=f"wrong:{name}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def get_config(:", r"failed in exp\.py, line 1: SyntaxError"),
        ("raise SystemExit", r"failed in exp\.py, line 1: SystemExit"),
        ("def get_config():\n    return {'seed': 1}", "get_config gives a dict"),
        ("import sys\nsys.no", r"failed in exp\.py, line 2: AttributeError"),
    ],
)
def test_a_wrong_experiment_is_refused_in_a_sentence(text, said, tmp_path, monkeypatch):
    (tmp_path / "exp.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        experiments.load("exp.py", {})


def test_a_variant_too_many_or_too_few_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text("def get_config():\n    return 1")
    (tmp_path / "some.py").write_text("def get_config(variant):\n    return 1")
    with pytest.raises(InputError, match=r"one\.py has no variants: leave :mine away\.$"):
        experiments.load("one.py:mine", {})
    with pytest.raises(InputError, match=r"some\.py needs a variant: --config=some\.py:NAME\.$"):
        experiments.load("some.py", {})
    (tmp_path / "two.py").write_text(
        "from typing import Literal\nfrom vae.config import base\n"
        "def get_config(kind: Literal['', 'small', 'large'] = ''):\n    return base()"
    )
    with pytest.raises(InputError, match=r"no variant 'smal', only small, large; .*mean 'small'"):
        experiments.load("two.py:smal", {})
    assert experiments.load("two.py:large", {}).name == "two.py:large"


def test_a_part_of_the_script_itself(tmp_path):
    """As of a notebook: it is found again from its file."""
    script = tmp_path / "script.py"
    arguments = dict(training__steps=1, evaluation__every_steps=0, checkpoint__every_steps=0)
    script.write_text(
        PARTS[0] + "\n\nif __name__ == '__main__':\n    import sys, vae\n"
        f"    sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "    from configs import tiny\n"
        f"    config = tiny(model__prior='__main__:Laplace', **{arguments})\n"
        f"    assert vae.train(config, {str(tmp_path / 'run')!r})['status'] == 'completed'\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.isfinite(vae.load(tmp_path / "run").sample(2)).all()
