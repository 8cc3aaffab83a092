"""Draws solids as they look from outside, and slices of them.

A solid is lit where parallel rays through its grid first meet a value of 0.5 between voxels. The
light is from above and the left of who looks; what is farther away is darker.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage

from vae.probability.event import Event

PIXELS = 96  # a side of the view of a solid
AZIMUTH, ELEVATION = 35.0, 28.0  # degrees, of where it is seen from
STEP = 0.6  # voxels along a ray
LIGHT = np.array([-0.45, -0.65, 0.62])  # to the right, away from who looks, and up
COLOUR, GROUND = np.array([0.93, 0.78, 0.55]), 1.0
SURFACE = 0.5  # what divides full from empty
SMOOTH = 0.8  # voxels, of the field whose slope lights the surface


def pictures(x: np.ndarray, event: Event, azimuth: float = AZIMUTH, *, reach: float) -> np.ndarray:
    """Returns solids [..., D, H, W, C] as pictures [..., h, w, 3] in [0, 1], NaN where x is NaN.

    Binary ones are seen from outside, as far as `reach` around the middle, which pictures beside
    each other share; others are three slices through the middle, side by side.
    """
    flat = x.reshape(-1, *event.shape)
    missing = np.isnan(flat).all((1, 2, 3, 4))
    flat = np.nan_to_num(flat, nan=0.0)
    if event.values.kind == "binary":
        made = np.stack([shaded(solid.max(-1), azimuth, reach=reach) for solid in flat])
    else:
        made = np.stack([slices(solid) for solid in flat])
        factor = max(1, PIXELS // max(event.places))
        made = made.repeat(factor, 1).repeat(factor, 2)
    made[missing] = np.nan
    return made.reshape(*x.shape[:-4], *made.shape[1:])


def extent(*solids: np.ndarray) -> float:
    """Returns how far from the middle solids [..., D, H, W, C] are full, in voxels.

    So far they are seen whole from all sides; where none is full, it is half the diagonal.
    """
    farthest = 0.0
    for x in solids:
        full = np.argwhere((x.reshape(-1, *x.shape[-4:]) >= SURFACE).any((0, -1)))
        if len(full):
            middle = (np.array(x.shape[-4:-1]) - 1) / 2
            farthest = max(farthest, float(np.linalg.norm(full - middle, axis=1).max()) + 1)
    return farthest or float(np.linalg.norm(solids[0].shape[-4:-1])) / 2


def shaded(solid: np.ndarray, azimuth: float = AZIMUTH, *, reach: float) -> np.ndarray:
    """Returns the view of a solid [D, H, W] in [0, 1] from outside, [PIXELS, PIXELS, 3] in [0, 1].

    Args:
      solid: how full each voxel is.
      azimuth: degrees about the upright axis, of where it is seen from.
      reach: voxels from the middle to each side of the picture.
    """
    start, along, axes = _rays(solid.shape, azimuth, reach)
    picture = np.full((PIXELS, PIXELS, 3), GROUND)
    if solid.max() < SURFACE:
        return picture
    # 1. The first place along each ray that is full; before it the value is below the surface's.
    steps = int(np.linalg.norm(solid.shape) / STEP) + 2
    places = start[:, None] + along[:, None, None, None] * STEP * np.arange(steps)[:, None, None]
    values = ndimage.map_coordinates(solid, places, order=1, output=np.float32)
    full = values >= SURFACE
    first, met = full.argmax(0), full.any(0)
    # 2. The surface lies between this place and the one before, where a line between them says.
    after = np.take_along_axis(values, first[None], 0)[0]
    before = np.take_along_axis(values, np.maximum(first - 1, 0)[None], 0)[0]
    part = (SURFACE - before) / np.maximum(after - before, 1e-6)
    depth = STEP * (first - 1 + np.clip(part, 0, 1))
    surface = start + along[:, None, None] * depth
    # 3. Its normal is the slope of the smoothed solid.
    smooth = np.pad(ndimage.gaussian_filter(solid.astype(np.float32), SMOOTH, mode="constant"), 1)
    slope = [
        ndimage.map_coordinates(each, surface + 1, order=1, output=np.float32)
        for each in np.gradient(smooth)
    ]
    normal = -np.stack(slope) / np.maximum(np.linalg.norm(slope, axis=0), 1e-6)
    light = np.maximum(np.tensordot(axes.T @ _unit(LIGHT), normal, 1), 0)
    near = 1.15 - 0.4 * depth / np.linalg.norm(solid.shape)
    picture[met] = (COLOUR * ((0.32 + 0.68 * light) * near)[..., None])[met]
    return np.clip(picture, 0, 1)


def slices(solid: np.ndarray) -> np.ndarray:
    """Returns slices of a solid [D, H, W, C] through its middle, [h, w, 3]: along z, y and x.

    Up and to the right are the second and the first of the axes that a slice has.
    """
    middles = [side // 2 for side in solid.shape[:3]]
    found = [solid[:, :, middles[2]], solid[:, middles[1]], solid[middles[0]]]
    upright = [np.flip(np.swapaxes(each, 0, 1), 0) for each in found]
    height = max(each.shape[0] for each in upright)
    padded = [
        np.pad(each, ((height - len(each), 0), (0, 1), (0, 0)), constant_values=0)
        for each in upright
    ]
    joined = np.clip(np.concatenate(padded, 1)[:, :-1], 0, 1)
    return joined if joined.shape[-1] == 3 else joined[..., :1].repeat(3, -1)


@functools.lru_cache(128)
def _rays(
    shape: tuple[int, int, int], azimuth: float, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns where rays start [3, PIXELS, PIXELS], and their direction [3], in voxels.

    The third, [3, 3], are the axes of who looks: to the right, away, and up.
    """
    turn, rise = np.radians(azimuth), np.radians(ELEVATION)
    away = np.array([-np.sin(turn) * np.cos(rise), np.cos(turn) * np.cos(rise), -np.sin(rise)])
    right = np.array([np.cos(turn), np.sin(turn), 0.0])
    up = np.cross(right, away)
    offsets = ((np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1) * reach
    middle = (np.array(shape) - 1) / 2
    start = (
        (middle - away * np.linalg.norm(shape) / 2)[:, None, None]
        + right[:, None, None] * offsets
        - up[:, None, None] * offsets[:, None]
    )
    return start, away, np.stack([right, away, up])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
