"""A large picture, encoded and decoded in tiles: its seams, and the memory that it takes.

    python experiments/benchmarks/tiles.py --workdir=RUN

RUN has networks that compute the same at every place ("spatial", "grid"). The picture is a drawn
face of 1,024 by 1,024 pixels. Each reconstruction is made by a process of its own, whose largest
resident memory is measured; errors are against the picture as one piece, in units of 255.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import vae
from vae import modalities
from vae.config import base
from vae.tasks import tiles


def picture(pixels: int) -> np.ndarray:
    """Returns a drawn face, [1, pixels, pixels, 3] in [0, 1]."""
    config = base().data
    config.name, config.image_size = "faces", (pixels, pixels)
    config.train, config.valid, config.test = "train[:1]", "valid[:1]", "test[:1]"
    dataset = modalities.load(config, whole=False)
    raw, _ = dataset.test.read(np.arange(1))
    return dataset.event.values.to_x(raw.values)


def one(workdir: Path, how: str, pixels: int, out: Path) -> None:
    """Makes a reconstruction, and prints what it took as JSON; `how` is "whole" or "tile,overlap".

    With "nothing" the picture is drawn and the run loaded, and no more.
    """
    x, run = picture(pixels), vae.load(workdir)
    start = time.time()
    if how == "whole":
        made = run.resized(x.shape[1:3]).reconstruct(x)
    elif how == "nothing":
        made = x
    else:
        tile, overlap = how.split(",")
        made = tiles.reconstruct(run, x, tile=int(tile), overlap=int(overlap) if overlap else None)
    seconds = time.time() - start
    np.save(out, made)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # in KiB on Linux
    print(json.dumps({"seconds": seconds, "mebibytes": memory}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--pixels", type=int, default=1024)
    parser.add_argument("--only")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.only:
        one(given.workdir, given.only, given.pixels, given.out)
        return
    run = vae.load(given.workdir)
    reaches = run.model.encoder.reach, run.model.emission.decoder.reach
    print(f"reach of the encoder {reaches[0]}, of the decoder {reaches[1]} pixels\n")
    print("| tile | overlap | largest error | mean error | MiB | s |")
    print("|---|---|---|---|---|---|")
    ways = ["nothing", "whole", "128,", "128,32", "128,16", "128,8", "128,0"]
    with tempfile.TemporaryDirectory() as folder:
        whole = np.zeros(())
        for how in ways:
            out = Path(folder, "made.npy")
            command = [sys.executable, __file__, f"--workdir={given.workdir}", f"--only={how}"]
            command += [f"--pixels={given.pixels}", f"--out={out}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            took, made = json.loads(done.stdout.splitlines()[-1]), np.load(out)
            whole = made if how == "whole" else whole
            error = 255 * np.abs(made - whole) if whole.ndim else np.zeros(1)
            tile, _, overlap = how.partition(",")
            shown = [tile, overlap or ("" if how in ("nothing", "whole") else "default")]
            shown += [f"{error.max():.3g}", f"{error.mean():.2g}"]
            shown += [f"{took['mebibytes']:,.0f}", f"{took['seconds']:.1f}"]
            print(f"| {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
