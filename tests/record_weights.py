"""Compares the weights of `test_weights.py` and `test_experiments.py` to the bit, or records them.

    python tests/record_weights.py             # a table: equal, and the largest difference
    python tests/record_weights.py ladder vq   # of the cases that have one of these in their name
    python tests/record_weights.py --record    # writes recorded_weights.json anew

Differences are in parts of what a test allows. The settings are those of the tests. The exit
code is 1 where a case differs by more than is allowed.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import conftest  # noqa: F401  (first: the devices and flags of the tests)

logging.disable(logging.WARNING)  # of tiny data

from test_weights import CASES, EXPERIMENTS, config_of, trained  # noqa: E402
from weights import record, recorded, weights  # noqa: E402


def found(case):
    with tempfile.TemporaryDirectory() as folder:
        return weights(trained(config_of(case, Path(folder)), Path(folder)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    cases = list(dict.fromkeys([*EXPERIMENTS, *CASES]))
    if args.names:
        cases = [case for case in cases if any(name in case for name in args.names)]
    if args.record:
        kept = recorded() if args.names else {}
        record(kept | {case: found(case) for case in cases})
        return 0
    table, worst = recorded(), 0.0
    print(f"{'case':34} {'equal':5} largest difference")
    for case in cases:
        now = found(case)
        differences = table[case].differences(now)
        path = max(differences, key=differences.get)
        worst = max(worst, differences[path])
        same = "yes" if now.sha256 == table[case].sha256 else "no"
        print(f"{case:34} {same:5} {differences[path]:8.2g} {path}", flush=True)
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
