"""The command `vae`: `vae help`, or `python -m vae help`."""

import sys

from vae.training import signals


def main() -> None:
    """Runs the command that this process was started with, and exits with its code."""
    # Before the imports, which may take seconds, and compilations, which may take minutes.
    signals.listen(signals.end, signals.end_if_unheard)
    from vae.commands import main

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    main()
