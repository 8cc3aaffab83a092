"""Makes meshes of solids by marching cubes (Lewiner et al. 2003), as .stl and .obj files.

scikit-image finds the surface. Where it is not installed there are no meshes, which is said once.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.modalities.volumes.view import SURFACE

logger = logging.getLogger(__name__)


class Mesh(NamedTuple):
    """The surface of a solid.

    Attributes:
      vertices: [V, 3] float32, in voxels: the centre of the first one is at 0, 0, 0.
      faces: [F, 3] int, the vertices of triangles, counterclockwise as seen from outside.
    """

    vertices: np.ndarray
    faces: np.ndarray


@functools.cache
def available() -> bool:
    """Returns whether meshes can be made; says, the first time, what to install if not."""
    there = importlib.util.find_spec("skimage") is not None
    if not there:
        logger.warning(
            "solids are written without meshes, for scikit-image is not installed: pip install "
            "'vae-experiments[volumes]'"
        )
    return there


def of_solid(solid: np.ndarray) -> Mesh:
    """Returns the closed surface of a solid [D, H, W], how full each voxel is."""
    from skimage import measure

    padded = np.pad(solid.astype(np.float32), 1)  # closed at the edges of the grid, too
    if padded.max() <= SURFACE:
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), int))
    vertices, faces, *_ = measure.marching_cubes(padded, SURFACE, gradient_direction="ascent")
    return Mesh(vertices.astype(np.float32) - 1, faces)


def stl(mesh: Mesh) -> bytes:
    """Returns a mesh as a binary .stl file."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    triangles = np.zeros(len(mesh.faces), record)
    corners = mesh.vertices[mesh.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    triangles["normal"] = normal / np.where(length > 0, length, 1)
    triangles["corners"] = corners
    return bytes(80) + np.uint32(len(triangles)).astype("<u4").tobytes() + triangles.tobytes()


def obj(meshes: Sequence[Mesh], offsets: np.ndarray) -> bytes:
    """Returns meshes as the objects of one .obj file, each moved by its offset [N, 3]."""
    lines: list[str] = []
    before = 1  # vertices are counted from 1 through the whole file
    for number, (mesh, offset) in enumerate(zip(meshes, offsets, strict=True)):
        lines.append(f"o {number:02d}")
        lines += ["v {:.6g} {:.6g} {:.6g}".format(*at) for at in (mesh.vertices + offset).tolist()]
        lines += ["f {} {} {}".format(*face) for face in (mesh.faces + before).tolist()]
        before += len(mesh.vertices)
    return ("\n".join(lines) + "\n").encode()
