"""Encodes frames as files: GIFs (Pillow) and, where PyAV is installed, MP4."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vae.errors import InputError
from vae.modalities.video import clips

RATE = 10  # frames a second
REST = 600  # milliseconds of the last frame of a GIF, before it plays again


def gif(frames: np.ndarray) -> bytes:
    """Returns frames [T, H, W, 3] uint8 as a GIF that plays without end.

    Grey frames are kept as they are; the frames of others share a palette of 256 colours. Equal
    frames that follow one another become one that is shown for longer.
    """
    if (frames == frames[..., :1]).all():
        drawn = [Image.fromarray(frame[..., 0]) for frame in frames]
    else:
        everything = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
        palette = everything.quantize(256, method=Image.Quantize.MEDIANCUT)
        drawn = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    first, *others = drawn
    durations = [1000 // RATE] * (len(drawn) - 1) + [REST]
    content = io.BytesIO()
    settings = {"duration": durations, "loop": 0}
    first.save(content, "GIF", save_all=True, append_images=others, **settings)
    return content.getvalue()


def mp4(frames: np.ndarray) -> bytes | None:
    """Returns frames [T, H, W, 3] uint8 as an MP4 file (H.264); None where it cannot be made."""
    try:
        av = clips.library()
    except InputError:
        return None
    height, width = (side + side % 2 for side in frames.shape[1:3])  # which H.264 wants even
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            around = ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0))
            whole = np.pad(frame, around, "edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()
