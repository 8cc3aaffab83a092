"""Decodes latents of a file: those that `encode` wrote, or what a second stage made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae import terminal
from vae.data.labels import called
from vae.errors import InputError
from vae.files import named
from vae.models.condition import of_decoder
from vae.run import BATCH, Run
from vae.tasks import names, tiles
from vae.tasks.encode import places_of
from vae.tasks.inputs import check_vectors
from vae.tasks.latents import as_vectors, in_places, read
from vae.tasks.output import Output

SHOWN = 64  # the most examples on the sheet


def decode(run: Run, *, latents: Path) -> Output:
    """Decodes latents of an .npz file into a file for each example, and a sheet of the first 64.

    The file is what `vae encode` wrote, or has an array z of the same form: [N, h, w, c] where the
    run's latents have places, else [N, D]; with labels [N] or attributes [N, A] where the model is
    conditional. Latents of more places than the run's are decoded in tiles.

    Examples:
      vae decode --workdir=runs/digits --latents=latents.npz
      vae decode --workdir=runs/faces --latents=mine.npz --out=decoded

    Args:
      run: the run.
      latents: the .npz file.

    Returns:
      The paths of the sheet and of the folder with the examples, and {"step", "examples"}.

    Raises:
      InputError: the file cannot be read, or its latents or labels are not those of the run.
    """
    check_vectors(run)
    found = read(latents)
    z, condition = found["z"].astype(np.float32), of_decoder(run.model.condition)
    y = None
    if condition:
        key = "attributes" if condition.kind == "attributes" else "labels"
        if key not in found or len(found[key]) != len(z):
            raise InputError(
                f"the model of {run.workdir} is conditional: --latents={latents} must have {key}, "
                f"as many as its {len(z)} latents."
            )
        y = found[key]
    tile = _tile(run, z, found.get("tile"), latents)
    path = names.picture(run, "decoded", names.tag([Path(latents).stem], z, y))
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    shown: list[np.ndarray] = []
    with terminal.Progress("decoding", len(z), "examples") as progress, named(folder):
        for i, x in enumerate(_examples(run, z, y, tile)):
            end, content = run.modality.file(x, run.event)
            (folder / f"{i:06d}{end}").write_bytes(content)
            if i < SHOWN:
                shown.append(x)
            progress.at(i + 1)
    captions = called(y[:SHOWN], run.attributes or run.classes) if y is not None else []
    title = f"Decoded latents of {Path(latents).name}, step {run.step:,}"
    sheet = run.modality.sheet(np.stack(shown), run.event, title, captions=captions)
    paths = sheet.save(path)
    return Output([*paths, folder], {"step": run.step, "examples": len(z)}, sheet.text)


def _tile(run: Run, z: np.ndarray, given: np.ndarray | None, latents: Path) -> int | None:
    """Returns the positions of x along each axis of a tile; None where z is decoded as a whole.

    Raises:
      InputError: the latents or the tile are not for the run.
    """
    size, grid = run.model.posterior.size, places_of(run.model)
    own = in_places(np.zeros((1, size)), grid).shape[1:]
    if given is None and z.shape[1:] == own:
        return None
    if z.ndim != 1 + len(own) or z.shape[-1] != own[-1] or not grid:
        raise InputError(f"latents are {list(z.shape[1:])} each, but those of the run {list(own)}.")
    stride = math.lcm(*tiles.strides_of(run))
    if given is None:
        return -(-max(run.event.places) // stride) * stride
    if given.item() % stride:
        raise InputError(
            f"--latents={latents} has a tile of {given.item()} positions, which must be a multiple "
            f"of the {stride} that each place of z stands for."
        )
    return given.item()


def _examples(
    run: Run, z: np.ndarray, y: np.ndarray | None, tile: int | None
) -> Iterator[np.ndarray]:
    """Yields the examples [*places, C] of latents [N, *grid, E], decoded in batches or in tiles."""
    step = BATCH if tile is None else 1
    for start in range(0, len(z), step):
        rows = slice(start, start + step)
        told = None if y is None else y[rows]
        if tile is None:
            yield from run.decode(as_vectors(z[rows]), told)
        else:
            yield from tiles.decode(run, z[rows], told, tile=tile)
