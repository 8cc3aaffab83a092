"""Traces of steps."""

import gzip
import json
import logging

import jax
import jax.numpy as jnp

from vae.training.profiling import SKIPPED, TRACED, profiled


def traces(workdir):
    return sorted(workdir.rglob("perfetto_trace.json.gz"))


def steps_of(trace):
    """The names of the annotated steps in a trace."""
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    return [event["args"]["step_num"] for event in events if event.get("name") == "step"]


def test_a_few_steps_are_traced_and_a_run_that_ends_amid_them_leaves_a_trace(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    step = jax.jit(lambda state, batch: (state + batch, state))
    for name, number in (("whole", SKIPPED + TRACED + 2), ("short", SKIPPED + 1)):
        state = jnp.zeros(3)
        with profiled(tmp_path / name) as traced:
            take = traced(step)
            for i in range(number):
                state, _ = take(state, i)
        assert float(state[0]) == sum(range(number))
        (trace,) = traces(tmp_path / name)
        expected = range(SKIPPED + 1, SKIPPED + 1 + min(TRACED, number - SKIPPED))
        assert sorted(map(int, steps_of(trace))) == list(expected)
        assert str(trace) in caplog.text and "ui.perfetto.dev" in caplog.text


def test_a_run_with_too_few_steps_is_said_to_have_no_trace(tmp_path, caplog):
    with profiled(tmp_path) as traced:
        take = traced(lambda state: state)
        for _ in range(SKIPPED):
            take(0)
    assert not traces(tmp_path) and "No trace was written" in caplog.text
