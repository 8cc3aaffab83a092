"""Hides what the fork server has imported before this module from the garbage collector.

A collection that looked through it would copy its memory in every fork.
"""

import gc

gc.collect()
gc.freeze()
