"""What a run logged, to be compared with what another one did."""

import json


def lines(workdir):
    """metrics.jsonl without what depends on the clock."""
    text = (workdir / "metrics.jsonl").read_text()
    return [
        {k: v for k, v in json.loads(line).items() if "per_second" not in k}
        for line in text.splitlines()
    ]
