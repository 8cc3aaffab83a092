"""What an experiment changes, and what set it: its file, its variant or the command line."""

import pytest
from launching import launch

from vae.config import base
from vae.experiments import Change, changes, load

FILE = """
from vae.config import base

def get_config({argument}):
    config = base()
    config.seed = 3
    config.data.batch_size = 7
    if variant == "wide":
        config.data.batch_size = 9
        config.model.latent_dim = 99
        config.model.prior = "mine:Prior"
        config.model.prior_settings = {{"df": 5.0}}
    return config
"""


@pytest.fixture
def file(tmp_path):
    def write(argument="variant=''"):
        path = tmp_path / "own.py"
        path.write_text(FILE.format(argument=argument))
        return path

    return write


def test_a_value_is_of_its_file_its_variant_or_the_command_line(file):
    default = base()
    assert changes(load(str(file()), {})) == {
        "seed": Change(3, default.seed, "file"),
        "data.batch_size": Change(7, default.data.batch_size, "file"),
    }
    given = {"seed": "3", "model.latent_dim": "5", "training.steps": str(default.training.steps)}
    steps = default.training.steps
    assert changes(load(f"{file()}:wide", given)) == {
        "seed": Change(3, default.seed, "command line"),
        "data.batch_size": Change(9, default.data.batch_size, "variant"),
        "model.latent_dim": Change(5, default.model.latent_dim, "command line", 99),
        "model.prior": Change("mine:Prior", default.model.prior, "variant"),
        "model.prior_settings.df": Change(5.0, None, "variant"),
        "training.steps": Change(steps, steps, "command line"),
    }


def test_a_file_that_is_nothing_without_a_variant_leaves_all_to_it(file):
    found = changes(load(f"{file('variant')}:wide", {}))
    assert {change.by for change in found.values()} == {"variant"}
    assert found["seed"].value == 3


def test_the_command_shows_changes_and_refuses_what_train_would():
    given = ("config", "experiments/iwae.py:iwae-5", "--config.optimizer.learning_rate=3e-4")
    told = launch(*given)
    assert told.returncode == 0, told.stderr
    first, _, _, *rows = told.stdout.splitlines()
    assert first.startswith("experiments/iwae.py:iwae-5: ") and first.endswith(" values are set")
    by = {row.split()[0]: row for row in rows}
    assert by["objective.name"].split()[1:] == ["'iwae'", "'elbo'", "variant"]
    assert by["optimizer.learning_rate"].split()[1:4] == ["0.0003", "0.001", "command"]
    refused = launch("config", "experiments/iwae.py:iwae-5", "--config.objective.beta=2")
    assert refused.returncode == 2 and "objective.beta=2.0 has no effect" in refused.stderr


def test_help_of_a_section_is_of_the_config_and_of_a_command_with_its_flag():
    assert "An experiment is a configuration" in launch("help", "config").stdout
    assert launch("config", "--help").stdout.startswith("config: Shows the config")
