"""Memory that a process frees, kept for its next use."""

import ctypes

# glibc's M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
HEAPS, OWN_MAPPING, GIVE_BACK = -8, -3, -1
LARGEST = 2**30  # bytes


def keep_freed_memory() -> None:
    """Keeps up to 1 GiB of freed memory; call it before JAX starts its backend.

    On a CPU a compiled program allocates its intermediate results anew at every call. glibc asks
    the system for large blocks each time and gives them back; filling them page by page takes an
    eighth of the time of a convolutional training step. With this they come from the heap. There is
    only one: other threads' heaps hold nothing large.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    for parameter, value in ((HEAPS, 1), (OWN_MAPPING, LARGEST), (GIVE_BACK, LARGEST)):
        mallopt(parameter, value)
