"""A trace of a few steps: what ran when, on the host and on the devices."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from vae.training.processes import is_first

logger = logging.getLogger(__name__)

SKIPPED, TRACED = 3, 5  # calls of the step; the first ones compile it and fill what is read ahead
FOLDER = "profile"  # in the run directory
HOW = "open it at https://ui.perfetto.dev (Open trace file), which sends it nowhere"


@contextlib.contextmanager
def profiled(workdir: Path) -> Iterator[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Gives a function that makes a step write a trace of a few of its calls, in process 0.

    Calls 4 to 8 are traced. The trace lies in `workdir`/profile and is for Perfetto; beside it is
    what TensorBoard's profiler reads. In calls with a new length of ragged examples the trace shows
    compilation.
    """
    tracing = _Tracing(workdir / FOLDER)
    try:
        yield tracing.of if is_first() else lambda step: step
    finally:
        tracing.stop()


class _Tracing:
    def __init__(self, folder: Path) -> None:
        self._folder, self._calls, self._traces = folder, 0, False

    def of(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._calls == SKIPPED:
                jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
                self._traces = True
            self._calls += 1
            with jax.profiler.StepTraceAnnotation("step", step_num=self._calls):
                made = step(*arguments)
            if self._calls == SKIPPED + TRACED:
                jax.block_until_ready(made)
                self.stop()
            return made

        return call

    def stop(self) -> None:
        """Writes the trace, and says where it lies; does nothing the second time."""
        if self._traces:
            self._traces = False
            jax.profiler.stop_trace()
            written = max(
                self._folder.rglob("perfetto_trace.json.gz"), key=lambda p: p.stat().st_mtime
            )
            logger.info(
                "The trace of %d calls of the step: %s; %s.", self._calls - SKIPPED, written, HOW
            )
        elif self._calls <= SKIPPED:
            logger.warning(
                "No trace was written: the run had %d calls of its step, and the first %d are not "
                "traced; give more training.steps, or fewer training.steps_per_call.",
                *(self._calls, SKIPPED),
            )
