"""The factors of a drawn face: their names, and their values for any index.

Everything that differs between two drawn faces is a factor. Factors are independent of each other,
and each is a number in [0, 1], so that what a model learns of one can be measured exactly. Any
point of [0, 1]^A is a face. Names are CelebA's where it has one.
"""

from __future__ import annotations

import numpy as np

from vae.data.uniform import uniform

# Name -> the probability of 1 if the factor is 0 or 1; None if it is uniform in [0, 1].
FACTORS: dict[str, float | None] = {
    "Bald": 0.1,  # hides the other factors of the hair, but for its colour in the brows
    "Bangs": 0.4,
    "Beard": 0.2,
    "Eyeglasses": 0.35,
    "Round_Glasses": 0.5,  # else square; seen with Eyeglasses only
    "Wavy_Hair": 0.4,  # else straight
    "Wearing_Hat": 0.25,
    "Age_Lines": None,  # none to deep
    "Background": None,  # hue: blue, green, yellow, orange, pink, violet
    "Eye_Color": None,  # dark brown, hazel, green, blue
    "Face_Width": None,
    "Gaze": None,  # to the left of the picture, 0.5 ahead, to the right
    "Hair_Color": None,  # black, dark brown, brown, red, blond, grey
    "Hair_Length": None,  # above the ears to below the shoulders
    "Head_Turn": None,  # to the left of the picture, 0.5 ahead, to the right
    "Light": None,  # from the left, 0.5 the front, from the right
    "Position_X": None,
    "Position_Y": None,
    "Shirt_Color": None,  # hue; the hat has another, which follows from it
    "Size": None,
    "Skin_Tone": None,  # light to dark
    "Smiling": None,  # earnest to a laugh that shows the teeth
}
NAMES = tuple(FACTORS)


def factors(indices: np.ndarray) -> np.ndarray:
    """Returns the factors of the faces at `indices`, float32 [N, A] in [0, 1], in NAMES' order."""
    values = uniform(indices, len(NAMES))
    for column, probability in enumerate(FACTORS.values()):
        if probability is not None:
            values[:, column] = values[:, column] < probability
    return values
