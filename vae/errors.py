"""The error of the person at the keyboard: one sentence, no traceback, exit code 2."""


class InputError(Exception):
    """Something given to the program is wrong.

    The message is one sentence that names the thing, says what is wrong with it and what to do.
    """
