"""Stands in for commands in the tests of executors: it ends, saves and goes on as a run does.

Its arguments: "exit CODE" ends so; "save DIR" works until SIGTERM, then takes a note in DIR and
ends with 75; where there is a note already, it ends with 0.
"""

import os
import signal
import sys
import time
from pathlib import Path

print("out of", *sys.argv[1:], flush=True)
print("err of", *sys.argv[1:], file=sys.stderr, flush=True)
if sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))

directory = Path(sys.argv[2])


def save(*_):
    time.sleep(1)
    with open(directory / "saved", "a") as file:
        file.write("saved\n")
    os._exit(75)


signal.signal(signal.SIGTERM, save)
if (directory / "saved").exists():
    sys.exit(0)
(directory / "started").write_text(str(len(os.sched_getaffinity(0))))
time.sleep(60)
