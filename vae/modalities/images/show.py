"""Shows images, and measures how alike they are."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from vae.modalities import grids, pictures, scripts
from vae.modalities.sheets import Sheet, along
from vae.probability import similarity
from vae.probability.event import Event


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
    """See `vae/modalities`: a grid of images, or of pairs of them."""
    if beside is None:
        return Sheet(grids.grid(x, title, captions=captions))
    return Sheet(grids.pairs(x, beside, title, names, captions))


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
    """See `vae/modalities`: R rows of images, with titles over and beside them."""
    drawn = grids.rows_of(
        x, title, columns=columns, rows=rows, before=before, after=after, captions=captions
    )
    return Sheet(drawn)


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a grid of images, with the latents' values over and beside them."""
    return table(x, event, title, columns=along("z0", across), rows=along("z1", up))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes images [R, T, H, W, C] as a GIF with a grid of R images in each frame."""
    frames = np.stack([grids.grid(x[:, i], title, captions=captions) for i in range(x.shape[1])])
    pictures.save_animation(frames, path)
    return [path]


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: an image [H, W, C] as a PNG file, pixel by pixel."""
    return ".png", pictures.png(grids.as_bytes(x))


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the image, pixel by pixel."""
    return [("image/png", file(x, event)[1])]


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: images are not read."""
    return


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns the mean squared error, PSNR and SSIM of pairs of images and others [N, H, W, C]."""
    return {
        name: float(np.mean(value)) for name, value in jax.device_get(_alike(x, others)).items()
    }


@jax.jit
def _alike(x: jax.Array, others: jax.Array) -> dict[str, jax.Array]:
    mse, psnr = ((x - others) ** 2).mean(), similarity.psnr(x, others)
    return {"mse": mse, "psnr": psnr, "ssim": similarity.ssim(x, others)}


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns images x clipped to [0, 1]."""
    return np.clip(x, 0, 1)


def code_length(x: np.ndarray) -> np.ndarray:
    """Returns the lengths [N] in nats of images [N, H, W, C] in [0, 1] as PNG files.

    RGB is one file; otherwise each channel is a grey file of its own.
    """
    return np.array([_code_length(image) for image in x])


def _code_length(image: np.ndarray) -> float:
    levels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    planes = [levels] if levels.shape[-1] == 3 else np.moveaxis(levels, -1, 0)
    return (
        sum(_size(Image.fromarray(plane), "png", optimize=True) for plane in planes)
        * 8
        * math.log(2)
    )


def formats(x: np.ndarray) -> dict[str, np.ndarray]:
    """See `vae/modalities`: images [N, H, W, 1 or 3] as PNG and WebP, black and white in bits."""
    if x.shape[-1] not in (1, 3):
        return {}
    levels = np.rint(255 * np.clip(x, 0, 1)).astype(np.uint8)
    images = [Image.fromarray(each[..., 0] if x.shape[-1] == 1 else each) for each in levels]
    webp = {"lossless": True, "quality": 100, "method": 6}
    binary = x.shape[-1] == 1 and np.isin(levels, (0, 255)).all()
    bits = [image.convert("1", dither=Image.Dither.NONE) for image in images] if binary else images
    return {
        "PNG": np.array([_size(image, "png", optimize=True) for image in bits]),
        "WebP": np.array([_size(image, "webp", **webp) for image in images]),
    }


def _size(image: Image.Image, kind: str, **settings: Any) -> int:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.tell()


script = scripts.beside(__file__)
