"""Early stopping: where a run ends, and that it ends there however often it was stopped."""

import math
from types import SimpleNamespace

import pytest
from configs import tiny
from logged import lines

from vae.errors import InputError
from vae.rules.config import check_config
from vae.rules.model import check_model
from vae.training import loop
from vae.training.logs import Log
from vae.training.patience import why_ended

ELBOS = (-90.0, -80.0, -80.5, -79.5, -79.2, -78.0, -79.0, math.nan, -78.5, -70.0)  # every 4 steps


def config(**overrides):
    common = {"training__steps": 40, "evaluation__every_steps": 4, "checkpoint__every_steps": 8}
    return tiny(**common | overrides)


@pytest.mark.parametrize(
    ("patience", "min_delta", "ends"),
    [
        (0, 0.0, {}),
        (1, 0.0, {12: 8}),
        (2, 0.0, {32: 24}),
        (3, 0.0, {36: 24}),
        (4, 0.0, {}),
        (2, 1.0, {16: 8}),  # -79.5 and -79.2 are not enough
        (3, 1.0, {20: 8}),
    ],
)
def test_a_run_ends_when_the_best_elbo_is_so_many_validations_old(patience, min_delta, ends):
    some = config(training__patience=patience, training__min_delta=min_delta)
    elbos = {4 * i: elbo for i, elbo in enumerate(ELBOS, start=1) if math.isfinite(elbo)}
    whys = {step: why for step in range(41) if (why := why_ended(some, elbos, step))}
    first = dict(list(whys.items())[:1])
    assert first.keys() == ends.keys()
    for step, best in ends.items():
        assert f"since step {best}, where it was {ELBOS[best // 4 - 1]:.2f}, in" in whys[step]


def test_validations_count_that_this_config_has():
    elbos = dict.fromkeys(range(5, 41, 5), -80.0)
    assert why_ended(config(training__patience=2, evaluation__every_steps=10), elbos, 30)
    assert not why_ended(config(training__patience=2, evaluation__every_steps=10), elbos, 20)
    assert "has not risen at all, in 2" in why_ended(config(training__patience=2), {}, 8)


class Shown:
    """A progress that shows nothing."""

    def at(self, step):
        pass

    def logged(self, step, figures):
        return {}

    def validated(self, figures):
        pass


def trained(some, workdir, start=0, stop=None):
    """Serves the loop with figures of the step alone; returns its end and where it saved."""
    log, saved, step = Log(workdir, tensorboard=False), [], start
    requests, answer = loop.order(some, start, log, Shown()), None
    while True:
        try:
            request = requests.send(answer)
        except StopIteration as end:
            return end.value, saved
        match request:
            case loop.Train(step):
                step, answer = step + 1, step + 1 == stop
            case loop.Read():
                guard = SimpleNamespace(diverged_at=-1, retries=0, skipped=0, streak=0)
                metrics = SimpleNamespace(compute=lambda step=step: {"loss": float(step)})
                answer = SimpleNamespace(guard=guard, metrics=metrics, learning_rate=0.1)
            case loop.Validate():
                answer = {"valid/elbo": ELBOS[step // 4 - 1]}
            case loop.Save(at, _, if_best):
                answer = saved.append((at, if_best))


@pytest.mark.parametrize(("patience", "ends"), [(1, 12), (2, 32)])
def test_a_run_that_was_stopped_ends_where_it_would_have_ended(tmp_path, patience, ends):
    some = config(training__patience=patience)
    end, saved = trained(some, tmp_path)
    assert (end.status, end.step) == ("completed", ends) and "has not risen" in end.reason
    assert saved[-1] == (ends, False)  # the end is saved, whatever came of it
    for stop in range(1, ends):
        workdir = tmp_path / str(stop)
        workdir.mkdir()
        before, _ = trained(some, workdir, stop=stop)
        assert (before.status, before.step, before.reason) == ("preempted", stop, "")
        again, _ = trained(some, workdir, start=stop)
        # The log of the whole run has no line for the stop.
        assert again == end and lines(workdir) == lines(tmp_path)


def test_a_longer_patience_goes_on_and_a_last_step_is_no_early_end(tmp_path):
    trained(config(training__patience=1), tmp_path)
    Log(tmp_path, tensorboard=False).scalars(12, {"test/elbo": -81.0})
    again, saved = trained(config(training__patience=1), tmp_path, start=12)
    assert again.step == 12 and again.reason and not saved
    assert all("test/elbo" not in line for line in lines(tmp_path))  # it comes again
    Log(tmp_path, tensorboard=False).scalars(12, {"test/elbo": -81.0})
    end, _ = trained(config(training__patience=4), tmp_path, start=12)
    assert (end.step, end.reason) == (40, "")
    assert any("test/elbo" in line for line in lines(tmp_path))  # of a run that was complete
    end, _ = trained(config(training__steps=12, training__patience=1), tmp_path / "..")
    assert (end.step, end.reason) == (12, "")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"training__min_delta": 0.5}, "min_delta=0.5 has no effect with training.patience=0"),
        ({"training__patience": 3, "evaluation__every_steps": 0}, "patience=3 counts validations"),
    ],
)
def test_patience_without_what_it_waits_for_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        check_config(tiny(**overrides))


def test_a_model_without_an_elbo_has_no_patience():
    model = SimpleNamespace(encodes=False)
    with pytest.raises(InputError, match=r"waits for a better valid/elbo, which .*'gan'"):
        check_model(tiny(training__patience=3, model__name="gan"), model, None)
