"""What a run left in its directory, to be waited for or compared with what another one did."""

import json
import time


def lines(workdir):
    """metrics.jsonl without what depends on the clock."""
    text = (workdir / "metrics.jsonl").read_text()
    return [
        {k: v for k, v in json.loads(line).items() if "per_second" not in k}
        for line in text.splitlines()
    ]


def wait_for_checkpoint(workdir, process):
    """Returns as soon as a run has a checkpoint; the process writes into its output.txt."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if any((workdir / "checkpoints").glob("[0-9]*[0-9]")):
            return
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint appeared: {(workdir / 'output.txt').read_text()}")
