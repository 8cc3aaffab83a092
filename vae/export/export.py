"""The command that writes a run for other programs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from vae.errors import InputError
from vae.export import card, functions, onnx_file, page, safetensors_directory, stablehlo_file
from vae.files import whole
from vae.run import Run
from vae.tasks.output import Output
from vae.training import tensors

logger = logging.getLogger(__name__)

FOLDER = "exported"  # in a run directory
LARGEST = 1e-5  # difference of an ONNX file from the run, to the largest number of an output
OF_16_BITS = 0.05  # the same for a run whose own arithmetic has 16 bits; a file's has 32


def export(
    run: Run,
    *,
    format: Literal["safetensors", "stablehlo", "onnx", "html"],
    license: str | None = None,
) -> Output:
    """Writes the model for other programs, for a browser, or as a small directory.

    safetensors is a directory with weights, config, figures and a model card, which vae.load and
    every command take as a run. onnx and stablehlo are the encoder and the decoder as files that
    need no Python package of this name, with any number of examples at once; ONNX files are
    compared with the run by ONNX Runtime. html is one page in which the decoder runs, with a
    slider for each latent that changes most; it needs neither Python nor a network.

    Examples:
      vae export --workdir=runs/faces --format=safetensors --license=cc-by-4.0
      vae export --workdir=runs/faces --format=onnx --out=DIR
      vae export --workdir=runs/faces --format=html

    Args:
      run: the run.
      format: what to write.
      license: of the weights, for the card; by a name that the hub knows, such as apache-2.0.

    Returns:
      The paths, in the folder exported of the run unless --out names another, and what the files
      differ from the run by.

    Raises:
      InputError: the model, or both its parts, cannot be written so.
    """
    if license and format != "safetensors":
        raise InputError(f"--license is for the card of --format=safetensors, not of {format}.")
    folder = folder_of(run)
    if format == "safetensors":
        return Output(
            [*safetensors_directory.write(run, folder), *card.write(run, folder, license)]
        )
    if format == "html":
        return page.write(run, folder)
    content = {"onnx": _onnx, "stablehlo": _stablehlo}[format]
    paths, figures, missing = [], {}, []
    if not run.model.encodes:
        missing.append(f"no encoder: a model.name={run.config.model.name!r} has none")
    for name, function in functions.functions_of(run).items():
        try:
            written, figures[name] = content(run, function)
        except InputError as error:
            missing.append(f"no {name}: {error}".removesuffix("."))
            continue
        with whole(folder / f"{name}.{format}") as file:
            file.write(written)
        paths.append(folder / f"{name}.{format}")
    if not paths:
        raise InputError(f"{run.workdir} cannot be written as {format}: {'; '.join(missing)}.")
    for each in missing:
        logger.warning("%s as %s has %s", run.workdir, format, each)
    return Output(paths, {"step": run.step, **figures})


def folder_of(run: Run) -> Path:
    """Returns the folder that a run is exported to: --out, or one in the run directory."""
    if run.out != run.workdir or (run.workdir / tensors.FILE).exists():
        return run.out
    return run.workdir / FOLDER


def _stablehlo(run: Run, function: functions.Function) -> tuple[bytes, dict[str, object]]:
    written = stablehlo_file.content_of(function)
    return written, {"bytes": len(written), "platforms": list(stablehlo_file.PLATFORMS)}


def _onnx(run: Run, function: functions.Function) -> tuple[bytes, dict[str, object]]:
    written = onnx_file.content_of(run, function)
    inputs = functions.examples_of(run, function, 3)
    difference = onnx_file.difference(function, written, inputs)
    largest = LARGEST if run.config.model.dtype == "float32" else OF_16_BITS
    if not difference <= largest:
        raise InputError(
            f"ONNX Runtime computes another {function.name}, by {difference:.2g}, where at most "
            f"{largest:g} is rounding"
        )
    return written, {"bytes": len(written), "largest_difference": difference}
