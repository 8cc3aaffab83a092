"""What the rows of the axes stand for."""

import functools

from vae.config import own
from vae.config.axes import AXES


def parts(key):
    """{name: what makes the part} of an axis, by its dotted key; without words such as "none"."""
    return {
        name: functools.partial(own.resolve(row.part), **row.given) if row.given
        else own.resolve(row.part)
        for name, row in AXES[key].items()
        if row.part
    }  # fmt: skip
