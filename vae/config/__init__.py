"""The configuration of an experiment: every key, every default, and every choice.

One file under `experiments/` is one experiment: its `get_config()` takes `base()` and changes what
it is about. A key is a row of `keys/`, a choice a row of `axes/`; `vae.rules` says what goes
together.
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
