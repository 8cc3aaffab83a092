"""The choices of every axis, by the key that chooses.

These tables are the only lists of choices: the values that a config takes, the help, the pages of
the documentation, and which choices read a key all follow from them. A new part is a class in a
file of its own and a row here. Nothing is imported before it is chosen.

A key that rows mention is read only if one of these rows is chosen; a key that no row mentions is
always read.
"""

from __future__ import annotations

from vae.config.axes import latents, likelihoods, models, networks, training
from vae.config.axes.choice import Choice

__all__ = ["AXES", "Choice"]

AXES: dict[str, dict[str, Choice]] = {
    **models.AXES,
    **networks.AXES,
    **latents.AXES,
    **likelihoods.AXES,
    **training.AXES,
}
