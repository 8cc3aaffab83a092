"""Models of every kind, as ONNX Runtime computes them; causal decoders are loops."""

import numpy as np
import pytest
from exporting import of_case

from vae.export import functions, onnx_file
from vae.export.export import LARGEST

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
    run = of_case(case, tmp_path)
    found = functions.functions_of(run)
    assert tuple(found) == CASES[case]
    for function in found.values():
        file = onnx_file.content_of(run, function)
        inputs = functions.examples_of(run, function, 3)
        assert onnx_file.difference(function, file, inputs) < LARGEST
        assert all(np.isfinite(x).all() for x in function(*inputs))
