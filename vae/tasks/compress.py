"""Compresses examples without loss, and says how near the file comes to the ELBO."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import importlib.metadata
import logging
import lzma
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae import terminal
from vae.annotations import Count, Split
from vae.compression import codec, file
from vae.compression.chains import chain_of
from vae.compression.numbers import count_of, numbers_of, x_of
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.files import user_path
from vae.run import Run
from vae.tasks.inputs import OF_FILES, OF_THE_DATA, as_data, given, refuse
from vae.tasks.output import Output
from vae.training.arrays import digest
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

SAMPLES = 4  # of the ELBO
SHOWN = 1000  # examples of which files of usual formats are made
BINARISED = "values binarised at random (data.binarize='dynamic'), not the grey ones"


def compress(
    run: Run,
    *paths: str,
    files: Sequence[str | Path] = (),
    split: Split | None = None,
    num: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    out: Path | None = None,
) -> Output:
    """Compresses a split of the data, or your own files, without loss.

    The size is about that of the ELBO, in bits. Beside it are gzip, bz2 and xz of the same values
    and, for images, PNG and WebP. `vae decompress` gives back the values that the run reads, with
    the same weights and on the same kind of machine; it refuses what it cannot give back exactly.
    Values are discrete: levels, bits, counts or tokens.

    Examples:
      vae compress --workdir=runs/digits --split=test --out=test.vae
      vae compress --workdir=runs/text book.txt --out=book.vae

    Args:
      run: the run.
      paths: the same as `files`, without a flag.
      files: files and folders of your own examples, which are compressed instead of a split; words
        without a flag are such, too.
      split: the split to compress, where there are no files; test if absent.
      num: the number of examples of the split, the first ones; all if absent.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between.
      out: the file; if absent, compressed/SPLIT_STEP.vae of the run, or, for your own examples,
        compressed/TAG_STEP.vae with their names.

    Returns:
      The paths of the file and of its figures, a .json beside it, and the figures:

        "examples", "values"    how many were coded; a value is one of an image's numbers, a token
        "bits_per_dim"          for each value, of the stack: "net" is without the bits below the
                                first example, which come back at the end; and that of the ELBO
        "bytes"                 of the file, and of its parts
        "others"                {method: bits for each value}
        "megabytes_per_second"  of the values as bytes (bits, where they are binary)

    Raises:
      InputError: the values are not discrete, the model has no code, or `out` is a directory; or as
        `given`.
    """
    if out and user_path(out).is_dir():  # else known when all is coded
        raise InputError(f"--out={out} is a directory: give a file, which ends in .vae.")
    chain = chain_of(run.model, jax.device_put(run.variables))
    files = (*paths, *files)
    lost = ""
    if files:
        refuse(OF_THE_DATA, split=split, num=num)
        own = given(run, files=files, labels=labels, attributes=attributes)
        x, y, name = as_data(own.x, run), own.y, own.tag
        if hasattr(run.modality, "lost"):
            lost = run.modality.lost(files, own.x, run.event, run.config.data)
    else:
        refuse(OF_FILES, labels=labels, attributes=attributes)
        name, dataset = split or "test", run.dataset()
        number = min(num or math.inf, len(getattr(dataset, name)))
        x, y, *_ = first_examples(dataset, name, int(number), run.config)
    if run.config.data.binarize == "dynamic":
        lost = "; ".join(filter(None, [lost, BINARISED]))
    y = np.asarray(y) if run.model.condition else None
    numbers = numbers_of(x, run.model.event)
    batch = codec.batch_of(chain, len(numbers))
    each = codec.popped_bits(chain, numbers, y, batch)
    began = time.monotonic()
    with terminal.Progress("compressing", len(numbers), "examples") as progress:
        coded = codec.encode(chain, numbers, y, batch, each, progress.at)
    seconds = time.monotonic() - began
    fingerprint = codec.fingerprint(run.model, chain, batch)

    header = {
        "weights": digest(run.params),
        "step": run.step,
        "batch": batch,
        "rows": coded.rows,
        "initial": coded.initial,
        "width": chain.width,
        "fingerprint": fingerprint,
        "content": content_of(numbers, y),
        "machine": machine(),
    }
    if y is not None:
        header["y"] = [str(y.dtype), y.tolist()]
    if files and run.modality.texts(x[:1], run.event) is None:  # texts come back as lines
        header["names"] = own.names
    if lost:
        header["lost"] = lost
        logger.warning("What is restored: %s.", lost)
    path = user_path(out) if out else run.out / "compressed" / f"{name}_{run.step:08d}.vae"
    size = file.write(path, header, coded.words)

    restored = np.asarray(x_of(numbers, run.model.event))
    values = int((numbers >= 0).sum())
    elbo = run.estimate(restored, y, num_samples=SAMPLES).elbo
    raw = as_bytes(run, numbers, restored)
    initial = 32 * coded.initial
    stack = 8 * size["stack"]
    figures = {
        "step": run.step,
        "examples": len(numbers),
        "values": values,
        "bits_per_dim": {
            "net": (stack - initial) / values,
            "stack": stack / values,
            "file": (stack + 8 * size["header"]) / values,
            "elbo": float(-elbo.sum() / math.log(2) / values),
        },
        "bytes": {"file": sum(size.values()), **size, "initial": initial // 8, "raw": len(raw)},
        "others": {name: 8 * length / values for name, length in usual(run, raw, restored).items()},
        "seconds": seconds,
        "megabytes_per_second": len(raw) / seconds / 1e6,
        "batch": batch,
        "params_sha256": header["weights"],
        "machine": header["machine"],
        "restored": lost or "all values that the run reads",
    }
    beside = path.with_name(f"{path.name}.json")
    write_json(beside, figures)
    return Output([path, beside], figures, _shown(figures))


def content_of(numbers: np.ndarray, y: np.ndarray | None) -> str:
    """Returns a digest of examples and their conditions."""
    hashed = hashlib.blake2b(np.ascontiguousarray(numbers, "<i4").tobytes(), digest_size=16)
    hashed.update(b"" if y is None else np.ascontiguousarray(y).tobytes())
    return hashed.hexdigest()


def machine() -> str:
    """Returns what the arithmetic of the networks depends on, in words."""
    device = jax.devices()[0]
    kind = "" if device.device_kind == device.platform else f" {device.device_kind}"
    version = importlib.metadata.version("constriction")
    return f"{device.platform}{kind}, jax {jax.__version__}, constriction {version}"


def as_bytes(run: Run, numbers: np.ndarray, x: np.ndarray) -> bytes:
    """Returns examples as other programs compress them: lines of text, bits, or bytes."""
    texts = run.modality.texts(x, run.event)
    if texts is not None:
        return "".join(f"{line}\n" for line in texts).encode()
    count = count_of(run.model.event.values)
    known = numbers[numbers >= 0]
    if count == 2:
        return np.packbits(known.astype(bool)).tobytes()
    return known.astype(np.min_scalar_type(count - 1).newbyteorder("<")).tobytes()


def usual(run: Run, raw: bytes, x: np.ndarray) -> dict[str, float]:
    """Returns the bytes that usual programs make of the same values, by their names."""
    found: dict[str, float] = {
        "gzip": len(gzip.compress(raw, 9)),
        "bz2": len(bz2.compress(raw, 9)),
        "xz": len(lzma.compress(raw, preset=9)),
    }
    if hasattr(run.modality, "formats"):
        some = x[:SHOWN]
        for name, sizes in run.modality.formats(some).items():
            found[name] = float(np.mean(sizes)) * len(x)
    return found


def _shown(figures: Mapping[str, Any]) -> str:
    """Returns the figures as text."""
    bits, size = figures["bits_per_dim"], figures["bytes"]
    above = bits["net"] / bits["elbo"] - 1
    rows = {
        "ELBO of the run": ("", bits["elbo"]),
        f"coded, net ({above:+.2%})": (size["stack"] - size["initial"], bits["net"]),
        "with initial bits": (size["stack"], bits["stack"]),
        "the file": (size["file"], bits["file"]),
        **{
            name: (round(each * figures["values"] / 8), each)
            for name, each in figures["others"].items()
        },
        "as they are": (size["raw"], 8 * size["raw"] / figures["values"]),
    }
    width = max(map(len, rows))
    lines = [f"{'':{width}}  {'bytes':>12}  bits/dim"]
    for name, (length, each) in rows.items():
        shown = f"{length:,}" if length != "" else ""
        lines.append(f"{name:{width}}  {shown:>12}  {each:8.4f}")
    speed = figures["megabytes_per_second"]
    lines.append(
        f"{figures['examples']:,} examples, {figures['values']:,} values, in "
        f"{figures['seconds']:.1f} s: {speed:.3g} MB/s of the values as they are"
    )
    return "\n".join(lines)
