"""Populations: many runs trained by one compiled program.

Runs that differ in traced numbers alone (`State.hyper`, the seeds) take the same steps with other
numbers. `vmap` therefore maps the step of one over a leading axis M of states, and the mesh's axis
`member`, beside `data`, spreads the members over the devices. A member has its own run directory,
metrics, checkpoints and end; to rounding it is the run that it would have been alone.

    states [M, ...], batches [M, S, b, ...]  ->  states [M, ...], reports [M]

Each member goes through `loop.order`; what all of them wait for is done for all at once. One that
has ended (completed, diverged, or stopped because its directory holds a file `stop`) keeps its
slot, and what is computed there is ignored.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.compiled import Compiled
from vae.config.traced import static
from vae.data.batches import Batches
from vae.errors import InputError
from vae.evaluation.details import details
from vae.evaluation.evaluator import Stopped
from vae.experiment import Experiment, prepare
from vae.population.stacked import initial_states, make_batch, make_step, unstacked
from vae.report import report
from vae.train import check, drawer
from vae.training import devices, loop
from vae.training.arrays import sizes
from vae.training.directory import STOP
from vae.training.logs import Progress
from vae.training.processes import stop_requests
from vae.training.run_record import Record, check_data, completed, recorded
from vae.training.state import State, evaluation_variables

logger = logging.getLogger(__name__)


class Member(NamedTuple):
    """A run of a population.

    Attributes:
      config: the whole configuration.
      workdir: the run directory.
      overrides: what distinguishes it, for the record.
    """

    config: ml_collections.ConfigDict
    workdir: Path
    overrides: dict[str, Any]


def train(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Trains runs in one program, or resumes those that are not complete.

    Args:
      members: the runs; their configs differ in what `traced.varying` names, and in nothing else.

    Returns:
      The content of each run's `result.json`, see `vae.train`.

    Raises:
      InputError: an argument is wrong; nothing was written.
    """
    started = time.monotonic()
    _check_alike(members)
    results = [completed(member.config, member.workdir) for member in members]
    pairs = list(zip(members, results, strict=True))
    if complete := [member.workdir for member, result in pairs if result]:
        check_data(members[0].config, complete)
    left = [member for member, result in pairs if result is None]
    trained = iter(_train(left, started) if left else ())
    return [result or next(trained) for result in results]


def _train(members: list[Member], started: float) -> list[dict[str, Any]]:
    number = len(members)
    mesh = devices.make_mesh(number)
    for member in members:
        check(member.config, member.workdir, mesh)
    experiment = prepare(members[0].config)
    with contextlib.ExitStack() as stack:
        stop_requested = stack.enter_context(stop_requests())
        records = [
            stack.enter_context(
                recorded(
                    member.config,
                    experiment.dataset,
                    member.workdir,
                    member.overrides,
                    shapes=experiment._replace(config=member.config).shapes,
                    pretrained=experiment.pretrained,
                    started=started,
                    members=number,
                )
            )
            for member in members
        ]
        seeds = {member.config.data.seed for member in members}
        batches = {seed: stack.enter_context(experiment.batches(seed)) for seed in seeds}
        population = _Population(experiment, members, records, mesh, batches, stop_requested)
        outcomes = population.run()

        whole = [outcome.status == "completed" for outcome in outcomes]
        figures: list[Any] = [None] * number
        found: list[Any] = [None] * number
        protocol = None
        if any(whole):
            test = experiment.test(mesh, number)
            variables = population.stack([evaluation_variables(o.state) for o in outcomes])
            with contextlib.suppress(Stopped):
                estimates = unstacked(test.estimate(variables, stop_requested), number)
                protocol = test.protocol
                figures = [
                    test.figures(estimate) if trained else None
                    for estimate, trained in zip(estimates, whole, strict=True)
                ]
                found = [details(estimate, experiment.dataset.test) for estimate in estimates]
        results = [
            record.finish(outcome, named, protocol, detailed)
            for record, outcome, named, detailed in zip(
                records, outcomes, figures, found, strict=True
            )
        ]
    for member in members:
        report.write_if_possible(member.workdir)
    return results


class _Population:
    """The states of the members, and the answers to their requests."""

    def __init__(
        self,
        experiment: Experiment,
        members: list[Member],
        records: list[Record],
        mesh: Mesh,
        batches: dict[int, Batches],
        stop_requested: Callable[[], bool],
    ) -> None:
        self._experiment, self._config = experiment, experiment.config
        self._members, self._records = members, records
        self._mesh, self._batches = mesh, batches
        self._stop_requested = stop_requested
        self._step = terminal.first(
            "compiling the step",
            make_step(experiment, mesh),
            lambda _, batch, table: batch.positions,
        )
        stacked = devices.layout(mesh, P(devices.MEMBER))
        self._one = devices.jit(lambda tree, m: jax.tree.map(lambda x: x[m], tree))
        self._put = devices.jit(
            lambda states, m, state: jax.tree.map(lambda x, y: x.at[m].set(y), states, state),
            donate_argnums=(0,),
            out_shardings=stacked,
        )
        self.stack = devices.jit(
            lambda trees: jax.tree.map(lambda *x: jnp.stack(x), *trees), out_shardings=stacked
        )
        self._table = devices.replicate(experiment.dataset.train.table(), mesh)
        self._valid = experiment.valid(mesh, len(members))
        compiled = Compiled(experiment.model)
        self._draw = [
            drawer(
                experiment._replace(config=member.config),
                member.workdir,
                mesh,
                record.log,
                compiled,
            )
            for member, record in zip(members, records, strict=True)
        ]
        self._flight = loop.Flight()
        self._stopping = [False] * len(members)

    def run(self) -> list[loop.Outcome]:
        """Trains every member to its end."""
        configs = [member.config for member in self._members]
        self._states = initial_states(self._experiment, self._mesh, configs)
        self._steps = [self._restored(m) for m in range(len(self._members))]
        self._announce()
        config, number = self._config, len(self._members)
        outcomes: dict[int, loop.Outcome] = {}
        with Progress(config, min(self._steps), members=number) as progress:
            waiting: dict[int, loop.Request] = {}
            orders = [
                loop.order(config, step, record.log, _Share(progress, m, waiting))
                for m, (step, record) in enumerate(zip(self._steps, self._records, strict=True))
            ]

            def advance(m: int, answer: Any) -> None:
                try:
                    waiting[m] = orders[m].send(answer)
                except StopIteration as stop:
                    status, step, metrics, reason = stop.value
                    if reason:
                        folder = self._members[m].workdir
                        logger.info("%s ends at step %d by %s.", folder, step, reason)
                    self._records[m].checkpoints.wait()
                    outcomes[m] = loop.Outcome(status, step, self._member(m), metrics, reason)
                    waiting.pop(m, None)

            for m in range(number):
                advance(m, None)
            while waiting:
                kind = next(k for k in self._ANSWERS if k in map(type, waiting.values()))
                asking = {m: request for m, request in waiting.items() if type(request) is kind}
                for m, answer in self._ANSWERS[kind](self, asking).items():
                    advance(m, answer)
        return [outcomes[m] for m in range(number)]

    def _read(self, asking: dict[int, loop.Read]) -> dict[int, Any]:
        reports = unstacked(jax.device_get(self._report), len(self._members))
        for m in asking:
            self._stopping[m] = (self._members[m].workdir / STOP).exists()
        return {m: reports[m] for m in asking}

    def _go_back(self, asking: dict[int, loop.GoBack]) -> dict[int, Any]:
        steps = {}
        for m, request in asking.items():
            own = self._experiment._replace(config=self._members[m].config)
            state = loop.last_good(
                own.like(self._mesh, devices.WHOLE),
                functools.partial(own.initial_state, self._mesh, devices.WHOLE),
                self._records[m].checkpoints,
                self._config,
                request.diverged_at,
            )
            self._states = self._put(self._states, m, state)
            steps[m] = int(state.step)
        return steps

    def _validate(self, asking: dict[int, loop.Validate]) -> dict[int, Any]:
        variables = evaluation_variables(self._states)
        estimates = unstacked(self._valid.estimate(variables), len(self._members))
        return {m: self._valid.figures(estimates[m], warn=False) for m in asking}

    def _pictures(self, asking: dict[int, loop.Draw]) -> dict[int, Any]:
        for m, request in asking.items():
            self._draw[m](request.step, self._member(m))
        return dict.fromkeys(asking)

    def _save(self, asking: dict[int, loop.Save]) -> dict[int, Any]:
        for m, request in asking.items():
            self._records[m].checkpoints.save(
                request.step, self._member(m), request.metrics, if_best=request.if_best
            )
        return dict.fromkeys(asking)

    def _train(self, asking: dict[int, loop.Train]) -> dict[int, Any]:
        for m, request in asking.items():
            self._steps[m] = request.step
        seeds = [member.config.data.seed for member in self._members]
        batches = [self._batches[seed] for seed in seeds]
        batch = make_batch(self._config, self._mesh, batches, self._steps)
        self._states, self._report = self._step(self._states, batch, self._table)
        self._flight.add(self._report)
        return {m: self._stop_requested() or self._stopping[m] for m in asking}

    # Training waits until nobody asks for anything else, so that members stay together.
    _ANSWERS: ClassVar[dict[type, Callable[..., dict[int, Any]]]] = {
        loop.Read: _read,
        loop.GoBack: _go_back,
        loop.Validate: _validate,
        loop.Draw: _pictures,
        loop.Save: _save,
        loop.Train: _train,
    }

    def _member(self, m: int) -> State:
        return self._one(self._states, m)

    def _restored(self, m: int) -> int:
        """Restores a member's newest checkpoint into its slot; returns its step."""
        state = self._records[m].checkpoints.restore_latest(self._member(m))
        if state is None:
            return 0
        self._states = self._put(self._states, m, state)
        return int(state.step)

    def _announce(self) -> None:
        logger.info("%d members are trained together.", len(self._members))
        logger.info(sizes(self._member(0).params))


class _Share:
    """A member's part in the progress line, which shows the first of those that still train."""

    def __init__(self, progress: Progress, member: int, training: Collection[int]) -> None:
        self._progress, self._member, self._training = progress, member, training

    def _leads(self) -> bool:
        return self._member == min(self._training, default=self._member)

    def at(self, step: int) -> None:
        if self._leads():
            self._progress.at(step)

    def logged(self, step: int, figures: dict[str, float]) -> dict[str, float]:
        return self._progress.logged(step, figures) if self._leads() else {}

    def validated(self, figures: dict[str, float]) -> None:
        if self._leads():
            self._progress.validated(figures)


def _check_alike(members: Sequence[Member]) -> None:
    first = static(members[0].config)
    for member in members[1:]:
        own = static(member.config)
        differing = sorted(key for key in first | own if first.get(key) != own.get(key))
        if differing:
            raise InputError(
                f"{members[0].workdir} and {member.workdir} cannot be trained in one program, for "
                f"they differ in {', '.join(differing)}."
            )
    if members[0].config.training.shard_state:
        raise InputError("training.shard_state spreads the state of one run, not of a population.")
    if jax.process_count() > 1:
        raise InputError("a population is trained by one process; give each host its own.")
