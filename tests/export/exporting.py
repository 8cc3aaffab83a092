"""Runs for tests of exporting, and functions as ONNX Runtime computes them."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
from configs import tiny
from test_weights import config_of
from untrained import small, untrained

from vae import modalities
from vae.compiled import Compiled
from vae.config import to_dict
from vae.experiment import prepare
from vae.export.functions import Function, Input
from vae.export.onnx_file import model_of, session
from vae.run import Run
from vae.training import facts
from vae.training.directory import write_json


def computed(call, *inputs):
    """What ONNX Runtime makes of a function of arrays [B, ...], a tuple; B is free."""
    given = tuple(Input(f"in{i}", x.shape[1:], x.dtype) for i, x in enumerate(inputs))
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs]
    number = len(jax.eval_shape(lambda *x: call({}, *x), *shapes))
    outputs = tuple(f"out{i}" for i in range(number))
    model = model_of(Function("function", call, {}, given, outputs), {})
    named = {each.name: x for each, x in zip(given, inputs, strict=True)}
    return session(model.SerializeToString()).run(None, named)


def on_disk(workdir: Path, *, result=None, **keys):
    """A run of the digits with small random weights, and what a run directory records of it."""
    config = tiny(**keys)
    dataset = modalities.load(config.data)
    run = untrained(config, workdir, num_classes=10)
    record = {"command": ["vae", "train", f"--workdir={workdir}", "--config=/home/me/own.py"]}
    facts.write(record | {"data": facts.of(dataset)}, "", workdir)
    write_json(workdir / "config.json", to_dict(config))
    if result:
        write_json(workdir / "result.json", result)
    return dataclasses.replace(run, data=facts.of(dataset), variables=jax.device_put(run.variables))


def of_case(case, folder):
    """A run of one of the cases of `test_weights.py`, with small random weights."""
    experiment = prepare(config_of(case, folder))
    dataset, model = experiment.dataset, experiment.model
    start = jax.jit(lambda: model.init(key=jax.random.key(0))["statistics"])()
    return Run(
        config=experiment.config,
        model=model,
        variables=small(model) | {"statistics": start},
        event=dataset.event,
        step=0,
        workdir=folder,
        out=folder,
        attributes=dataset.attributes,
        scales=dataset.scales,
        compiled=Compiled(model),
        classes=dataset.classes,
        data=facts.of(dataset),
    )


def closest(a, b):
    """By how much two arrays differ at most."""
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())
