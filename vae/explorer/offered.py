"""What the explorer offers for a run: latents to move, attributes to edit, ways to sample."""

from __future__ import annotations

from typing import Any, NamedTuple

from vae.data.fields import MARK, fields_of, without_field
from vae.data.labels import class_name
from vae.errors import InputError
from vae.evaluation.posterior import why_not
from vae.models.condition import of_decoder
from vae.run import Run
from vae.tasks.editor import Editor, number_of_classes
from vae.tasks.fit_prior import FITS, METRIC
from vae.tasks.inputs import check_vectors
from vae.tasks.interpolate import GEODESIC, METHODS
from vae.tasks.traverse import DIMENSIONS, REACH, Axis, active, axes_of

STRENGTH = 2.0  # of an edit, to either side


class Offers(NamedTuple):
    """What the page offers.

    Attributes:
      axes: the latents that have sliders, the most active first.
      editor: edits attributes or classes; None where there is nothing to edit.
      described: all of it, for the page.
    """

    axes: list[Axis]
    editor: Any
    described: dict[str, Any]


def offers(run: Run) -> Offers:
    """Returns what can be done with a run; where something cannot, a sentence says why."""
    axes, why_no_axes = _axes(run)
    editor, names, why_no_edits = _edits(run)
    fields = [field for field in fields_of(run.attributes) if names]
    told = of_decoder(run.model.condition)
    condition = run.model.condition
    strength = 1.0 if editor and editor.conditional else STRENGTH
    described = {
        "latents": [
            {"key": str(axis.dimension), "name": axis.name, "activity": axis.activity}
            for axis in axes
        ],
        "reach": REACH,
        "why_no_latents": why_no_axes,
        "edits": [name for name in names if MARK not in name],
        "strength": strength,
        "choices": [{"name": field.name, "classes": field.classes} for field in fields],
        "why_no_edits": why_no_edits,
        "residual": run.event.values.kind != "tokens",
        "decoded_as": _classes(run) if told and told.kind == "label" else [],
        "methods": [*([GEODESIC] if _curved(run) else []), *METHODS],
        "priors": _priors(run),
        "labels": _labels(run),
        "told": _told(run) if condition and condition.kind == "attributes" else [],
        "draw": not run.model.causal,
        "path": bool(run.model.prior and run.model.prior.path),
        "guided": bool(condition and run.model.prior and run.model.prior.path),
        "causal": bool(run.model.causal),
        "why_not_filled": _why_not_filled(run),
    }
    return Offers(axes, editor, described)


def _axes(run: Run) -> tuple[list[Axis], str]:
    if not run.model.encodes:
        return [], "This run's model does not encode examples: it can only be sampled from."
    try:
        return active(axes_of(run), run)[:DIMENSIONS], ""
    except InputError as error:
        return [], str(error)


def _edits(run: Run) -> tuple[Editor | None, list[str], str]:
    """Returns what edits, the names that the training data tell apart, and why there are none."""
    if not run.model.encodes or not (run.attributes or number_of_classes(run)):
        return None, [], ""
    try:
        editor = Editor(run)
    except InputError as error:
        told = of_decoder(run.model.condition)
        return None, [], "" if told and told.kind == "label" else str(error)
    names = run.attributes or _classes(run)
    if editor.conditional:
        return editor, list(names), ""
    return editor, [name for name in names if _tells(editor, name)], ""


def _tells(editor: Editor, name: str) -> bool:
    try:
        editor.step(name)
    except InputError:
        return False
    return True


def _classes(run: Run) -> list[str]:
    return [class_name(i, run.classes) for i in range(number_of_classes(run))]


def _labels(run: Run) -> list[dict[str, Any]]:
    """Returns the choices of classes that a model is told: of one field, or of several."""
    condition = run.model.condition
    if condition and condition.kind == "label":
        return [{"name": "class", "prefix": "", "classes": _classes(run)}]
    if condition:
        return [
            {"name": field.name, "prefix": f"{field.name}=", "classes": list(field.classes)}
            for field in fields_of(run.attributes)
        ]
    return []


def _told(run: Run) -> list[dict[str, Any]]:
    """Returns the attributes of no field that a model is told, with the ends of their sliders."""
    return [
        {
            "name": name,
            "low": run.scales.low[run.attributes.index(name)],
            "high": run.scales.high[run.attributes.index(name)],
        }
        for name in without_field(run.attributes)
    ]


def _curved(run: Run) -> bool:
    return run.model.posterior is not None and run.model.posterior.has_geodesics


def _priors(run: Run) -> list[str]:
    """Returns the priors that samples may come from, beside the run's own."""
    condition, prior = run.model.condition, run.model.prior
    try:
        check_vectors(run)
    except InputError:
        return []
    if condition and prior.reads_condition:
        return []
    metric = run.config.model.posterior == "riemannian_hamiltonian" and not condition
    return [*FITS, *([METRIC] if metric else [])]


def _why_not_filled(run: Run) -> str:
    reason = why_not(run.model)
    return f"A picture cannot be filled in: the model of this run {reason}." if reason else ""
