"""Every experiment trains two steps on tiny data of its own kind; so do other combinations."""

import importlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from configs import tiny
from PIL import Image
from weights import check, smooth

import vae
from vae.config import own
from vae.rules.config import check_config

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.py"))
STAGES = ("celeba_first_stage", "celeba_latent_flow")  # of the networks of faces_sharp, in turn
VARIANTS = [(name, None) for name in EXPERIMENTS if name not in STAGES] + [
    ("binarized_mnist", "tuned"),
    ("celeba_gan", "hinge"),
    ("pixel_vae", "causal_transformer"),
]


def case_of(name, variant):
    return f"{name}:{variant}" if variant else name


def npz(folder, shape, levels):
    rng = np.random.default_rng(0)
    file = folder / "images.npz"
    splits = {"train": 60, "valid": 12, "test": 12}
    np.savez(
        file,
        **{
            f"{name}_images": rng.integers(0, levels, (number, *shape), dtype=np.uint8)
            for name, number in splits.items()
        },
    )
    return file


def images(folder):
    rng = np.random.default_rng(0)
    for i in range(40):
        pixels = rng.integers(0, 256, (30 + i % 3, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def celeba(folder):
    (folder / "img_align_celeba").mkdir()
    images(folder / "img_align_celeba")
    for file in (folder / "img_align_celeba").iterdir():
        Image.open(file).resize((89, 109)).save(file)
    names = sorted(file.name for file in (folder / "img_align_celeba").iterdir())
    rows = [f"{name} {(-1) ** i} 1\n" for i, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text(f"{len(names)}\nYoung Bald\n" + "".join(rows))
    splits = [f"{name} {max(0, i - 37)}\n" for i, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("".join(splits))
    return folder


def sentences(folder):
    """A file of lines: the sentences of `topics` depend on the version of Python."""
    words = ["a", "name", "refers", "to", "the", "object", "that", "it", "has", "in", "use"]
    lines = [" ".join(words[i % 7 : 3 + i % 9]) + f" {i}." for i in range(100)]
    (folder / "lines.txt").write_text("\n".join(lines))
    return folder / "lines.txt"


def sets_of_sentences(**files):
    """Returns what writes files NAME_SPLIT=n of n sentences: `snli.valid.txt`."""

    def make(folder):
        rng = np.random.default_rng(0)
        words = ["a", "the", "dog", "cat", "man", "runs", "sleeps", "on", "in", "grass", "."]
        for file, number in files.items():
            lines = [" ".join(rng.choice(words, rng.integers(2, 9))) for _ in range(number)]
            (folder / f"{file.replace('_', '.')}.txt").write_text("\n".join(lines) + "\n")
        return folder

    return make


def recordings(folder):
    rng = np.random.default_rng(0)
    for take in range(10):
        for digit in range(3):
            sound = rng.normal(0, 0.1, 90 + take)
            soundfile.write(folder / f"{digit}_anna_{take}.wav", sound, 8_000)
    return folder


OWN_DATA = {  # the others are of 28x28 grey images
    "digits": None,
    "faces": None,
    "aae": None,
    "factor_vae": None,
    "disentanglement": None,
    "pixel_vae": None,
    "tables": None,
    "cells": None,
    "sound": None,
    "solids": None,
    "moving_digits": None,
    "celeba_gan": celeba,
    "celeba_vae_gan": celeba,
    "cifar10": lambda folder: npz(folder, (32, 32, 3), 256),
    "folder": images,
    "text": sentences,
    "snli": sets_of_sentences(snli_valid=60, snli_test=12),
    "ptb": sets_of_sentences(ptb_train=60, ptb_valid=12, ptb_test=12),
    "waveform": recordings,
    "speech": recordings,
    "celeba_vae": celeba,
    "celeba_cvae": celeba,
    "celeba_hierarchical": celeba,
    **dict.fromkeys(STAGES, celeba),
}


def shrink(config):
    config.data.batch_size = 8
    networks = ["encoder", "decoder"] if config.model.name != "gan" else ["decoder"]
    if config.model.adversary != "none":
        networks.append("discriminator")
    for name in networks:
        config.model[f"{name}_widths"] = (4,) * min(2, len(config.model[f"{name}_widths"]))
    config.model.groups = (1,) * min(2, len(config.model.groups))
    if config.model.prior == "coupling":
        config.model.prior_flows = 2
    if config.model.posterior == "sylvester":
        config.model.posterior_flows = 2
    config.data.seconds = 0.0  # of the longest recording
    if config.data.name == "solids":
        config.data.volume_size = (8, 8, 8)
    if config.data.name == "moving_digits":
        config.data.frames, config.data.image_size = 4, (8, 8)
        config.model.prior_widths = (4,)
    if any(config.data.image_size):
        config.data.image_size = (16, 16)
    if config.model.prior in ("vamp", "exemplar"):
        config.model.prior_components = 4
    if config.model.prior in ("diffusion", "flow_matching"):
        config.model.prior_widths, config.model.prior_blocks = (8,), 1
    config.training.steps = 2
    config.training.steps_per_call = 1
    config.evaluation.every_steps = 0  # the test set is evaluated by the same program
    config.evaluation.num_samples = 2
    config.evaluation.batch_size = 8
    config.log.every_steps = 1
    config.log.images_every_steps = 2
    config.log.num_images = 4
    config.log.tensorboard = False
    return smooth(config)


def tiny_experiment(name, variant, folder):
    """The config of an experiment, made small, on a few images of its kind that are made here."""
    own.look_in(ROOT / "experiments")  # as `vae train` does, for parts of their own
    module = importlib.import_module(f"experiments.{name}")
    config = shrink(module.get_config(variant) if variant else module.get_config())
    levels = 2 if config.data.name == "binarized_mnist" else 256
    make = OWN_DATA.get(name, lambda folder: npz(folder, (28, 28), levels))
    if make:
        (folder / "data").mkdir()
        config.data.path = str(make(folder / "data"))
    if "train[:" in config.data.train and "%" not in config.data.train:
        config.data.train, config.data.valid = "train[:48]", "train[48:60]"
    config.data.test = re.sub(r"\[:\d+\]$", "[:12]", config.data.test)
    return config


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_published_variants_are_valid(name):
    module = importlib.import_module(f"experiments.{name}")
    for variant, (metric, _, _) in getattr(module, "PUBLISHED", {}).items():
        check_config(module.get_config(variant) if variant else module.get_config())
        assert metric.startswith("test/")


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_an_experiment_trains_two_steps(tmp_path, name, variant):
    config = tiny_experiment(name, variant, tmp_path)
    result = vae.train(config, tmp_path / "run")
    assert result["status"] == "completed"
    assert "bound" in result["protocol"] or math.isfinite(result["metrics"]["test/nll"])
    sheets = 1 if config.model.name == "gan" else 2  # samples, and reconstructions
    assert len(list((tmp_path / "run").glob("*/*_00000002.png"))) == sheets
    check(case_of(name, variant), vae.load(tmp_path / "run").variables)


@pytest.mark.slow
def test_stages_go_on_from_each_other(tmp_path):
    before = ""
    first, flow = STAGES
    for name, variant in ((first, ""), (first, "patches"), (flow, ""), (flow, "named")):
        run = tmp_path / (variant or name)
        run.mkdir()
        config = tiny_experiment(name, variant, run)
        config.training.pretrained = str(before)
        assert vae.train(config, run / "run")["status"] == "completed"
        if name == first:
            before = run / "run"
    asked = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    told = vae.load(run / "run").sample(2, labels=asked, solver=vae.Solver(steps=2))
    assert np.isfinite(told).all()


@pytest.mark.parametrize(
    "overrides",
    [
        {"model__likelihood": "gaussian", "model__scale": "optimal"},
        {"model__likelihood": "gaussian", "model__scale": "fixed", "data__dequantize": True},
        {"model__likelihood": "bernoulli", "data__binarize": "dynamic", "data__flip": True},
        {"model__encoder": "conv", "model__decoder": "conv", "model__dtype": "bfloat16"},
        {"optimizer__name": "adamw", "optimizer__weight_decay": 0.1, "optimizer__clip_norm": 1.0},
        {"optimizer__name": "muon", "model__posterior": "iaf", "model__decoder": "conv"},
        {"objective__beta": 4.0, "objective__beta_warmup_steps": 10, "objective__free_bits": 0.2},
        {"objective__num_samples": 3, "training__ema_decay": 0.0},
        {"data__image_size": (11, 9), "model__decoder": "conv"},
    ],
    ids=lambda overrides: ",".join(f"{k.split('__')[1]}={v}" for k, v in overrides.items()),
)
def test_combinations_learn(tmp_path, overrides):
    config = tiny(
        optimizer__learning_rate=3e-3,
        training__steps=40,
        checkpoint__every_steps=0,
        evaluation__every_steps=0,
        **overrides,
    )
    result = vae.train(config, tmp_path)
    lines = [line for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    first = float(lines[0].split('"train/loss": ')[1].split(",")[0])
    assert result["metrics"]["train/loss"] < first
    assert math.isfinite(result["metrics"]["test/nll"])


def test_bits_per_dim_of_dequantised_values_counts_the_levels(tmp_path):
    short = {"training__steps": 4, "evaluation__every_steps": 0, "checkpoint__every_steps": 0}
    config = tiny(model__likelihood="gaussian", data__dequantize=True, **short)
    metrics = vae.train(config, tmp_path)["metrics"]
    expected = metrics["test/nll"] / (64 * math.log(2)) + math.log2(17)
    assert metrics["test/bits_per_dim"] == pytest.approx(expected)
    plain = vae.train(tiny(model__likelihood="gaussian", **short), tmp_path / "plain")["metrics"]
    assert "test/bits_per_dim" not in plain  # a density of values on a grid has none
