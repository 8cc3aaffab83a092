"""The study: what is drawn, and that a coordinator's death does no harm to it."""

import math

import numpy as np
import pytest

from vae.sweeps.search import PRUNERS, SAMPLERS, Search, size
from vae.sweeps.space import Choice, Integer, LogUniform, Plan, Uniform

SPACE = Plan(
    {
        "rate": LogUniform(1e-4, 1e-1),
        "beta": Uniform(0, 4),
        "dim": Integer(2, 5),
        "widths": Choice(((8,), (16, 16))),
    },
    ({},),
    "valid/elbo",
    "maximize",
)
ROWS = ({"rate": 1e-3}, {"rate": 1e-2, "widths": (8, 8)}, {"rate": 1e-2})


def search(folder, plan=SPACE, sampler="tpe", pruner="none"):
    return Search(folder / "journal", plan, sampler=sampler, pruner=pruner, every=10, steps=30)


def score(values):
    return -abs(math.log10(values["rate"]) + 2) - abs(values["beta"] - 1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_drawn_is_in_the_space_and_the_same_after_a_restart(tmp_path, sampler):
    drawn = {}
    for name in ("whole", "stopped"):
        folder = tmp_path / name
        folder.mkdir()
        study = search(folder, sampler=sampler)
        drawn[name] = []
        for number in range(12):
            if name == "stopped" and number in (3, 11):
                study = search(folder, sampler=sampler)
            point = study.ask()
            assert point.number == number
            study.tell(number, score(point.values))
            drawn[name].append(point.values)
    assert drawn["whole"] == drawn["stopped"]
    for values in drawn["whole"]:
        assert 1e-4 <= values["rate"] <= 1e-1 and 0 <= values["beta"] <= 4
        assert values["dim"] in (2, 3, 4, 5) and values["widths"] in ((8,), (16, 16))
    assert len({values["rate"] for values in drawn["whole"]}) == 12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_space_of_one_key_can_be_searched(tmp_path, sampler):
    study = search(tmp_path, SPACE._replace(distributions={"rate": LogUniform(1e-4, 1)}), sampler)
    rates = []
    for _ in range(12):
        point = study.ask()
        rates.append(point.values["rate"])
        study.tell(point.number, -rates[-1])
    assert len(set(rates)) == 12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_point_of_a_small_space_is_drawn_once(tmp_path, sampler):
    choices = {
        "widths": Choice(((8,), (16, 16), (8,))),
        "dim": Integer(2, 4),
        "beta": Uniform(1, 1),
    }
    small = SPACE._replace(distributions=choices)
    assert size(small) == 6 and size(SPACE) == math.inf
    points = []
    for _ in range(6):
        study = search(tmp_path, small, sampler)  # a restart before every point
        assert study.open() == []
        points.append(study.ask())
        study.tell(points[-1].number, 1.0)
    assert study.number() == 6
    assert len({(point.values["widths"], point.values["dim"]) for point in points}) == 6
    assert all(point.values["widths"] in ((8,), (16, 16)) for point in points)


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_search_finds_better_points_than_chance(tmp_path, sampler):
    space = SPACE._replace(distributions={"rate": LogUniform(1e-4, 1e-1), "beta": Uniform(0, 4)})
    study = search(tmp_path, space, sampler=sampler)
    scores = []
    for number in range(40):
        point = study.ask()
        scores.append(score(point.values))
        # What diverges is a result, too.
        study.tell(number, -math.inf if point.values["beta"] > 3.5 else scores[-1])
    # By chance: E|u + 2| = 5/6 of u in (-4, -1), and E|b - 1| = 5/4 of b in (0, 4).
    assert np.mean(scores[25:]) > -(5 / 6 + 5 / 4) + 0.7


def test_rows_of_a_grid_are_asked_for_in_order(tmp_path):
    grid = Plan({}, ROWS, "valid/elbo", "maximize")
    study = search(tmp_path, grid)
    assert study.ask() == (0, ROWS[0])
    assert study.ask() == (1, ROWS[1])
    study.tell(0, -1.0)
    again = search(tmp_path, grid)
    assert again.open() == [(1, ROWS[1])] and again.number() == 2
    assert again.ask() == (2, ROWS[2])
    assert again.number() == 3


def test_a_point_that_a_coordinator_died_of_is_not_counted(tmp_path, monkeypatch):
    study = search(tmp_path)
    study.ask()
    storage = type(study._storage)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        original = storage.set_trial_param

        def killed(self, trial, name, *args):
            if name == "dim":
                raise KeyboardInterrupt
            original(self, trial, name, *args)

        patch.setattr(storage, "set_trial_param", killed)
        study.ask()
    again = search(tmp_path)
    assert [point.number for point in again.open()] == [0]
    assert again.number() == 1
    assert again.ask().number == 2 and again.number() == 2


def test_a_journal_with_half_a_line_and_a_lock_goes_on(tmp_path):
    study = search(tmp_path)
    values = study.ask().values
    with open(tmp_path / "journal", "a") as file:
        file.write('{"op_code": 6, "wor')
    (tmp_path / "journal.lock").symlink_to(tmp_path / "journal")
    again = search(tmp_path)
    assert again.open() == [(0, values)]
    again.tell(0, 1.0)
    assert again.ask().number == 1


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_figure_is_reported_once_for_each_step(tmp_path, pruner):
    study = search(tmp_path, pruner=pruner)
    number = study.ask().number
    assert not study.report(number, 10, -1.0)
    again = search(tmp_path, pruner=pruner)
    assert not again.report(number, 10, -5.0)
    assert again._trial(number).intermediate_values == {10: -1.0}
