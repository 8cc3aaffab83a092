"""What the rows say is read is what is read when the parts are built."""

import inspect

import numpy as np
import pytest
from configs import tiny
from facts import facts
from test_members import MEMBERS

from vae import models
from vae.config import own
from vae.config.axes import AXES
from vae.config.reads import READERS, is_read
from vae.config.sections import Section
from vae.probability.objectives import objective_of

IMAGES = np.random.default_rng(0).uniform(size=(200, 8, 8, 1)).astype(np.float32)
DATA = facts(IMAGES.mean(0), num_classes=10, examples=lambda num: IMAGES[:num])
KEYS = [key for key in READERS if key.startswith("model.") and not key.endswith("settings")]
LOOKED_AT = {  # to find that it is left alone
    "gan": {"model.regularizer", "model.image_loss"},
    "semi_supervised": {"model.condition", "model.encoder_told", "model.decoder_told"},
}
SEEN = set()


class Recorded(Section):
    """A section that notes which of its keys are read."""

    def __getitem__(self, key):
        SEEN.add(f"model.{key}")
        return super().__getitem__(key)

    def copy_and_resolve_references(self, visit_map=None):
        before = set(SEEN)
        copy = super().copy_and_resolve_references(visit_map)
        SEEN.intersection_update(before)
        return copy


@pytest.mark.parametrize("name", MEMBERS)
def test_a_model_reads_the_keys_that_its_rows_say(name):
    config, section = tiny(**MEMBERS[name]), Recorded()
    for key, value in config.model.items():
        section[key] = value
    SEEN.clear()
    models.build(section, DATA)
    said = {key for key in KEYS if is_read(config, key)}
    assert SEEN & set(KEYS) == said | LOOKED_AT.get(config.model.name, set())


@pytest.mark.parametrize("name", AXES["objective.name"])
def test_an_objective_takes_the_keys_that_its_row_says(name):
    config = tiny(objective__name=name).objective
    objective = objective_of(config)
    own_keys = {key.removeprefix("objective.") for key in READERS if key.startswith("objective.")}
    read = {key for key in own_keys if key.startswith(tuple(objective.reads))}
    resampled = {"backward_samples"} if objective.resampled else set()
    assert set(AXES["objective.name"][name].reads) == read | resampled


@pytest.mark.parametrize("name", AXES["optimizer.name"])
def test_an_optimizer_takes_the_keys_that_its_row_says(name):
    choice = AXES["optimizer.name"][name]
    taken = inspect.signature(own.resolve(choice.part)).parameters
    assert set(choice.reads) - {"weight_decay"} == set(taken)  # which the step itself applies
