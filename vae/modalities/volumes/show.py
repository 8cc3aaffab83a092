"""Shows solids, writes meshes of them, and measures how alike they are."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.modalities import grids, pictures, scripts
from vae.modalities.sheets import Sheet, along
from vae.modalities.volumes import mesh, view
from vae.probability.event import Event

FRAMES = 24  # of a full turn
APART = 1.2  # from solid to solid in an .obj file, in parts of the grid's side


def sheet(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    beside: np.ndarray | None = None,
    names: tuple[str, str] = ("given", "decoded"),
    data: np.ndarray | None = None,
    captions: Sequence[str] = (),
) -> Sheet:
    """See `vae/modalities`: a grid of views or slices, or of pairs of them.

    A file has the meshes of binary solids, or of what stands beside, as objects of one scene.
    """
    reach = view.extent(x) if beside is None else view.extent(x, beside)
    seen = view.pictures(x, event, reach=reach)
    files = _scene(x if beside is None else beside, event)
    if beside is None:
        return Sheet(grids.grid(seen, title, captions=captions), files=files)
    other = view.pictures(beside, event, reach=reach)
    return Sheet(grids.pairs(seen, other, title, names, captions), files=files)


def table(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    before: Mapping[str, np.ndarray] | None = None,
    after: Mapping[str, np.ndarray] | None = None,
    captions: Sequence[Sequence[str]] = (),
) -> Sheet:
    """See `vae/modalities`: R rows of views or slices, with titles over and beside them."""
    before, after = before or {}, after or {}
    reach = view.extent(x, *before.values(), *after.values())
    ends = [
        {name: view.pictures(each, event, reach=reach) for name, each in end.items()}
        for end in (before, after)
    ]
    drawn = grids.rows_of(
        view.pictures(x, event, reach=reach),
        title,
        columns=columns,
        rows=rows,
        before=ends[0],
        after=ends[1],
        captions=captions,
    )
    return Sheet(drawn)


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a grid of solids, with the latents' values over and beside them."""
    return table(x, event, title, columns=along("z0", across), rows=along("z1", up))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes solids [R, T, D, H, W, C] as a GIF of R solids in each frame.

    Binary solids turn round once while they go through the T columns.
    """
    columns = x.shape[1]
    turns = event.values.kind == "binary"
    frames = max(columns, FRAMES) if turns else columns
    reach = view.extent(x)
    drawn = []
    for i in range(frames):
        azimuth = view.AZIMUTH + 360 * i / frames
        seen = view.pictures(x[:, i * columns // frames], event, azimuth, reach=reach)
        drawn.append(grids.grid(seen, title, captions=captions))
    pictures.save_animation(np.stack(drawn), path)
    return [path]


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: the mesh of a binary solid as .stl; others are arrays as .npy."""
    if event.values.kind == "binary" and mesh.available():
        return ".stl", mesh.stl(mesh.of_solid(x.max(-1)))
    content = io.BytesIO()
    np.save(content, x)
    return ".npy", content.getvalue()


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the view of the solid, or its slices."""
    return [
        ("image/png", pictures.png(grids.as_bytes(view.pictures(x, event, reach=view.extent(x)))))
    ]


def _scene(x: np.ndarray, event: Event) -> dict[str, bytes]:
    """Returns the .obj file of binary solids [N, D, H, W, C], laid out in rows; {} for others."""
    there = x[~np.isnan(x).any((1, 2, 3, 4))]
    if event.values.kind != "binary" or not len(there) or not mesh.available():
        return {}
    across = math.ceil(math.sqrt(len(there)))
    row, column = np.divmod(np.arange(len(there)), across)
    places = np.stack([column, -row, np.zeros(len(there))], 1) * APART * max(event.places)
    return {".obj": mesh.obj([mesh.of_solid(solid.max(-1)) for solid in there], places)}


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: solids are not read."""
    return


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns the mean squared error of pairs of solids x and others [N, D, H, W, C].

    For binary ones also the mean "iou", full voxels that both have over those that either has; and,
    over all voxels of all pairs, "true_positives", the share of full voxels of x that are full in
    the others, and "true_negatives", the same of empty ones. What is above 0.5 counts as full.
    """
    figures = {"mse": float(np.mean((x - others) ** 2, dtype=np.float64))}
    if event.values.kind != "binary":
        return figures
    full, made = (solids.reshape(len(solids), -1) > view.SURFACE for solids in (x, others))
    both, either = (full & made).sum(1), (full | made).sum(1)
    iou = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    return figures | {
        "iou": float(iou.mean()),
        "true_positives": float(both.sum() / max(full.sum(), 1)) if full.any() else 1.0,
        "true_negatives": float((~(full | made)).sum() / max((~full).sum(), 1)),
    }


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns solids x clipped to [0, 1]."""
    return np.clip(x, 0, 1)


def code_length(x: np.ndarray) -> None:
    """Returns None: there is no code for solids of any values."""
    return


script = scripts.beside(__file__)
