"""What is said to be wrong with a run, of made-up records."""

import math

import pytest

from vae.config import base, flatten
from vae.report import diagnoses
from vae.report.curves import Curve
from vae.report.diagnoses import Evidence

NATS = {"share": [0.25, 0.5, 0.75], "value": [80.0, 90.0, 100.0]}
STEADY = {"highest": [[4, 130.0], [2, 120.0]], "lowest": [[9, 55.0], [1, 60.0]]}


def evidence(*, curves=None, details=None, status="completed", result=None, config=None, **metrics):
    """A run with these metrics of its test set, and these curves {name: {step: value}}."""
    metrics = {f"test/{name}": value for name, value in metrics.items()}
    result = {"status": status, "step": 1000, "metrics": metrics} | (result or {})
    known = {
        name: Curve(list(values), list(values.values())) for name, values in (curves or {}).items()
    }
    own = flatten(base()) | {"objective.name": "elbo", "training.steps": 1000} | (config or {})
    return Evidence(own, result, status, known, details or {})


def units(active, total, counted="units"):
    return {"units": {"counted": counted, "active": active, "total": total}}


GOOD = {
    "valid/elbo": {200: -110.0, 400: -101.0, 600: -100.2, 800: -100.0, 1000: -99.9},
    "valid/elbo_stderr": dict.fromkeys((200, 400, 600, 800, 1000), 0.9),
    "train/elbo": {200: -108.0, 1000: -98.0},
    "train/grad_norm": {i: 5.0 + i % 7 for i in range(100, 1000, 10)},
    "train/skipped": {100: 0.0, 1000: 0.0},
}


def titles(run):
    return [finding.title for finding in diagnoses.diagnoses(run)]


def test_nothing_is_wrong_with_a_good_run():
    details = units(14, 16) | {"nats": NATS | STEADY}
    run = evidence(
        curves=GOOD,
        details=details,
        kl=20.0,
        off_centre=0.01,
        ess=30.0,
        result={"protocol": {"num_samples": 100}},
    )
    run.result["metrics"].update({"test/kl": 20.0, "test/off_centre": 0.01, "test/ess": 30.0})
    assert titles(run) == []


def test_a_record_with_nothing_in_it_is_judged_without_a_word():
    assert diagnoses.diagnoses(Evidence({}, {}, "running", {}, {})) == []


def test_a_run_that_ended_early_is_said_to_have():
    run = evidence(status="diverged", result={"error": "updates were not finite."})
    (first, *_) = diagnoses.diagnoses(run)
    assert (first.level, first.title) == ("bad", "Divergence")
    assert first.said == "The run diverged: updates were not finite."
    (failed,) = diagnoses.diagnoses(Evidence({}, {"error": "OSError: full"}, "failed", {}, {}))
    assert failed.said == "The run failed: OSError: full."
    stopped = diagnoses.ended_early(evidence(status="preempted", result={"step": 400}))
    assert "at step 400 of 1,000" in stopped.said


def test_skipped_updates_and_a_spike_of_the_gradient_are_seen():
    skipped = diagnoses.unstable(evidence(curves={"train/skipped": {500: 3.0, 1000: 25.0}}))
    assert "25 of 1,000 updates were skipped" in skipped.said
    few = GOOD | {"train/skipped": {1000: 5.0}}
    assert diagnoses.unstable(evidence(curves=few)) is None
    norms = dict(GOOD["train/grad_norm"])
    at_first = {"train/grad_norm": norms | {100: 5000.0}}
    assert diagnoses.unstable(evidence(curves=at_first)) is None  # as every run has
    later = {"train/grad_norm": norms | {700: 4000.0}}
    assert (
        "At step 700 the norm of the gradient was 4,000"
        in diagnoses.unstable(evidence(curves=later)).said
    )


@pytest.mark.parametrize("active", [0, 1])
def test_a_collapse_is_bad_and_says_its_numbers(active):
    run = evidence(details=units(active, 32), kl=0.31)
    (found,) = diagnoses.diagnoses(run)
    assert (found.level, found.title) == ("bad", "Posterior collapse")
    assert found.said.startswith(f"{active} of 32 latent units are active and the KL is 0.31 nats")
    assert "objective.beta" in found.said


def test_idle_latents_are_unused_capacity_unless_that_is_a_collapse():
    found = diagnoses.unused(evidence(details=units(10, 64), kl=20.0))
    assert found.level == "note" and "10 of 64 latent units" in found.said
    assert "model.latent_dim of about 13" in found.said
    assert diagnoses.unused(evidence(details=units(2, 64), kl=0.5)) is None
    assert diagnoses.unused(evidence(details=units(40, 64), kl=20.0)) is None
    assert diagnoses.unused(evidence(details=units(1, 5, "groups"), kl=20.0)) is None


def test_without_details_the_units_of_a_plain_model_are_known_by_its_config():
    config = {"model.name": "vae", "model.encoder": "mlp", "model.latent_dim": 64}
    run = evidence(config=config, active_units=10, kl=20.0)
    assert "10 of 64" in diagnoses.unused(run).said
    assert (
        diagnoses.unused(
            evidence(config=config | {"model.name": "ladder"}, active_units=10, kl=2.0)
        )
        is None
    )


def test_a_validation_that_became_worse_is_overfitting():
    worse = {200: -110.0, 400: -100.0, 600: -104.0, 800: -108.0}
    curves = {"valid/elbo": worse, "valid/elbo_stderr": dict.fromkeys(worse, 0.9)}
    found = diagnoses.overfitting(evidence(curves=curves))
    assert "best at step 400, -100.0 nats, and fell to -108.0 at step 800" in found.said
    assert "--step=best" in found.said
    curves["valid/elbo_stderr"] = dict.fromkeys(worse, 5.0)  # within the errors
    assert diagnoses.overfitting(evidence(curves=curves)) is None


def test_a_gap_to_the_training_elbo_is_overfitting_where_the_loss_is_the_elbo():
    curves = GOOD | {"train/elbo": {1000: -70.0}}
    assert (
        "-70.00 nats in training and -99.90" in diagnoses.overfitting(evidence(curves=curves)).said
    )
    assert diagnoses.overfitting(evidence(curves=GOOD)) is None
    other = evidence(curves=curves, config={"objective.name": "iwae"})
    assert diagnoses.overfitting(other) is None


def test_a_run_that_still_improves_may_go_on():
    rising = {"valid/elbo": {200: -140.0, 400: -130.0, 600: -120.0, 800: -112.0, 1000: -105.0}}
    assert "gained 7.000 nats" in diagnoses.unfinished(evidence(curves=rising)).said
    assert diagnoses.unfinished(evidence(curves=rising, status="running")) is None
    assert diagnoses.unfinished(evidence(curves=GOOD)) is None


def test_the_prior_and_the_estimate_are_judged_as_in_the_log():
    assert "lies 2.8 from 0" in diagnoses.off_centre(evidence(off_centre=4.0, kl=25.0)).said
    assert diagnoses.off_centre(evidence(off_centre=0.1, kl=25.0)) is None
    protocol = {"protocol": {"num_samples": 100}}
    assert "rests on 1.2 of 100" in diagnoses.few_samples(evidence(ess=1.2, result=protocol)).said
    assert diagnoses.few_samples(evidence(ess=30.0, result=protocol)) is None
    assert diagnoses.few_samples(evidence(result=protocol)) is None  # samples are not weighed


def test_examples_far_from_all_others_are_named():
    hard = {"nats": NATS | STEADY | {"highest": [[17, 900.0], [4, 130.0]]}}
    found = diagnoses.hard_outlier(evidence(details=hard))
    assert found.said.startswith(
        "A test example (example 17) has 900.0 nats where half of all have"
    )
    assert diagnoses.easy_outlier(evidence(details=hard)) is None
    easy = {"nats": NATS | STEADY | {"lowest": [[3, -40.0], [5, -30.0]]}}
    found = diagnoses.easy_outlier(evidence(details=easy))
    assert found.said.startswith("2 test examples or more (examples 3, 5) have -40.00 nats")
    constant = {"nats": NATS | STEADY | {"value": [90.0, 90.0, 90.0]}}
    assert diagnoses.hard_outlier(evidence(details=constant)) is None


def test_figures_that_are_not_finite_are_no_evidence():
    run = evidence(
        kl=math.nan, details=units(0, 8), curves={"valid/elbo": dict.fromkeys(range(5), math.nan)}
    )
    assert titles(run) == []
