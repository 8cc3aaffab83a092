"""HTML: one page in which the decoder runs, with a slider for each latent that changes most.

It has the decoder as ONNX, ONNX Runtime Web, and the modality's own script that shows an example,
and needs neither Python nor a network. Samples are draws of the prior that were made beforehand, so
that every prior has them.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from markupsafe import Markup

from vae.errors import InputError
from vae.export import onnx_file, runtime
from vae.export.functions import Function, Input, decoder_of, examples_of
from vae.report import html
from vae.run import Run
from vae.tasks.output import Output

FILE = "index.html"
DRAWS, LARGEST_DRAWS = 64, 2**17  # samples in a page, and numbers of them all
SLIDERS = 12
TRIED = 256  # latents, of which the sliders are those that change most
REACH = 3.0  # standard deviations of a draw to either side
LEAST = 0.01  # of the largest change


def write(run: Run, folder: Path) -> Output:
    """Writes the page and returns its path.

    Raises:
      InputError: the decoder cannot be exported, or a browser cannot show what it makes.
    """
    if not (scripted := getattr(run.modality, "script", None)):
        raise InputError(
            f"a page cannot show {run.modality.NAME}: use --format=onnx, whose decoder.onnx a page "
            "of your own can run."
        )
    decoder = decoder_of(run)
    model = onnx_file.content_of(run, decoder)
    parts = runtime.read()
    packed = {
        "runtime": parts.script,
        "wasm": parts.wasm,
        "model": model,
        "notices-packed": parts.notices.encode(),
    }
    facts = _facts(run, decoder)
    html.write(
        folder / FILE,
        "decoder.html",
        title=f"The decoder of {run.config.data.name or Path(run.config.data.path).name}",
        about=_about(run),
        note=_note(facts),
        weights=f"{len(model) / 1e6:.1f} MB",
        version=runtime.VERSION,
        facts=Markup(json.dumps(facts).replace("<", "\\u003c")),
        packed={name: Markup(_packed(content)) for name, content in packed.items()},
        show=Markup(scripted()),
    )
    return Output([folder / FILE], {"step": run.step, "bytes": (folder / FILE).stat().st_size})


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _about(run: Run) -> str:
    data = run.data.get("description") or run.config.data.name
    return (
        f"Everything here is made in this page by the decoder of a model ({run.config.model.name}) "
        f"that was trained for {run.step:,} steps on {data}."
    )


def _note(facts: dict[str, Any]) -> str:
    return (
        f"The {len(facts['sliders'])} latents that change most what is made, of "
        f"{facts['latents']}, over {REACH:g} standard deviations of the prior to either side. "
        f"There are {len(facts['draws'])} samples of the prior, one after the other."
    )


def _facts(run: Run, decoder: Function) -> dict[str, Any]:
    """Returns what the page's script knows of the model: numbers and names."""
    event, values = run.event, run.event.values
    latents = [each for each in decoder.inputs if each.name != "y"]
    draws, y = _draws(run, decoder, latents)
    means = [x.mean(0) for x in draws]
    condition = _condition(run) if len(decoder.inputs) > len(latents) else None
    first = [np.ravel(x[0]) for x in draws]
    return {
        "shape": event.shape,
        "kind": values.kind,
        "names": event.names or [str(i) for i in range(event.channels)],
        "codec": json.loads(event.codec) if event.codec else None,
        "scale": values.scale,
        "offset": values.offset,
        "low": values.low,
        "high": values.high,
        "latents": int(sum(mean.size for mean in means)),
        "inputs": [
            {"name": each.name, "shape": each.shape, "centre": _short(mean)}
            for each, mean in zip(latents, means, strict=True)
        ],
        "condition": condition,
        "sliders": _sliders(decoder, latents, draws, y, first),
        "draws": [
            {
                "z": [_short(x[i]) for x in draws],
                "y": int(y[i]) if y is not None and y.ndim == 1 else None,
            }
            for i in range(len(draws[0]))
        ],
    }


def _draws(
    run: Run, decoder: Function, latents: list[Input]
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Returns draws of the prior [N, ...] for each input, and their y."""
    size = sum(int(np.prod(each.shape)) for each in latents)
    classes = run.model.condition.size if run.model.condition else 1
    number = int(np.clip(LARGEST_DRAWS // size, 1, max(DRAWS, 8 * classes)))
    made = examples_of(run, decoder, number)
    return made[: len(latents)], made[len(latents)] if len(made) > len(latents) else None


def _sliders(
    decoder: Function,
    latents: list[Input],
    draws: list[np.ndarray],
    y: np.ndarray | None,
    first: list[np.ndarray],
) -> list[dict[str, Any]]:
    """Returns the latents that change most what is made, around the first draw."""
    numbers = [(i, d) for i, x in enumerate(draws) for d in range(x[0].size)][:TRIED]
    ends = []
    for i, d in numbers:
        x = draws[i].reshape(len(draws[i]), -1)[:, d]
        ends.append((float(x.mean() - REACH * x.std()), float(x.mean() + REACH * x.std())))
    made = []
    for side in (0, 1):
        z = [np.tile(x, (len(numbers), 1)) for x in first]
        for row, (i, d) in enumerate(numbers):
            z[i][row, d] = ends[row][side]
        given = [x.reshape(len(numbers), *i.shape) for x, i in zip(z, latents, strict=True)]
        told = [] if y is None else [np.repeat(y[:1], len(numbers), axis=0)]
        made.append(decoder(*given, *told)[0].reshape(len(numbers), -1))
    # Tokens are names: they differ, and by nothing more.
    apart = made[1] - made[0] if made[0].dtype.kind == "f" else made[1] != made[0]
    change = np.square(apart).mean(1)
    order = np.argsort(-change, kind="stable")[:SLIDERS]
    return [
        {
            "name": f"z{d}" if len(latents) == 1 else f"group {i}, {d}",
            "input": i,
            "index": d,
            "low": ends[row][0],
            "high": ends[row][1],
        }
        for row, (i, d) in ((int(row), numbers[row]) for row in order)
        if change[row] > LEAST * change.max() and ends[row][0] < ends[row][1]
    ]


def _condition(run: Run) -> dict[str, Any]:
    condition = run.model.condition
    if condition.kind == "label":
        names = run.classes or [str(i) for i in range(condition.size)]
        return {"kind": "label", "names": list(names), "values": [0]}
    return {
        "kind": "attributes",
        "names": list(run.attributes),
        "values": list(map(float, run.scales.mean)),
        "low": list(map(float, run.scales.low)),
        "high": list(map(float, run.scales.high)),
    }


def _short(x: np.ndarray) -> list[float]:
    """Returns numbers to five digits, which is more than is seen."""
    return [float(f"{each:.5g}") for each in np.ravel(jax.device_get(x))]
