"""Every program that an experiment compiles also lowers for CUDA and for TPU.

Nothing is run: in the place of `jax.jit` stands a function that traces what it is given, lowers it
for both and answers with zeros of the right shapes. A list of the programs and their times:

    pytest -n 0 -s tests/test_lowering.py
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from test_experiments import VARIANTS, tiny_experiment
from test_members import POSTERIORS

from vae.compiled import Compiled
from vae.experiment import prepare
from vae.modalities import MODALITIES
from vae.modalities.sheets import Sheet
from vae.networks.fast_cpu import down, up, weight_gradient
from vae.probability.observations import Masked
from vae.run import Run
from vae.train import make_program
from vae.training import devices
from vae.training.logs import Log
from vae.training.state import evaluation_variables

PLATFORMS = ("cuda", "tpu")


@pytest.fixture
def lowered(monkeypatch):
    """What was lowered, (name, what returns its text); `jax.jit` lowers as long as the test lasts.

    No picture is drawn of the zeros, but for sounds, which are made by a program of their own.
    """
    blank = Sheet(np.zeros((1, 1, 3), np.uint8))
    for name in MODALITIES.keys() - {"sound"}:
        monkeypatch.setattr(MODALITIES[name], "sheet", lambda *_, **__: blank)
    programs, compiling = [], jax.jit

    def lowering(function, **options):
        outputs = {}  # by the shapes that it was called with

        def call(*arguments, **named):
            shapes = str(jax.tree.map(jnp.shape, (arguments, named)))
            if shapes not in outputs:
                started = time.perf_counter()
                traced = compiling(function, **options).trace(*arguments, **named)
                program = traced.lower(lowering_platforms=PLATFORMS)
                programs.append((traced.fun_name, program.as_text))
                print(f"    {traced.fun_name:20} {time.perf_counter() - started:6.2f} s")
                outputs[shapes] = traced.out_info
            return jax.tree.map(_zeros, outputs[shapes])

        return call

    monkeypatch.setattr(jax, "jit", lowering)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")  # the form of an accelerator
    monkeypatch.setattr(devices, "_compiler_options", dict)
    return programs


def _zeros(leaf):
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    # No position is missing, and no token is the end: what is empty, or goes on, is refused.
    tokens = leaf.dtype == np.int32 and len(leaf.shape) > 1
    return jnp.full(leaf.shape, leaf.dtype == bool or tokens, leaf.dtype)


def programs(config, folder):
    """Calls what training, evaluation and sampling of a config compile; returns the run."""
    experiment, mesh = prepare(config), devices.make_mesh()
    log = Log(folder, tensorboard=False)
    with experiment.batches() as batches:
        program = make_program(experiment, folder, mesh, batches, log)
        state = program.initialise()
        state, _ = program.step(state, program.batch(0))
    program.validate(state)
    experiment.test(mesh).estimate(evaluation_variables(state))
    program.draw(0, state)
    return Run(
        config=config,
        model=experiment.model,
        variables=evaluation_variables(state),
        event=experiment.dataset.event,
        step=0,
        workdir=folder,
        out=folder,
        attributes=experiment.dataset.attributes,
        scales=experiment.dataset.scales,
        compiled=Compiled(experiment.model),
    )


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_an_experiment_lowers(tmp_path, lowered, name, variant):
    print(f"\n{name}{':' + variant if variant else ''}")
    programs(tiny_experiment(name, variant, tmp_path), tmp_path)
    names = {name for name, _ in lowered}
    assert {"new_state", "step", "chunk", "sample"} <= names


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("radial", "hamiltonian", "riemannian_hamiltonian"),
        *("vmf", "wrapped_normal", "riemannian_normal"),
    ],
)
def test_a_posterior_lowers(tmp_path, lowered, name):
    run = programs(tiny(**POSTERIORS[name]), tmp_path)
    run.encode(np.zeros((2, 8, 8, 1), np.float32))
    assert {"step", "chunk", "sample"} <= {name for name, _ in lowered}


def test_a_call_of_several_steps_is_a_loop_on_an_accelerator(tmp_path, lowered):
    config = tiny(model__encoder="conv", model__decoder="conv", model__dtype="bfloat16")
    config.model.encoder_widths = config.model.decoder_widths = (4, 4)
    config.training.steps_per_call, config.training.accumulate = 5, 2
    programs(config, tmp_path)
    text = next(text for name, text in lowered if name == "step")
    assert text().count("stablehlo.while") >= 2  # on a CPU a body with convolutions is written out


def test_samples_and_repairs_lower(tmp_path, lowered):
    run = programs(tiny(), tmp_path)
    x = np.zeros((2, 8, 8, 1), np.float32)
    run.sample(2, draw=True)
    run.estimate(x)
    number = len(lowered)
    run.posterior(Masked(x, np.ones((2, 8, 8), bool)), chains=2, sweeps=8)
    assert len(lowered) > number


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("channels", [1, 8])  # grey images have a path of their own on a CPU
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_other_platforms_get_the_plain_convolutions(rank, channels, platform):
    x, kernel = jnp.zeros((1, *(8,) * rank, channels)), jnp.zeros((*(4,) * rank, channels, 8))
    y = jnp.zeros((1, *(4,) * rank, 8))

    def convolutions(function, *arguments):
        program = jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,))
        return program.as_text().count("stablehlo.convolution")

    assert convolutions(lambda x, w: down(x, w, 2), x, kernel) == 1
    assert convolutions(lambda y, w: up(y, w, 2, (8,) * rank), y, kernel) == 1
    assert convolutions(lambda x, y: weight_gradient(x, y, 2, (4,) * rank), x, y) == 1
