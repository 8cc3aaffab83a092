"""The configuration of an experiment: every key, every default, and every choice.

One file under `experiments/` is one experiment: its `get_config()` takes `base()` and changes the
keys that it is about. A key is a row of `keys/`, a choice is a row of `axes/`, and `vae.rules` has
the rules of what goes together.
"""

from vae.config.mapping import (
    check_values,
    differences,
    flatten,
    from_dict,
    get,
    override,
    resumable,
    to_dict,
)
from vae.config.sections import base

__all__ = [
    "base",
    "check_values",
    "differences",
    "flatten",
    "from_dict",
    "get",
    "override",
    "resumable",
    "to_dict",
]
