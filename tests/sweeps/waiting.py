"""Waiting for real jobs."""

import time


def until(condition, seconds=60):
    """The first value of `condition` that is true; fails where there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.2)
    return value
