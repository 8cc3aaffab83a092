"""The numbers of a config that are not compiled in, so that one program serves other values."""

from __future__ import annotations

from typing import Any

import ml_collections

from vae.config.mapping import flatten, to_dict


def traced(config: ml_collections.ConfigDict) -> dict[str, str]:
    """Returns {dotted key: name in `State.hyper`} of the numbers that are not compiled in."""
    names = ["learning_rate", "weight_decay", "warmup_steps"]
    if config.model.adversary != "none":
        names.append("discriminator_learning_rate")
    floats = [name for name, value in config.objective.items() if isinstance(value, float)]
    return {f"optimizer.{name}": name for name in names} | {
        f"objective.{name}": name for name in (*floats, "beta_warmup_steps")
    }


def varying(config: ml_collections.ConfigDict) -> set[str]:
    """Returns the dotted keys in which the members of a population may differ."""
    seeds = {"seed"} if config.data.labelled else {"seed", "data.seed"}
    return seeds | set(traced(config))


def static(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the keys and values that all members of a population share."""
    free = varying(config)
    return {key: value for key, value in flatten(to_dict(config)).items() if key not in free}
