"""Gives back the examples of a file that `vae compress` wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae import terminal
from vae.compression import codec, file
from vae.compression.chains import chain_of
from vae.compression.codec import Coded
from vae.compression.numbers import x_of
from vae.errors import InputError
from vae.files import named, user_path, whole
from vae.run import Run
from vae.tasks.compress import as_bytes, content_of, machine
from vae.tasks.names import plain
from vae.tasks.output import Output
from vae.training.arrays import digest


def decompress(run: Run, *files: str, out: Path | None = None) -> Output:
    """Gives back the examples of a file that `vae compress` wrote.

    It writes `examples.npz` with the values x [N, ...] as the run reads them (and labels or
    attributes, and names, where there are some); for text `examples.txt`, a line for each example;
    and, if your own files were compressed, a file for each of them that are not text. They are the
    examples that were compressed, to the last bit, or there is an error.

    Examples:
      vae decompress --workdir=runs/digits test.vae --out=DIR
      vae decompress --workdir=runs/text book.vae

    Args:
      run: the run whose weights compressed it.
      files: the file, one.
      out: the folder; if absent, compressed/NAME of the run.

    Returns:
      The paths, and {"step", "examples", "seconds", "megabytes_per_second", "restored"}.

    Raises:
      InputError: there is no such file, it is damaged, or it was written with other weights or on a
        machine with other arithmetic.
    """
    if len(files) != 1:
        raise InputError("decompress takes one file, which `vae compress` wrote.")
    if out and user_path(out).is_file():
        raise InputError(f"--out={out} is a file: give a directory for what is restored.")
    path = user_path(files[0])
    header, words = file.read(path)
    if header["weights"] != (own := digest(run.params)):
        raise InputError(
            f"{path} was written with the weights {header['weights'][:12]}... of step "
            f"{header['step']:,}, but those of {run.workdir} at step {run.step:,} are "
            f"{own[:12]}...: give its run, and --step."
        )
    chain = chain_of(run.model, jax.device_put(run.variables))
    chain.width = header["width"]
    batch = header["batch"]
    if codec.fingerprint(run.model, chain, batch) != header["fingerprint"]:
        raise InputError(
            f"{path} was written where the networks' arithmetic differs in its last bits "
            f"({header['machine']}; here {machine()}): decompress it on such a machine."
        )
    y = None
    if "y" in header:
        kind, values = header["y"]
        y = np.array(values, kind)
    coded, number = Coded(words, header["rows"], header["initial"]), sum(header["rows"])
    began = time.monotonic()
    with terminal.Progress("decompressing", number, "examples") as progress:
        numbers = codec.decode(chain, coded, y, batch, progress.at)
    seconds = time.monotonic() - began
    if content_of(numbers, y) != header["content"]:
        raise InputError(
            f"{path} does not give back what was compressed ({header['machine']}; here "
            f"{machine()}): decompress it on such a machine."
        )
    x = np.asarray(x_of(numbers, run.model.event))
    folder = user_path(out) if out else run.out / "compressed" / path.stem
    written = _written(run, folder, x, y, header.get("names"))
    figures = {
        "step": run.step,
        "examples": number,
        "seconds": seconds,
        "megabytes_per_second": len(as_bytes(run, numbers, x)) / seconds / 1e6,
        "restored": header.get("lost", "all values that the run reads"),
    }
    return Output(written, figures)


def _written(
    run: Run, folder: Path, x: np.ndarray, y: np.ndarray | None, names: list[str] | None
) -> list[Path]:
    """Writes the examples into a folder, and returns the paths."""
    values = run.event.values if run.config.data.binarize == "none" else run.model.event.values
    raw = np.asarray(values.to_raw(x))
    kinds = np.min_scalar_type(int(raw.min())), np.min_scalar_type(int(raw.max()))
    arrays: dict[str, Any] = {"x": raw.astype(np.result_type(*kinds))}
    if y is not None:
        arrays["attributes" if run.attributes else "labels"] = y
    if names:
        arrays["examples"] = np.array(names)
    paths = [folder / "examples.npz"]
    with whole(paths[0]) as archive:
        np.savez_compressed(archive, **arrays)
    texts = run.modality.texts(x, run.event)
    if texts is not None:
        paths.append(folder / "examples.txt")
        with whole(paths[1]) as lines:
            lines.write("".join(f"{line}\n" for line in texts).encode())
    elif names:
        digits = len(str(len(names)))
        with named(folder):
            for i, (name, example) in enumerate(zip(names, x, strict=True)):
                end, content = run.modality.file(example, run.event)
                called = name if names.count(name) == 1 else f"{name}_{i:0{digits}d}"
                paths.append(folder / f"{plain(called)}{end}")
                paths[-1].write_bytes(content)
    return paths if len(paths) < 10 else [paths[0], folder]
