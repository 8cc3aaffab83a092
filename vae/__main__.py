"""The command `vae`: `vae help`, or `python -m vae help`."""

import os
import sys

from vae.training import signals


def main() -> None:
    """Runs the command that this process was started with, and exits with its code."""
    # Before the imports, which may take seconds, and compilations, which may take minutes.
    signals.listen(signals.end, signals.end_if_unheard)
    from vae.commands import main

    code = main(sys.argv[1:])
    if code == signals.BY_CTRL_C:
        sys.stdout.flush()
        os._exit(code)  # at once: threads that still compile would crash as the interpreter ends
    sys.exit(code)


if __name__ == "__main__":
    main()
