"""What a person is told of an error: one sentence, no traceback.

Exit code 2 where something given was wrong, else 1.
"""

import os


class InputError(Exception):
    """Something given to the program is wrong.

    The message is one sentence that names the thing, says what is wrong with it and what to do.
    """


def reason(error: OSError) -> str:
    """What the system refused, as "runs/digits/config.json: No space left on device"."""
    name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{name}{error.strerror or error}"
