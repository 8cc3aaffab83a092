"""Models of every kind, as ONNX Runtime computes them; causal decoders are loops."""

import jax
import numpy as np
import pytest
from test_weights import config_of
from untrained import small

from vae.compiled import Compiled
from vae.experiment import prepare
from vae.export import functions, onnx_file
from vae.export.export import LARGEST
from vae.run import Run

BOTH = ("encoder", "decoder")
CASES = {
    "digits": BOTH,
    "faces": BOTH,
    "celeba_hierarchical": BOTH,
    "celeba_cvae": BOTH,
    "sound": BOTH,
    "text": BOTH,
    "snli": BOTH,
    "waveform": BOTH,
    "pixel_vae": BOTH,
    "tables": BOTH,
    "cells": BOTH,
    "solids": BOTH,
    "tiny vq": BOTH,
    "tiny attributes": BOTH,
    "tiny semi_supervised": BOTH,
    "tiny two_layer": BOTH,
}


@pytest.mark.slow  # both functions of each are compiled, by XLA and by ONNX Runtime
@pytest.mark.parametrize("case", CASES)
def test_onnx_runtime_computes_what_the_run_does(case, tmp_path):
    experiment = prepare(config_of(case, tmp_path))
    dataset, model = experiment.dataset, experiment.model
    start = jax.jit(lambda: model.init(key=jax.random.key(0))["statistics"])()
    run = Run(
        config=experiment.config,
        model=model,
        variables=small(model) | {"statistics": start},
        event=dataset.event,
        step=0,
        workdir=tmp_path,
        out=tmp_path,
        attributes=dataset.attributes,
        scales=dataset.scales,
        compiled=Compiled(model),
        classes=dataset.classes,
    )
    found = functions.functions_of(run)
    assert tuple(found) == CASES[case]
    for function in found.values():
        file = onnx_file.content_of(run, function)
        inputs = functions.examples_of(run, function, 3)
        assert onnx_file.difference(function, file, inputs) < LARGEST
        assert all(np.isfinite(x).all() for x in function(*inputs))
