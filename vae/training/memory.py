"""Memory: what a process frees is kept for its next use, and the most that it has held."""

import ctypes
import resource
import sys

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


def peaks() -> dict[str, int]:
    """Returns the most bytes that this process has held: "host", and "device" where that is known.

    On a CPU the device's memory is the host's.
    """
    import jax  # what keeps freed memory does not wait for it

    unit = 1 if sys.platform == "darwin" else 1024
    most = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    held = [device.memory_stats() or {} for device in jax.local_devices()]
    if known := [each["peak_bytes_in_use"] for each in held if "peak_bytes_in_use" in each]:
        most["device"] = max(known)
    return most
