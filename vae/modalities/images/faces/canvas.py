"""A canvas for faces: many pictures at once, each in the coordinates of its face.

Shapes are approximate signed distances (negative inside) in units of the face, where one unit is
about half a picture. An edge is one pixel wide, so it is smooth. Only + - * / sqrt and comparisons
are used: they round exactly, so a face is bit-equal in any batch and on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Canvas:
    """N pictures, and the coordinates of their pixels.

    Attributes:
      rgb: [3, N, H, W] in [0, 1].
      x: [N, 1, W], to the right, in units of the face.
      y: [N, H, 1], downwards.
      pixels: [N, 1, 1], the number of pixels in a unit.
      frame: [W], the middles of the picture's pixels, from -1 to 1.
    """

    rgb: np.ndarray
    x: np.ndarray
    y: np.ndarray
    pixels: np.ndarray
    frame: np.ndarray

    def window(self, rows: slice, columns: slice) -> Canvas:
        """Returns a part of the canvas, which shares its pixels."""
        rgb = self.rgb[:, :, rows, columns]
        return replace(self, rgb=rgb, x=self.x[:, :, columns], y=self.y[:, rows])

    def edge(self, distance: np.ndarray) -> np.ndarray:
        """Returns how much of each pixel is inside a shape, [N, H, W] in [0, 1]."""
        return np.clip(0.5 - distance * self.pixels, 0, 1)

    def paint(self, alpha: np.ndarray, colour: np.ndarray) -> None:
        """Blends in a colour [3, N, 1 or H, 1 or W], covering as much as alpha [N, H, W] says."""
        change = colour - self.rgb
        change *= alpha
        np.add(self.rgb, change, out=self.rgb)


def soft(distance: np.ndarray, width: float) -> np.ndarray:
    """Returns 1 inside and 0 outside of a shape, with a smooth edge `width` units wide."""
    t = np.clip(0.5 - distance / width, 0, 1)
    return t * t * (3 - 2 * t)


def ellipse(
    x: np.ndarray, y: np.ndarray, width: np.ndarray | float, height: np.ndarray | float
) -> np.ndarray:
    """Returns the distance to an ellipse around 0 with these half-axes."""
    smaller = np.minimum(width, height)
    distance = np.sqrt((x / width) ** 2 + (y / height) ** 2)
    distance -= 1
    distance *= smaller
    return distance


def box(x: np.ndarray, y: np.ndarray, width, height, radius) -> np.ndarray:
    """Returns the distance to a box around 0 with these half-sides and rounded corners."""
    dx, dy = np.abs(x) - (width - radius), np.abs(y) - (height - radius)
    distance = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    distance += np.minimum(np.maximum(dx, dy), 0)
    distance -= radius
    return distance


def wave(t: np.ndarray) -> np.ndarray:
    """Returns a smooth wave of period 1 between -1 and 1, made of parabolas."""
    t = 2 * (t - np.floor(t))  # 0 to 2: a hill, then a valley
    return np.where(t < 1, 4 * t * (1 - t), -4 * (t - 1) * (2 - t))


def palette(colours: list[tuple[float, float, float]], t: np.ndarray) -> np.ndarray:
    """Returns the colour [3, N, 1, 1] at t [N, 1, 1] in [0, 1], from a row of colours."""
    table = np.array(colours, np.float32).T
    position = t * np.float32(len(colours) - 1)
    left = np.minimum(position.astype(int), len(colours) - 2)
    return table[:, left] + (table[:, left + 1] - table[:, left]) * (position - left)
