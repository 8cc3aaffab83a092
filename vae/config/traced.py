"""Which numbers of a config are not compiled in, so that runs may differ in them in one program."""

from __future__ import annotations

from typing import Any

import ml_collections

from vae.config.mapping import flatten, to_dict


def traced(config: ml_collections.ConfigDict) -> dict[str, str]:
    """{dotted key of the config: name in `State.hyper`} of the numbers that are not compiled in."""
    names = ["learning_rate", "weight_decay", "warmup_steps"]
    if config.model.adversary != "none":
        names.append("discriminator_learning_rate")
    floats = [name for name, value in config.objective.items() if isinstance(value, float)]
    return {f"optimizer.{name}": name for name in names} | {
        f"objective.{name}": name for name in (*floats, "beta_warmup_steps")
    }


def varying(config: ml_collections.ConfigDict) -> set[str]:
    """Dotted keys in which the members of a population may differ."""
    seeds = {"seed"} if config.data.labelled else {"seed", "data.seed"}
    return seeds | set(traced(config))


def static(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """What the members of a population have in common: all but what may vary."""
    free = varying(config)
    return {key: value for key, value in flatten(to_dict(config)).items() if key not in free}
