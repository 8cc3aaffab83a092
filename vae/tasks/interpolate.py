"""Interpolates from one example to another along the latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from vae.annotations import Count
from vae.data.distance import distance
from vae.errors import InputError, not_one_of
from vae.models.one_by_one import Decoding
from vae.run import Run
from vae.tasks import names
from vae.tasks.inputs import given
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM, STEPS = 8, 9
STRAIGHT = 1e-4  # radians from a half turn, where no arc is the shortest


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Returns (1 - t) a + t b for a and b [N, ...] at each of t [T], [N, T, ...]."""
    t = np.asarray(t).reshape(-1, *[1] * (a.ndim - 1))
    return (1 - t) * a[:, None] + t * b[:, None]


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Returns the spherical interpolation from a to b [N, D] at each of t [T], [N, T, D].

    The direction turns with constant speed on the great circle through both, by the weights

        sin((1 - t) w) / sin(w) and sin(t w) / sin(w),    w the angle between a and b

    (Shoemake 1985); the norm is interpolated linearly from |a| to |b|. Latents of N(0, I) in many
    dimensions all have about the same norm, which a straight line between them does not keep (White
    2016, "Sampling generative networks"). Parallel and opposite vectors, and zeros, are
    interpolated linearly.
    """
    t = np.asarray(t)
    norms = [np.linalg.norm(v, axis=-1) for v in (a, b)]
    with np.errstate(invalid="ignore", divide="ignore"):
        a1, b1 = (v / norm[:, None] for v, norm in zip((a, b), norms, strict=True))
        # By the tangent of the half-angle, which is exact for small angles; the cosine is not.
        apart, together = (np.linalg.norm(v, axis=-1) for v in (a1 - b1, a1 + b1))
        angle = 2 * np.arctan2(apart, together)[:, None]  # [N, 1]
        first, second = np.sin((1 - t) * angle), np.sin(t * angle)  # [N, T]
        turned = (first[..., None] * a1[:, None] + second[..., None] * b1[:, None]) / np.sin(angle)[
            ..., None
        ]
        turned *= lerp(norms[0], norms[1], t)[..., None]
    turns = (angle > STRAIGHT) & (angle < np.pi - STRAIGHT)  # False for NaN
    return np.where(turns[..., None], turned, lerp(a, b, t))


GEODESIC = "geodesic"
METHODS = {"spherical": slerp, "linear": lerp}


def interpolate(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    num: Count | None = None,
    method: Literal["geodesic", "spherical", "linear"] | None = None,
    steps: Count = STEPS,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    beam: Count | None = None,
) -> Output:
    """Draws the way from one example to the next along the latents, as a strip and an animation.

    The latents of a ladder are interpolated group by group. If the model is conditional, attributes
    are interpolated linearly, and a label is that of the nearer end.

    Examples:
      vae interpolate --workdir=runs/faces
      vae interpolate --workdir=runs/faces --files=A.jpg,B.jpg --steps=15

    Args:
      run: the run.
      files: files and folders of your own examples, an even number; the first test examples if
        absent.
      num: the number of test examples; 8 if absent.
      method: "geodesic" takes the shortest way in hyperbolic latents; "spherical" turns about the
        origin of the latents; "linear" goes straight. If absent, geodesic where it is possible,
        else spherical.
      steps: the number of examples from one end to the other, including both.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      beam: a decoder that reads x keeps this many most probable beginnings, and shows the most
        probable x that it finds (beam search).

    Returns:
      The paths of the strip, the animation and the figures, and the figures: the ends of each pair,
      and by how much each example differs from the one before (the distance of x, see
      `vae/data/distance.py`).

    Raises:
      InputError: the number of examples is odd, the model does not encode, or its latents have no
        geodesics; or as `given`.
    """
    chosen = chosen_method(run, method)
    ends = given(run, files=files, num=num, usual=NUM, labels=labels, attributes=attributes)
    number = len(ends.x) // 2
    if steps < 2:
        raise InputError(f"--steps={steps} must be 2 or more: both ends of a way count.")
    if len(ends.x) % 2:
        raise InputError(
            f"interpolation takes examples in pairs, the first with the second, the third with the "
            f"fourth: {len(ends.x)} cannot be paired; give an even number."
        )
    t = np.linspace(0, 1, steps, dtype=np.float32)
    decoding = Decoding(beam=beam) if beam else None
    shown = between(run, ends.x, ends.y, t, chosen, decoding)

    settings = {"steps": (steps, STEPS), "num": (num or NUM, NUM), "beam": (beam, None)}
    path = names.picture(run, "interpolation", chosen, ends.tag, **settings)
    what = f"{chosen.capitalize()} interpolation of the latents"
    what += f" ({decoding.named})" if decoding else ""
    title = f"{what}, step {run.step:,}: the share of the way from one example to the other"
    ways = [f"{a} to {b}" for a, b in zip(ends.names[::2], ends.names[1::2], strict=True)]
    first, last = {"from": ends.x[::2]}, {"to": ends.x[1::2]}
    columns = [f"{share:.3g}" for share in t]
    sheet = run.modality.table(
        shown, run.event, title, columns=columns, rows=ways, before=first, after=last
    )
    paths = sheet.save(path)
    title = f"{what}, step {run.step:,}"
    paths += run.modality.animate(shown, run.event, path.with_suffix(".gif"), title, ways)
    change = distance(shown[:, 1:], shown[:, :-1], run.event)
    figures = {
        "step": run.step,
        "method": chosen,
        "pairs": [
            {"from": ends.names[2 * i], "to": ends.names[2 * i + 1], "change": change[i].tolist()}
            for i in range(number)
        ],
    }
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".json")], figures, sheet.text)


def between(
    run: Run,
    x: np.ndarray,
    y: np.ndarray | None,
    t: np.ndarray,
    method: str,
    decoding: Decoding | None = None,
) -> np.ndarray:
    """Returns the way from x[0] to x[1], x[2] to x[3], ..., decoded at each of t [T].

    Args:
      run: the run.
      x: the ends, [2 N, *places, C].
      y: their condition, as `Given` has it.
      t: shares of the way.
      method: as `chosen_method` returns it.
      decoding: how a decoder that reads x takes its values.

    Returns:
      Examples [N, T, *places, C].
    """
    way = run.model.posterior.geodesic if method == GEODESIC else METHODS[method]
    z = jax.tree.map(lambda leaf: _between(leaf, t, way), run.encode(x, y).mean)
    shown = run.decode(z, None if y is None else _told(y, t), decoding=decoding)
    return shown.reshape(len(x) // 2, len(t), *shown.shape[1:])


def chosen_method(run: Run, method: str | None) -> str:
    """Returns the method, or where it is None the best that there is for the run's latents.

    Raises:
      InputError: there is no such method, or it is "geodesic", and there are none.
    """
    if method is not None and method not in (known := (GEODESIC, *METHODS)):
        raise InputError(not_one_of(f"--method={method}", method, known))
    posterior = run.model.posterior
    curved = posterior is not None and posterior.has_geodesics
    if method == GEODESIC and not curved:
        raise InputError(
            f"--method=geodesic is for hyperbolic latents, which those of {run.workdir} are not; "
            "'spherical' turns about their origin."
        )
    return method or (GEODESIC if curved else "spherical")


def _between(z: np.ndarray, t: np.ndarray, method: Any) -> np.ndarray:
    """Interpolates from z[0] to z[1], z[2] to z[3], ...: from latents [2 N, ...] to [N T, ...]."""
    flat = z.reshape(len(z), -1)
    return method(flat[::2], flat[1::2], t).reshape(-1, *z.shape[1:])


def _told(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Returns the condition on the way, [N T, ...], from labels [2 N] or attributes [2 N, A]."""
    if y.ndim == 1:
        return np.where(t < 0.5, y[::2, None], y[1::2, None]).reshape(-1)
    return _between(y, t, lerp)
