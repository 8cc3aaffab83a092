"""Annotations by which the command line knows what a parameter takes.

To Python a `Count` is any int; the command line takes whole numbers from 1.
"""

from typing import Literal

Count = int  # from 1
Seed = int  # from 0 to 2**32 - 1
Split = Literal["train", "valid", "test"]
