"""The command `vae`, from a clone: `python launch.py help`."""

from vae.__main__ import main

if __name__ == "__main__":
    main()
