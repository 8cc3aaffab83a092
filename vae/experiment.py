"""From a config to what it names: the data, the model, the initial weights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax.sharding import PartitionSpec as P

from vae import modalities, models, terminal
from vae.config import differences, own, to_dict
from vae.config.reads import read_only_by
from vae.data.batches import Batches
from vae.data.examples import Dataset
from vae.data.prepare import first_examples, prepared_values
from vae.errors import InputError
from vae.evaluation.evaluator import Evaluator, make_evaluator
from vae.loading import load
from vae.models.data import Data
from vae.models.likelihoods import grey_warning
from vae.models.losses import discriminator as adversary
from vae.models.parts import shapes
from vae.models.traced import check_traced
from vae.probability.objectives import objective_of
from vae.rules.data import check_data, check_labels
from vae.rules.model import check_model
from vae.training import devices
from vae.training.allocation import check_fits
from vae.training.state import State, initial_state, new_state, starting_point, state_specs
from vae.training.step import Report, make_step

logger = logging.getLogger(__name__)

# Keys that change no function of given weights, or whose change of one shows in its shapes.
NO_FUNCTION = (
    "model.condition",
    "model.adversary",
    "model.regularizer",
    "model.image_loss",
    "model.dtype",
    "model.remat",
)


class Experiment(NamedTuple):
    """A config with the data, the model and the weights that it names.

    Attributes:
      pretrained: reads the variables to start from; returns None if they are drawn.
    """

    config: ml_collections.ConfigDict
    dataset: Dataset
    model: Any
    pretrained: Callable[[], Any]

    def batches(self, seed: int | None = None, *, cut: bool = True) -> Batches:
        """Returns the training batches.

        Args:
          seed: the seed of their order, if it is not `data.seed`.
          cut: whether ragged examples are cut, if the model takes any length.
        """
        data = self.config.data
        return Batches(
            self.dataset.train,
            batch_size=data.batch_size,
            seed=data.seed if seed is None else seed,
            together=self.config.training.steps_per_call,
            cut=cut and self.model.any_length,
            threads=data.threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )

    def step(
        self, mesh: jax.sharding.Mesh, specs: Any = devices.WHOLE
    ) -> Callable[[State, Any, Any], tuple[State, Report]]:
        """Returns the training step of one device's shard, see `make_step`."""
        # On one device there is nothing to average, and a collective would copy the gradient.
        axis = devices.AXIS if mesh.shape[devices.AXIS] > 1 else None
        return make_step(
            self.model,
            self.config,
            self.dataset.event.values,
            num_examples=len(self.dataset.train),
            axis=axis,
            specs=specs,
        )

    def specs(self, mesh: jax.sharding.Mesh) -> State | P:
        """Returns how the state lies on the devices: whole on each, or by each array's spec."""
        if not self.config.training.shard_state:
            return devices.WHOLE
        return state_specs(self.shapes(), mesh)

    def shapes(self) -> State:
        """Returns the shapes and types of the state."""
        return jax.eval_shape(lambda: initial_state(self.model, self.config))

    def initial_state(self, mesh: jax.sharding.Mesh, specs: State | P) -> State:
        """Returns the state before the first step, on the devices."""
        initialise = functools.partial(new_state, self.model, self.config)
        start = starting_point(self.config)
        return devices.run_once(initialise, mesh, specs, *start, self.pretrained())

    def like(self, mesh: jax.sharding.Mesh, specs: State | P) -> State:
        """Returns what a checkpoint is restored into: shapes, and the config's hyperparameters."""
        _, hyper = starting_point(self.config)
        state = devices.shaped(self.shapes(), mesh, specs)
        return state.replace(hyper=devices.replicate(hyper, mesh))

    def valid(self, mesh: jax.sharding.Mesh, members: int = 0) -> Evaluator:
        """Returns the evaluation of the validation set, see `make_evaluator`."""
        return make_evaluator(
            self.model, self.dataset, "valid", self.config, mesh, num_samples=1, members=members
        )

    def test(self, mesh: jax.sharding.Mesh, members: int = 0) -> Evaluator:
        """Returns the evaluation of the test set, for the end of the run."""
        number = self.config.evaluation.num_samples
        return make_evaluator(
            self.model, self.dataset, "test", self.config, mesh, num_samples=number, members=members
        )


@terminal.shown("preparing the model")
def prepare(
    config: ml_collections.ConfigDict, dataset: Dataset | None = None, *, started: bool = False
) -> Experiment:
    """Loads the data and builds the model.

    Args:
      config: the experiment.
      dataset: its data; None to load them.
      started: whether the run has a checkpoint, and no longer needs its initial weights.

    Raises:
      InputError: a file is missing or wrong, or data, model and objective do not go together.
    """
    dataset = dataset or modalities.load(config.data)
    check_data(
        config,
        dataset.event,
        num_classes=dataset.num_classes,
        attributes=dataset.attributes,
    )
    check_labels(config, dataset)
    model = models.build(config.model, _model_data(dataset, config))
    if warning := grey_warning(config, model.event.values):
        logger.warning(warning)
    check_traced(config, model, lambda: first_examples(dataset, "train", 2, config))
    check_model(config, model, lambda: first_examples(dataset, "train", 1, config))
    check_fits(model, config, _label(dataset), len(dataset.train))
    learns = objective_of(config.objective).learns
    pretrained = functools.cache(lambda: _pretrained(config, model, learns))
    if not started:
        pretrained()
    experiment = Experiment(config, dataset, model, pretrained)
    if own.is_own(config.objective.name) or own.is_own(config.optimizer.name):
        _trace_step(experiment)
    return experiment


def _trace_step(experiment: Experiment) -> None:
    """Has what is wrong with an objective or optimizer of one's own said before a run is begun."""
    with experiment.batches() as batches:
        batch = jax.tree.map(lambda x: np.asarray(x)[None], batches.batch(0))
    config, dataset = experiment.config, experiment.dataset
    step = make_step(
        experiment.model,
        config,
        dataset.event.values,
        num_examples=len(dataset.train),
        axis=None,
    )
    jax.eval_shape(step, experiment.shapes(), batch, dataset.train.table())


def _label(dataset: Dataset) -> jax.ShapeDtypeStruct:
    """Returns the shape and type of one example's y."""
    if dataset.attributes:
        return jax.ShapeDtypeStruct((len(dataset.attributes),), np.float32)
    return jax.ShapeDtypeStruct((), np.int32)


def _pretrained(config: ml_collections.ConfigDict, model: Any, learns: tuple[str, ...]) -> Any:
    """Returns the weights of another run, on the host; None if none is named.

    An adversary, and parts that are trained alone, may be others there or missing; they are then
    left out. So are parts that this model does not have, if nothing else is trained.

    Raises:
      InputError: there is no such run, or its weights are not for this model.
    """
    workdir = config.training.pretrained
    if not workdir:
        return None
    run = load(workdir)
    variables = jax.device_get(run.variables)
    if learns:
        _check_same(run.config, config, learns)
    wanted = jax.eval_shape(lambda: model.init(key=jax.random.key(0)))
    names = wanted["params"].keys() if learns else wanted["params"].keys() | variables["params"]
    apart = {*learns, adversary.PART}
    other = {name for name in apart if _shapes_of(variables, name) != _shapes_of(wanted, name)}
    other |= {name for name in learns if run.config.model.get(name) != config.model.get(name)}
    kept = names - other
    variables = {c: {n: v[n] for n in v if n in kept} for c, v in variables.items()}
    wanted = {c: {n: v[n] for n in v if n in kept} for c, v in wanted.items()}
    there, needed = shapes(variables), shapes(wanted)
    for name in sorted(there.keys() | needed.keys()):
        if there.get(name) != needed.get(name):
            raise InputError(
                f"training.pretrained={workdir!r} is of another model: {name} is "
                f"{there.get(name, 'missing')} there, and {needed.get(name, 'missing')} here."
            )
    return variables


def _check_same(
    there: ml_collections.ConfigDict, here: ml_collections.ConfigDict, learns: tuple[str, ...]
) -> None:
    """Refuses a run whose networks compute something else than these, with weights that stand."""
    free = read_only_by((*NO_FUNCTION, *(f"model.{name}" for name in learns)))
    for key, change in differences(to_dict(there), to_dict(here)).items():
        # The settings of a part are keys below one of the model's.
        if key.startswith("model.") and not {key, key.rpartition(".")[0]} & free:
            raise InputError(
                f"training.pretrained={here.training.pretrained!r} has another {key} "
                f"({change}): what objective.name={here.objective.name!r} does not train must be "
                "the same."
            )


def _shapes_of(variables: Any, name: str) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of one part's arrays; none where there is no such part."""
    return shapes({c: parts.get(name, {}) for c, parts in variables.items()})


def _model_data(dataset: Dataset, config: ml_collections.ConfigDict) -> Data:
    event = dataset.event
    return Data(
        event=replace(event, values=prepared_values(event.values, config.data)),
        mean=dataset.mean(),
        num_classes=dataset.num_classes,
        num_attributes=len(dataset.attributes),
        scales=dataset.scales,
        examples=lambda num: np.nan_to_num(first_examples(dataset, "train", num, config).x),
    )
