"""The configuration of an experiment: every key, every default, and what makes a value valid.

One file under `experiments/` is one experiment: its `get_config()` takes `base()` and changes what
it is about. `base()` is the only place with defaults. `validate()` refuses, before anything is
written or compiled, what cannot work.
"""

from vae.config.defaults import base
from vae.config.mapping import differences, flatten, from_dict, get, override, resumable, to_dict
from vae.config.validation import CHOICES, check_values, validate

__all__ = [
    "CHOICES",
    "base",
    "check_values",
    "differences",
    "flatten",
    "from_dict",
    "get",
    "override",
    "resumable",
    "to_dict",
    "validate",
]
