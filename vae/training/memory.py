"""Memory that a process frees, kept for its next use."""

import ctypes

# glibc's M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
HEAPS, OWN_MAPPING, GIVE_BACK = -8, -3, -1
LARGEST = 2**30  # bytes


def keep_freed_memory() -> None:
    """Keeps up to 1 GiB that is freed; to be called before JAX starts its backend.

    On a CPU a compiled program takes the memory of its intermediate results anew at every call.
    glibc asks the system for what is large each time and gives it back, and to fill it page by page
    is an eighth of the time of a convolutional training step. So it is to come from the heap, of
    which there is to be one: the further heaps, of other threads, hold nothing large.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    for parameter, value in ((HEAPS, 1), (OWN_MAPPING, LARGEST), (GIVE_BACK, LARGEST)):
        mallopt(parameter, value)
