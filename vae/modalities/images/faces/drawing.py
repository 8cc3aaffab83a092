"""Draws faces from their factors, part by part from the back to the front.

The features of a face are drawn in coordinates on an ellipsoid that turns: `xf` is where a pixel of
the picture lies on the face when it looks ahead. Features on the far side so become narrow, and
those that stand out of the ellipsoid (nose, glasses) move further.
"""

from __future__ import annotations

import numpy as np

from vae.modalities.images.faces.attributes import NAMES
from vae.modalities.images.faces.canvas import Canvas, box, ellipse, palette, soft, wave

SMALLEST = 16  # pixels a side in which a face can be drawn
CHUNK = 16  # faces painted together: few enough for their planes to stay in the cache

SHIFT = 0.06  # the largest Position_X and Position_Y, in half pictures
SCALE = (1.0, 1.14)  # the smallest and the largest Size
LOWERED = 0.09  # how far the head's middle is below the picture's, in units of the face
TURN = 0.5  # the sine of the largest Head_Turn

SKIN = [
    (1.0, 0.88, 0.79),
    (0.96, 0.77, 0.62),
    (0.82, 0.59, 0.42),
    (0.6, 0.4, 0.28),
    (0.4, 0.26, 0.19),
]
HAIR = [
    (0.11, 0.10, 0.12),
    (0.27, 0.17, 0.12),
    (0.47, 0.28, 0.16),
    (0.71, 0.33, 0.15),
    (0.91, 0.72, 0.40),
    (0.82, 0.82, 0.84),
]
BACKGROUND = [
    (0.62, 0.80, 0.93),
    (0.66, 0.88, 0.78),
    (0.97, 0.90, 0.66),
    (0.98, 0.77, 0.63),
    (0.95, 0.71, 0.80),
    (0.76, 0.72, 0.93),
]
SHIRT = [
    (0.22, 0.34, 0.60),
    (0.14, 0.55, 0.56),
    (0.42, 0.60, 0.32),
    (0.93, 0.70, 0.27),
    (0.84, 0.34, 0.30),
    (0.53, 0.30, 0.55),
]
IRIS = [(0.22, 0.13, 0.08), (0.45, 0.30, 0.13), (0.28, 0.50, 0.30), (0.22, 0.48, 0.78)]
WHITE, INK = (0.99, 0.98, 0.96), (0.13, 0.09, 0.10)

EYE_X, EYE_Y, BROW_Y, MOUTH_Y = 0.19, -0.05, -0.235, 0.31
CHIN, NECK = 0.57, 0.19  # the half-height of the head, the half-width of the neck


def render(factors: np.ndarray, size: int = 64) -> np.ndarray:
    """Returns the faces with these factors, uint8 [N, size, size, 3].

    A face does not depend on the other faces.

    Args:
      factors: [N, A] in [0, 1], in the order of NAMES. One that is 0 or 1 may be in between, and is
        then drawn half transparent.
      size: pixels a side, at least SMALLEST.
    """
    factors = np.asarray(factors, np.float32)
    images = np.empty((len(factors), size, size, 3), np.uint8)
    for start in range(0, len(factors), CHUNK):
        rgb = _Face(factors[start : start + CHUNK], size).draw()
        images[start : start + CHUNK] = np.moveaxis(rgb, 0, -1)
    return images


def _colour(rgb: tuple[float, float, float]) -> np.ndarray:
    return np.array(rgb, np.float32)[:, None, None, None]


def _lit(skin: np.ndarray, shade) -> np.ndarray:
    """Returns the skin in light: at shade 1 as it is, at 0 in shadow, which is redder."""
    shadow = skin * _colour((0.66, 0.53, 0.52))
    return shadow + (skin - shadow) * shade


class _Face:
    """Some faces on one canvas, and what several parts of them need."""

    def __init__(self, factors: np.ndarray, size: int):
        self.f = f = {name: factors[:, i, None, None] for i, name in enumerate(NAMES)}
        frame = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
        scale = SCALE[0] + (SCALE[1] - SCALE[0]) * f["Size"]
        x = (frame - SHIFT * (2 * f["Position_X"] - 1)) / scale
        y = (frame[:, None] - SHIFT * (2 * f["Position_Y"] - 1)) / scale - LOWERED
        rgb = np.zeros((3, len(factors), size, size), np.float32)
        self.canvas = Canvas(rgb, x, y, scale * size / 2, frame)

        self.light = 2 * f["Light"] - 1  # -1 from the left
        self.sine = TURN * (2 * f["Head_Turn"] - 1)
        self.cosine = np.sqrt(1 - self.sine**2)
        self.skin = palette(SKIN, f["Skin_Tone"])
        self.hair = palette(HAIR, f["Hair_Color"])

        self.width = width = 0.40 + 0.07 * f["Face_Width"]
        # Where the hair begins to fall beside the face: at 64 degrees on a head turned so far.
        self.sides = np.abs(x - 0.42 * width * self.sine) - 0.90 * width * self.cosine
        hidden = f["Wearing_Hat"] * self.canvas.edge(y + 0.36)
        self.grown = (1 - f["Bald"]) * (1 - hidden)  # how much of the hair is visible

        self.yn = yn = y / CHIN
        narrow = width * (1 - 0.10 * yn - 0.09 * yn * yn * (yn > 0))  # towards the chin
        self.xn = x / narrow
        squared = self.xn**2 + yn**2
        self.head = (np.sqrt(squared) - 1) * width
        self.depth = np.sqrt(np.maximum(1 - squared, 0))  # of the ellipsoid, 0 to 1
        self.xf = x * self.cosine - self.depth * (width * self.sine)

    def draw(self) -> np.ndarray:
        """Returns the pictures, uint8 [3, N, H, W]."""
        self.background()
        outline = self.hair_outline()
        self.hair_behind(outline)
        self.shoulders()
        self.ears()
        self.skull()
        self.beard()
        self.eyes()
        self.nose()
        self.mouth()
        self.hair_before(outline)
        self.brows()
        self.glasses()
        self.hat()
        return np.rint(np.clip(self.canvas.rgb, 0, 1) * 255).astype(np.uint8)

    def part(
        self, left: float, right: float, top: float, bottom: float
    ) -> tuple[Canvas, tuple[slice, slice]]:
        """Returns the part of the canvas that holds a box of any face, and its rows and columns."""

        def span(low: float, high: float, lowered: float) -> slice:
            low = min((low + lowered) * scale for scale in SCALE) - SHIFT
            high = max((high + lowered) * scale for scale in SCALE) + SHIFT
            inside = np.flatnonzero((self.canvas.frame >= low) & (self.canvas.frame <= high))
            return slice(int(inside[0]), int(inside[-1]) + 1)

        rows, columns = span(top, bottom, LOWERED), span(left, right, 0)
        return self.canvas.window(rows, columns), (rows, columns)

    def background(self) -> None:
        canvas, light = self.canvas, self.light
        colour = palette(BACKGROUND, self.f["Background"])
        frame = canvas.frame
        glow = 0.16 - 0.10 * frame[:, None] ** 2 - 0.12 * (frame - 0.6 * light) ** 2
        canvas.rgb[:] = colour * (0.93 - 0.09 * frame[:, None]) + glow

    def hair_outline(self) -> np.ndarray:
        """Returns the distance to the hair from the front; wavy hair is fuller and scalloped."""
        canvas, length, wavy = self.canvas, self.f["Hair_Length"], self.f["Wavy_Hair"]
        bottom = 0.02 + 0.86 * length
        x = canvas.x + 0.07 * self.sine
        full = self.width + 0.075 + 0.05 * wavy
        full = full + (0.028 * wavy) * wave(canvas.y * 4)
        dome = np.minimum(canvas.y + 0.14, 0) / (0.555 + 0.04 * wavy)
        column = (np.sqrt((x / full) ** 2 + dome**2) - 1) * full
        distance = box(column + 1, canvas.y + 1 - bottom, 1, 1, 0.16)
        distance += (0.02 * wavy) * wave(x * 4.5 + 0.25)
        return distance

    def hair_shade(self) -> np.ndarray:
        """Returns the hair's colour: darker away from the light and below, with a shine."""
        canvas, wavy = self.canvas, self.f["Wavy_Hair"]
        x, y = canvas.x, canvas.y
        shade = (0.90 - 0.20 * (y + 0.2)) + (0.45 * self.light) * x
        bent = y + 0.55 * x**2 - 0.12 * self.light * x
        shine = np.maximum(1 - ((bent + 0.47) / 0.08) ** 2, 0)
        shine = shine * np.maximum(1 - ((x - 0.22 * self.light) / 0.34) ** 2, 0)
        shade = shade + (0.28 * (1 - 0.4 * wavy)) * shine
        strands = wave(x * 9 + 0.5 * wavy * wave(y * 3.5)) * (0.05 + 0.03 * wavy)
        return self.hair * (shade + strands) + 0.05 * shine

    def hair_behind(self, outline: np.ndarray) -> None:
        alpha = self.canvas.edge(outline) * self.grown
        self.canvas.paint(alpha, self.hair * 0.62)

    def shoulders(self) -> None:
        (canvas, _), light = self.part(-2, 2, 0.3, 2), self.light
        x, y = canvas.x, canvas.y
        shirt = palette(SHIRT, self.f["Shirt_Color"])
        body = canvas.edge(box(x, y - 1.36, 0.80, 0.66, 0.42))
        canvas.paint(body, shirt * (1.02 + 0.28 * light * x - 0.22 * (x * x)))
        collar = canvas.edge(ellipse(x, y - 0.62, NECK + 0.10, 0.25))
        canvas.paint(collar, shirt * 0.72)
        neck = canvas.edge(box(x, y - 0.50, NECK, 0.31, NECK))
        under = soft(y - 0.52, 0.36)  # the shadow of the chin
        shade = 0.97 - 0.30 * under + 0.55 * light * x
        canvas.paint(neck, _lit(self.skin, shade))

    def ears(self) -> None:
        canvas, _ = self.part(-0.7, 0.7, -0.25, 0.3)
        turned = np.sign(canvas.x) * self.sine  # above 0 on the far side, which hides its ear
        x = np.abs(canvas.x) - self.width + np.where(turned > 0, 0.24, 0.06) * turned
        y = canvas.y - 0.03
        canvas.paint(canvas.edge(ellipse(x, y, 0.085, 0.13)), _lit(self.skin, 0.86))
        inner = soft(ellipse(x - 0.015, y, 0.04, 0.08), 0.05)
        canvas.paint(inner * 0.6, _lit(self.skin, 0.55))

    def skull(self) -> None:
        """Paints the head as a lit ellipsoid, with blushing cheeks and the lines of age."""
        canvas = self.canvas
        shade = 0.58 + 0.38 * self.depth - 0.16 * self.yn + (0.50 * self.light) * self.xn
        canvas.paint(canvas.edge(self.head), _lit(self.skin, shade))

        canvas, region = self.part(-0.5, 0.5, -0.5, 0.5)
        x, y = np.abs(self.xf[:, *region]), canvas.y
        inside = self.depth[:, *region] > 0
        cheeks = np.maximum(1 - ((x - 0.25) / 0.15) ** 2 - ((y - 0.16) / 0.12) ** 2, 0)
        canvas.paint(cheeks * inside * 0.35, self.skin * _colour((0.98, 0.66, 0.62)))

        forehead = np.abs(wave((y + 0.10 * x * x) * 5.5 + 0.42))
        forehead = np.maximum(1 - 2.6 * forehead, 0) * soft(ellipse(x, y + 0.34, 0.25, 0.10), 0.08)
        below = np.maximum(y - 0.10, 0)
        fold = np.abs(x - 0.15 - 0.75 * below + 1.4 * below * below) - 0.006
        fold = soft(fold, 0.06) * soft(np.abs(y - 0.23) - 0.12, 0.08)
        bag = y - EYE_Y - 0.135 + 1.8 * (x - EYE_X) ** 2
        bag = soft(np.abs(bag) - 0.006, 0.05) * soft(np.abs(x - EYE_X) - 0.11, 0.05)
        lines = np.maximum(np.maximum(forehead, fold), bag) * inside
        canvas.paint(lines * (0.9 * self.f["Age_Lines"]), _lit(self.skin, -0.05))

    def beard(self) -> None:
        canvas, region = self.part(-0.5, 0.5, -0.2, 0.65)
        x, y = self.xf[:, *region], canvas.y
        cheek = 0.205 - 1.1 * np.maximum(np.abs(x) - 0.2, 0)
        grown = soft(cheek - y, 0.07) * canvas.edge(self.head[:, *region] - 0.012)
        shade = 0.80 + 0.25 * self.depth[:, *region] + 0.3 * self.light * canvas.x
        canvas.paint(grown * (0.88 * self.f["Beard"]), self.hair * shade)

    def eyes(self) -> None:
        canvas, region = self.part(-0.5, 0.5, -0.24, 0.16)
        xf, y = self.xf[:, *region], canvas.y - EYE_Y
        side = np.where(xf < 0, np.float32(-1), np.float32(1))
        x = np.abs(xf) - EYE_X
        arch = 1 - (x / 0.118) ** 2
        upper, lower = -0.088 * arch - y, y - 0.066 * arch
        open_ = canvas.edge(np.maximum(upper, lower) * 0.9)
        socket = soft(ellipse(x, y + 0.01, 0.15, 0.11), 0.12)
        canvas.paint(socket * 0.30, _lit(self.skin, 0.45))
        canvas.paint(open_, _colour(WHITE) * (0.90 + y))
        xi = x - (0.060 * (2 * self.f["Gaze"] - 1)) * side
        radius = np.sqrt(xi**2 + (y + 0.008) ** 2)
        iris = palette(IRIS, self.f["Eye_Color"])
        canvas.paint(open_ * canvas.edge(radius - 0.072), iris * (0.95 + 4.0 * y))
        canvas.paint(open_ * canvas.edge(radius - 0.034), _colour(INK))
        spot = np.sqrt((xi + 0.024 * side) ** 2 + (y + 0.036) ** 2)
        canvas.paint(open_ * canvas.edge(spot - 0.022), _colour((1, 1, 1)))
        lid = np.maximum(np.abs(upper + 0.004) - 0.014, np.abs(x) - 0.125)
        canvas.paint(canvas.edge(lid) * 0.9, _colour(INK))

    def nose(self) -> None:
        canvas, region = self.part(-0.5, 0.5, -0.18, 0.32)
        x, y = self.xf[:, *region] - 0.09 * self.sine, canvas.y
        away = soft(ellipse(x + 0.045 * self.light, y - 0.07, 0.035, 0.12), 0.07)
        canvas.paint(away * (0.12 + 0.24 * np.abs(self.light)), _lit(self.skin, 0.30))
        under = soft(ellipse(x, y - 0.165, 0.075, 0.028), 0.045)
        canvas.paint(under * 0.62, _lit(self.skin, 0.12))
        tip = soft(ellipse(x - 0.015 * self.light, y - 0.11, 0.05, 0.045), 0.06)
        canvas.paint(tip * 0.45, _lit(self.skin, 1.25))

    def mouth(self) -> None:
        (canvas, region), smile = self.part(-0.5, 0.5, 0.15, 0.6), self.f["Smiling"]
        x, y = self.xf[:, *region] - 0.03 * self.sine, canvas.y
        xm = x / (0.135 + 0.085 * smile)
        arch = 1 - xm * xm
        line = MOUTH_Y - 0.05 * smile + (0.115 * smile + 0.005) * arch  # the upper lip's edge
        t = y - line
        gape = 0.14 * np.maximum(smile - 0.4, 0)
        up, low = 0.036 - 0.008 * smile, 0.050 - 0.012 * smile
        lips = canvas.edge(np.maximum(-t - up * arch, t - (gape + low) * arch))
        rose = 0.75 * self.skin * _colour((0.98, 0.62, 0.60)) + 0.25 * _colour((0.80, 0.25, 0.30))
        canvas.paint(lips, rose * (0.88 + 2.2 * np.maximum(t - gape * arch, 0)))
        corner = -0.2 * arch  # above 0 beside the mouth
        inside = np.abs(t - 0.5 * gape * arch) - 0.009 - 0.5 * gape * arch
        canvas.paint(canvas.edge(np.maximum(inside, corner)), _colour((0.36, 0.10, 0.12)))
        teeth = np.maximum(np.maximum(-t, t - 0.68 * gape * arch + 0.006) + 0.006, corner)
        canvas.paint(canvas.edge(teeth) * np.minimum(gape * 40, 1), _colour(WHITE))

    def hair_before(self, outline: np.ndarray) -> None:
        """Paints the hair that lies on the head and falls at the sides of the face."""
        canvas, bangs, wavy = self.canvas, self.f["Bangs"], self.f["Wavy_Hair"]
        x = self.xf
        parted = -0.40 + 0.55 * (x + 0.08) ** 2
        fringe = -0.225 + 0.02 * wave(x * 5) + 0.18 * x * x
        line = parted + bangs * (fringe - parted) + 0.016 * wavy * wave(x * 6 + 0.3)
        opening = np.maximum(line - canvas.y, self.sides)
        shade = self.hair_shade()
        alpha = canvas.edge(np.maximum(outline, -opening)) * self.grown
        shadow = soft(np.maximum(outline, -opening - 0.05), 0.06) * canvas.edge(self.head)
        canvas.paint(shadow * (0.25 * self.grown), _lit(self.skin, 0.2))
        canvas.paint(alpha, shade)

    def brows(self) -> None:
        canvas, region = self.part(-0.5, 0.5, -0.34, -0.1)
        x, y = np.abs(self.xf[:, *region]) - EYE_X - 0.005, canvas.y - BROW_Y
        bent = y - 2.2 * x * x - 0.03 * x
        thick = 0.026 - 0.07 * x
        brow = np.maximum(np.abs(bent) - thick, np.abs(x) - 0.115)
        canvas.paint(canvas.edge(brow) * 0.92, self.hair * 0.62 + 0.02)

    def glasses(self) -> None:
        (canvas, region), worn = self.part(-0.55, 0.55, -0.3, 0.25), self.f["Eyeglasses"]
        x, y = self.xf[:, *region] - 0.05 * self.sine, canvas.y - EYE_Y - 0.005
        round_ = self.f["Round_Glasses"]
        xl = np.abs(x) - EYE_X
        height = 0.118 + 0.032 * round_
        lens = box(xl, y, 0.152, height, 0.05 + 0.099 * round_)
        inside = self.depth[:, *region] > 0
        glass = canvas.edge(lens) * worn
        canvas.paint(glass * 0.14, _colour((0.85, 0.95, 1.0)))
        stripe = soft(np.abs(xl + y * 0.8 - 0.03) - 0.018, 0.03)
        canvas.paint(glass * stripe * 0.38, _colour((1, 1, 1)))
        bridge = np.maximum(np.abs(y + 0.03 - 1.5 * x * x) - 0.014, np.abs(x) - 0.05)
        arm = np.maximum(np.abs(y + 0.04) - 0.015, 0.335 - np.abs(x))
        rim = np.minimum(np.minimum(np.abs(lens) - 0.015, bridge), np.where(inside, arm, 1))
        seen = 1 - self.grown[:, region[0]] * canvas.edge(-self.sides[:, :, region[1]])
        canvas.paint(canvas.edge(rim) * seen * worn, _colour((0.16, 0.13, 0.16)))

    def hat(self) -> None:
        """Paints a woollen hat with a folded brim and a bobble."""
        (canvas, _), worn = self.part(-0.75, 0.75, -1.3, -0.15), self.f["Wearing_Hat"]
        x, y = canvas.x - 0.05 * self.sine, canvas.y
        wool = palette(SHIRT[3:] + SHIRT[:3], self.f["Shirt_Color"])
        shade = 1.0 + 0.40 * self.light * x - 0.5 * x * x
        knit = wave(x * 7.5)
        bobble = canvas.edge(ellipse(x - 0.03 * self.sine, y + 0.815, 0.115, 0.105)) * worn
        ball = 0.95 + 0.6 * self.light * x - 1.2 * (y + 0.80)
        canvas.paint(bobble, _colour((0.98, 0.95, 0.90)) * ball)
        full = self.width + 0.075
        dome = canvas.edge(np.maximum(ellipse(x, y + 0.36, full, 0.42), y + 0.32)) * worn
        canvas.paint(dome, wool * (shade + 0.06 * knit - 0.25 * (y + 0.6)))
        turned_up = y + 0.395 - 0.22 * x * x
        brim = canvas.edge(box(x, turned_up, full + 0.025, 0.09, 0.07)) * worn
        canvas.paint(brim, wool * (shade * 0.86 + 0.09 * knit - 1.0 * turned_up))
