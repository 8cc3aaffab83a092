"""The rules of how a run is trained, validated and logged: steps, batches, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from ml_collections import ConfigDict

from vae.config import get
from vae.config.keys import KEYS
from vae.config.own import is_own
from vae.errors import InputError

COUPLED = ("beta_tc", "dip_i", "dip_ii", "info_vae", "wae")  # objectives of a whole batch
OF_BATCH = {  # choices that compare the examples of a batch
    "objective.name": COUPLED,
    "model.adversary": ("factors",),
    "model.posterior": ("batch_normalized",),
}


def _steps_of_a_call(config: ConfigDict) -> None:
    per_call = config.training.steps_per_call
    for key in (
        "training.steps",
        "log.every_steps",
        "log.images_every_steps",
        "evaluation.every_steps",
        "checkpoint.every_steps",
    ):
        if (value := get(config, key)) % per_call:
            raise InputError(
                f"{key}={value} must be a multiple of training.steps_per_call={per_call}."
            )


def _micro_batches(config: ConfigDict) -> None:
    batch_size, accumulate = config.data.batch_size, config.training.accumulate
    if batch_size % accumulate:
        raise InputError(
            f"data.batch_size={batch_size} must be a multiple of training.accumulate={accumulate}."
        )
    if batch_size > accumulate:
        return
    for key, those in OF_BATCH.items():
        if (value := get(config, key)) in those:
            raise InputError(
                f"{key}={value!r} compares the examples of a batch, so data.batch_size / "
                "training.accumulate must be at least 2."
            )


def _whole_matrices(config: ConfigDict) -> None:
    if config.optimizer.name == "muon" and config.training.shard_state:
        raise InputError(
            "optimizer.name='muon' needs whole matrices, which training.shard_state=True spreads "
            "over the devices; choose 'adam'."
        )


def _encoder_updates(config: ConfigDict) -> None:
    training = config.training
    key, usual = "training.encoder_updates", KEYS["training.encoder_updates"].default
    if training.encoder_updates != usual and not training.aggressive_steps:
        raise InputError(
            f"{key}={training.encoder_updates} has no effect with training.aggressive_steps=0."
        )


def _patience(config: ConfigDict) -> None:
    training = config.training
    if training.min_delta and not training.patience:
        raise InputError(
            f"training.min_delta={training.min_delta} has no effect with training.patience=0."
        )
    if training.patience and not config.evaluation.every_steps:
        raise InputError(
            f"training.patience={training.patience} counts validations, of which "
            "evaluation.every_steps=0 has none."
        )


def _trackers(config: ConfigDict) -> None:
    named, usual = config.log.trackers, KEYS["log.project"].default
    if config.log.project != usual and not named:
        raise InputError(f"log.project={config.log.project!r} has no effect with log.trackers=().")
    for name in named:
        if not is_own(name) and find_spec(name) is None:
            raise InputError(
                f"log.trackers={name!r} needs the package {name}, which is not installed: pip "
                f"install {name}."
            )


STEPS: tuple[Callable[[ConfigDict], None], ...] = (
    _steps_of_a_call,
    _micro_batches,
    _whole_matrices,
    _encoder_updates,
    _patience,
    _trackers,
)
