"""What a loss of `vae.models.losses` is given, in tests of one."""

import dataclasses

from vae.models.losses.drawn import Drawn


def drawn(**given):
    """A `Drawn` of what is given and nothing else."""
    return Drawn(**dict.fromkeys(field.name for field in dataclasses.fields(Drawn)) | given)
