"""Tasks for runs of images only."""

from vae.errors import InputError
from vae.run import Run


def check_images(run: Run, what: str) -> None:
    """Checks that the data of a run are images.

    Args:
      run: the run.
      what: what is asked for, for the message.

    Raises:
      InputError: the data are not images.
    """
    if run.modality.NAME != "images":
        raise InputError(
            f"{what} need images, but the data of {run.workdir} are {run.modality.NAME}."
        )
