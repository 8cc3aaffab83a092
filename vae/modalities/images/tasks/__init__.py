"""What is done with images alone."""

from vae.errors import InputError
from vae.run import Run


def check_images(run: Run, what: str) -> None:
    """Refuses a run of other data.

    Raises:
      InputError: one sentence that names `what` is asked for.
    """
    if run.modality.NAME != "images":
        raise InputError(
            f"{what} are of images, but the data of {run.workdir} are {run.modality.NAME}."
        )
