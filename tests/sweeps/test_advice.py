"""What is said of a sweep, of made-up points."""

from pathlib import Path

from vae.sweeps import advice
from vae.sweeps.rows import Figure, Row
from vae.sweeps.trials import Trial

KEY = "optimizer.learning_rate"
TRIAL = Trial(0, 0, Path("trials/0000"), {})


def rows(values, *, status="completed", stderr=None):
    """Points, the best first, each a nat below the one before."""
    found = [Figure(-90.0 - i, stderr, 1) for i, _ in enumerate(values)]
    return [
        Row({KEY: value}, [TRIAL], {status: 1}, each if status == "completed" else None, {}, 1.0)
        for value, each in zip(values, found, strict=True)
    ]


def space(low, high, kind="LogUniform"):
    return {"space": {KEY: {kind: [low, high]}}, "direction": "maximize"}


def test_a_best_value_at_an_end_of_its_range_is_said():
    (found,) = advice.advice(rows([9e-2, 3e-2, 1e-2, 1e-3, 2e-4]), space(1e-4, 1e-1))
    assert "The best optimizer.learning_rate is 0.09000, at the high end" in found.said
    assert "try larger values" in found.said
    inside = rows([1e-2, 3e-2, 9e-2, 1e-3, 2e-4])
    assert advice.advice(inside, space(1e-4, 1e-1)) == []
    # On a linear scale the same value is near the low end.
    assert "smaller values" in advice.at_the_edge(inside, space(1e-4, 1.0, "Uniform"))[0].said
    assert (
        advice.at_the_edge(rows([9e-2, 1e-3]), space(1e-4, 1e-1)) == []
    )  # of two nothing is known


def test_the_ends_of_a_grid_are_those_of_its_values():
    grid = {"space": {}, "direction": "maximize"}
    assert advice.at_the_edge(rows([1.0, 2.0, 3.0, 4.0, 5.0]), grid)
    assert not advice.at_the_edge(rows([3.0, 2.0, 1.0, 4.0, 5.0]), grid)
    assert not advice.at_the_edge(rows(["a", "b", "c", "d", "e"]), grid)


def test_many_lost_trials_are_said_and_few_are_not():
    lost = rows([1.0, 2.0], status="diverged")
    found = advice.lost([*rows([3.0, 4.0]), *lost])
    assert found.level == "warn" and "2 diverged of 4 trials" in found.said
    assert advice.lost(lost).level == "bad"
    assert advice.lost([*rows(range(10)), *lost[:1]]) is None


def test_points_that_their_seeds_do_not_tell_apart_are_said():
    assert (
        "1.000 apart, with a standard error over seeds of 1.131"
        in advice.within_the_noise(rows([1.0, 2.0], stderr=0.8)).said
    )
    assert advice.within_the_noise(rows([1.0, 2.0], stderr=0.1)) is None
    assert advice.within_the_noise(rows([1.0, 2.0])) is None  # of a single seed
