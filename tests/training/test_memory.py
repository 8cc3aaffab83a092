"""What the system is asked for again, after it was freed."""

import platform
import subprocess
import sys

import pytest

MEASURE = """
import ctypes, resource, sys, threading
if sys.argv[1] == "keep":
    from vae.training.memory import keep_freed_memory
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
faults = []
def use():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block = libc.malloc(100 * 2**20)
        ctypes.memset(block, 1, 100 * 2**20)
        libc.free(block)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=use)
thread.start()
thread.join()
print(faults[-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is told")
def test_what_a_thread_frees_is_not_fetched_again():
    def faults(how):
        command = [sys.executable, "-c", MEASURE, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("as it is") > 100 * 2**20 // 2**21  # of huge pages at the least
    assert faults("keep") < 10
