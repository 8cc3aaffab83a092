"""The type and the range of every key: one row each, checked in one place.

A range says what can be computed with, not what is wise. Real numbers are finite and neither
overflow nor vanish in float32; whole numbers fit the int32 that they are counted in; what is built
layer by layer is bounded, for a billion layers would never be ready. Whether what is left fits into
this machine's memory is asked when the data are known (`vae/training/allocation.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import ml_collections

from vae.errors import InputError

INT = 2**31 - 1
SEED = 2**32 - 1  # a larger one would be the same as its remainder
SIZE = 2**20  # widths, components, codes
LAYERS = 256
TINY, HUGE = 1e-30, 1e30  # well inside float32
BELOW_ONE = 1 - 1e-6  # the last that float32 tells from 1


class Rule(Protocol):
    """What a value must be."""

    def allows(self, value: Any) -> bool:
        """Whether the value is of this kind."""

    def __str__(self) -> str:
        """Completes "must be ..."."""


class Whole(NamedTuple):
    """Whole numbers, both ends included."""

    low: int = 0
    high: int = INT

    def allows(self, value: Any) -> bool:
        return type(value) is int and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


class Real(NamedTuple):
    """Finite numbers, both ends included."""

    low: float = 0.0
    high: float = HUGE

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (self.low <= value <= self.high)
            and not 0 < abs(value) < TINY
        )

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


class Flag(NamedTuple):
    """True or False."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


class Text(NamedTuple):
    """Text that a file or a data set may be named by."""

    longest: int = 4096

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and len(value) <= self.longest and "\0" not in value

    def __str__(self) -> str:
        return f"text of at most {self.longest} characters"


class Each(NamedTuple):
    """A tuple whose entries are all of one rule."""

    rule: Rule
    shortest: int = 0
    longest: int = 32

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, tuple | list)
            and self.shortest <= len(value) <= self.longest
            and all(self.rule.allows(entry) for entry in value)
        )

    def __str__(self) -> str:
        number = f"{self.shortest} to {self.longest}"
        if self.shortest == self.longest:
            number = f"{self.shortest}"
        return f"a tuple of {number} entries, each {self.rule}"


POSITIVE = Whole(1)
FLAG, PATH, SPLIT = Flag(), Text(), Text(200)
STEPS, WEIGHT, ABOVE_ZERO = Whole(0), Real(), Real(TINY)
WIDTHS = Each(Whole(1, SIZE))
DEPTH, SOME = Whole(1, LAYERS), Whole(1, SIZE)

RULES: dict[str, Rule] = {
    "seed": Whole(0, SEED),
    "data.name": PATH,
    "data.path": PATH,
    "data.manual_dir": PATH,
    "data.train": SPLIT,
    "data.valid": SPLIT,
    "data.test": SPLIT,
    "data.split_by": PATH,
    "data.batch_size": POSITIVE,
    "data.seed": Whole(0, SEED),
    "data.labelled": Whole(0),
    "data.crop": Each(Real(0, 2**16), 2, 2),
    "data.image_size": Each(Whole(0, 2**16), 2, 2),
    "data.channels": Whole(0, 3),
    "data.flip": FLAG,
    "data.dequantize": FLAG,
    "data.device_bytes": Whole(1, 2**60),
    "data.threads": Whole(1, 256),
    "model.encoder_told": FLAG,
    "model.encoder_widths": WIDTHS,
    "model.decoder_widths": WIDTHS,
    "model.blocks": DEPTH,
    "model.latent_dim": SOME,
    "model.top_dim": SOME,
    "model.top_widths": WIDTHS,
    "model.groups": Each(Whole(0, LAYERS)),
    "model.stem_stride": SOME,
    "model.posterior_flows": DEPTH,
    "model.posterior_width": SOME,
    "model.categories": SOME,
    "model.temperature": ABOVE_ZERO,
    "model.straight_through": FLAG,
    "model.prior_components": SOME,
    "model.prior_flows": DEPTH,
    "model.prior_widths": WIDTHS,
    "model.scale_init": ABOVE_ZERO,
    "model.likelihood_components": SOME,
    "model.regularizer_weight": WEIGHT,
    "model.adversarial_weight": WEIGHT,
    "model.discriminator_widths": WIDTHS,
    "model.r1_weight": WEIGHT,
    "model.spectral_norm": FLAG,
    "model.similarity": FLAG,
    "model.image_loss_weight": WEIGHT,
    "model.codebook_size": SOME,
    "model.commitment": WEIGHT,
    "model.levels": Each(Whole(2, SIZE), 1),
    "model.num_latents": SOME,
    "model.transformer_width": SOME,
    "model.transformer_layers": DEPTH,
    "model.classification_weight": WEIGHT,
    "objective.num_samples": POSITIVE,
    "objective.backward_samples": Whole(0),
    "objective.beta": WEIGHT,
    "objective.beta_warmup_steps": STEPS,
    "objective.free_bits": WEIGHT,
    "objective.capacity": WEIGHT,
    "objective.capacity_steps": STEPS,
    "objective.groups": POSITIVE,
    "objective.ciwae_weight": Real(0, 1),
    "objective.mi_weight": WEIGHT,
    "objective.dimwise_weight": WEIGHT,
    "objective.dip_diagonal": WEIGHT,
    "objective.dip_off_diagonal": WEIGHT,
    "objective.mmd_weight": WEIGHT,
    "objective.alpha": Real(0, 1),
    "optimizer.learning_rate": ABOVE_ZERO,
    "optimizer.discriminator_learning_rate": WEIGHT,
    "optimizer.warmup_steps": STEPS,
    "optimizer.b1": Real(0, BELOW_ONE),
    "optimizer.b2": Real(0, BELOW_ONE),
    "optimizer.eps": ABOVE_ZERO,
    "optimizer.weight_decay": WEIGHT,
    "optimizer.clip_norm": WEIGHT,
    "optimizer.skip_norm": WEIGHT,
    "training.steps": POSITIVE,
    "training.steps_per_call": Whole(1, 10**5),
    "training.accumulate": POSITIVE,
    "training.shard_state": FLAG,
    "training.pretrained": PATH,
    "training.ema_decay": Real(0, BELOW_ONE),
    "training.max_nonfinite": POSITIVE,
    "training.retry_scale": ABOVE_ZERO,
    "evaluation.every_steps": STEPS,
    "evaluation.batch_size": POSITIVE,
    "evaluation.num_samples": POSITIVE,
    "evaluation.max_bytes": Whole(1, 2**60),
    "evaluation.seed": Whole(0, SEED),
    "checkpoint.every_steps": STEPS,
    "checkpoint.max_to_keep": POSITIVE,
    "log.every_steps": POSITIVE,
    "log.images_every_steps": STEPS,
    "log.num_images": POSITIVE,
    "log.tensorboard": FLAG,
}


def check(key: str, value: Any) -> None:
    """Refuses a value that is not what the key's row says.

    Raises:
      InputError: one sentence that names the key, the value and what it must be.
    """
    if not (rule := RULES[key]).allows(value):
        raise InputError(f"{key}={shown(value)} must be {rule}.")


def shown(value: Any, longest: int = 80) -> str:
    """A value as Python writes it, shortened; numbers of thousands of digits included."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = "(a number of thousands of digits)"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


class Section(ml_collections.ConfigDict):
    """A ConfigDict that keeps a wrong number as it was given, for `validate` to refuse.

    Where there is a real number ml_collections would make 1.0 of True, and raise of 10**400.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        wrong = isinstance(value, int) and (isinstance(value, bool) or abs(value) > HUGE)
        if not (wrong and isinstance(self.get(key), float)):
            super().__setitem__(key, value)
            return
        with self.unlocked():
            del self[key]
            super().__setitem__(key, value)
