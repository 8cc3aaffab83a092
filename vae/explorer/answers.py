"""What the explorer's page asks of a run, answered by the functions of the tasks.

An answer is made of what JSON can hold. The page has all settings and sends those of one question;
beside the run there are only the examples that it may ask about, which grow by the person's own.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from vae import terminal
from vae.data.labels import called
from vae.errors import InputError, readable
from vae.evaluation.posterior import why_not
from vae.explorer import offered
from vae.files import data_uri
from vae.models.one_by_one import Decoding
from vae.run import Run
from vae.tasks.fit_prior import fit_prior
from vae.tasks.inpaint import observed
from vae.tasks.inputs import Given, as_data, given
from vae.tasks.interpolate import between, chosen_method
from vae.tasks.repair import known_weight, mixing, with_measured_scale
from vae.tasks.sample import condition, solver_for

EXAMPLES = 12  # test examples to begin with,
MOST = 24  # and the most of one file
SAMPLES = 12
STRIP = 6  # examples from one end to the other

Json = dict[str, Any]


class Example(NamedTuple):
    """An example of which the page may ask.

    Attributes:
      name: what it is called.
      x: [1, *places, C].
      y: its condition, [1, ...]; None where the model is told none.
      z: the mean of q(z | x), a tree of [1, ...].
      decoded: x decoded from it, [1, *places, C].
      item: x as the page shows it.
    """

    name: str
    x: np.ndarray
    y: np.ndarray | None
    z: Any
    decoded: np.ndarray
    item: Json


class Explorer:
    """A run, and the examples that a person looks at.

    Args:
      run: the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.examples: list[Example] = []
        self.remarks: list[str] = []
        self._lock = threading.RLock()
        self._sampled: Any = None  # x and y of the last samples
        self._repairs: tuple[Run, float] | None = None
        if run.model.encodes:
            try:
                self._add(given(run, num=EXAMPLES))
            except InputError as error:
                self.remarks.append(f"{error} Give a file of your own.")
        self.offers = offered.offers(run)
        if self.examples:
            self.changed(0)  # compiled now, the first slider is answered at once

    def described(self) -> Json:
        """Returns what the page shows before anything is asked."""
        run = self.run
        places = run.event.places
        return {
            "about": repr(run).removeprefix("Run(").removesuffix(")"),
            "examples": self._listed(0),
            "encodes": run.model.encodes,
            "remarks": self.remarks,
            "strip": np.linspace(0, 1, STRIP).tolist(),
            "typed": run.event.values.kind == "tokens",
            "painted": list(places) if len(places) == 2 and not run.event.ragged else [],
            **self.offers.described,
        }

    def chosen(self, example: int) -> Json:
        """Returns an example, its reconstruction, and where it lies along the latents."""
        one = self._example(example)
        event = self.run.event
        # No share of the variance is explained by one row.
        alike = self.run.modality.likeness(one.x, one.decoded, event) if event.places else {}
        position = {
            axis.dimension: float((one.z[0, axis.dimension] - axis.mean) / axis.std)
            for axis in self.offers.axes
        }
        items = [{**one.item, "title": "given"}, self._item("decoded", one.decoded[0])]
        return {"items": items, "likeness": alike, "position": position}

    def changed(
        self,
        example: int,
        latents: Mapping[str, float] = {},
        edits: Mapping[str, float] = {},
        label: str = "",
        residual: bool = False,
    ) -> Json:
        """Returns an example as its latents and attributes are changed.

        Args:
          example: its number.
          latents: positions of dimensions by number, in standard deviations from their means.
          edits: strengths of attributes, see `vae.tasks.editor.Editor`.
          label: the class as which a conditional model decodes it; its own where "".
          residual: adds what the reconstruction lacks of the example.
        """
        one = self._example(example)
        z, y = one.z, one.y
        if latents:
            axes = {str(axis.dimension): axis for axis in self.offers.axes}
            z = np.array(z)
            for dimension, value in latents.items():
                if dimension not in axes:
                    raise InputError(f"there is no slider of the latent {dimension}.")
                axis = axes[dimension]
                z[0, axis.dimension] = axis.mean + value * axis.std
        for name, strength in edits.items():
            if self.offers.editor is None:
                raise InputError("this run has nothing to edit.")
            z, y = self.offers.editor(z, y, name, strength)
        if label:
            y = np.array(self.run.class_numbers([label]))
        x = self.run.decode(z, y)
        if residual:
            x = x + one.x - one.decoded
        return {"items": [self._item("changed", x[0])]}

    def between(self, first: int, last: int, shares: Sequence[float], method: str = "") -> Json:
        """Returns what lies at shares of the way from one example to another."""
        ends = [self._example(first), self._example(last)]
        x = np.concatenate([end.x for end in ends])
        y = None if ends[0].y is None else np.concatenate([end.y for end in ends])
        way = chosen_method(self.run, method or None)
        made = between(self.run, x, y, np.array(shares, np.float32), way)[0]
        return {"items": [self._item(f"{s:.0%}", x) for s, x in zip(shares, made, strict=True)]}

    def sampled(
        self,
        seed: int = 0,
        temperature: float | None = None,
        prior: str = "",
        labels: Sequence[str] = (),
        attributes: Mapping[str, float] = {},
        draw: bool = False,
        guidance: float | None = None,
        steps: int | None = None,
        solver: str | None = None,
        top_p: float = 1.0,
        decoder_temperature: float = 1.0,
        beam: int | None = None,
    ) -> Json:
        """Returns samples; see `vae.tasks.sample.sample`."""
        run = self.run
        y = condition(run, SAMPLES, labels, [attributes] if attributes else ())
        decoding = Decoding(decoder_temperature, top_p, beam)
        path = solver_for(prior or None, solver, steps, guidance)
        with self._lock:  # a prior is fitted once
            fitted = fit_prior(run, prior) if prior else None
        x = run.sample(
            SAMPLES,
            labels=y,
            draw=draw,
            seed=seed,
            prior=fitted,
            temperature=temperature,
            decoding=None if decoding == Decoding() else decoding,
            solver=path,
        )
        self._sampled = seed, x, y
        titles = called(y, run.attributes or run.classes) or [str(i + 1) for i in range(SAMPLES)]
        return {"items": [self._item(name, x) for name, x in zip(titles, x, strict=True)]}

    def kept(self, index: int) -> Json:
        """Makes one of the last samples an example, which can be changed as others can.

        Raises:
          InputError: there are no samples yet.
        """
        if self._sampled is None:
            raise InputError("There is no sample yet: draw some.")
        seed, x, y = self._sampled
        index = _index(index, len(x), "sample")
        rows = slice(index, index + 1)
        name = f"sample {index + 1} of seed {seed}"
        # What a model makes may be none of its data: a pixel above white, a mean between levels.
        x = as_data(self.run.modality.perceived(x[rows], self.run.event), self.run)
        return self._added(Given(x, None if y is None else y[rows], [name], None))

    def filled(self, example: int, painted: str, sweeps: int, samples: int, seed: int = 0) -> Json:
        """Returns what may have been where an image was painted over, and the mean of it.

        Args:
          example: its number.
          painted: for every pixel, row by row, "1" where it is painted over, else "0".
          sweeps: sweeps of each Markov chain, see `vae.tasks.inpaint.inpaint`.
          samples: the number of repairs.
          seed: seed of the chains.

        Raises:
          InputError: nothing is painted over, or everything.
        """
        one = self._example(example)
        missing = np.frombuffer(painted.encode(), np.uint8) == ord("1")
        places = self.run.event.places
        if missing.size != math.prod(places):
            raise InputError(f"the mask must have a 0 or 1 for each of the places {places}.")
        missing = missing.reshape(places)
        if not missing.any():
            raise InputError("Nothing is painted: paint over what is to be filled in.")
        if missing.all():
            raise InputError("Everything is painted: leave some of the picture to go by.")
        with self._lock:  # one at a time, or each would wait for the other
            run, weight = self._repairing(one)
            posterior = run.posterior(
                observed(one.x, missing, weight), one.y, chains=samples, sweeps=sweeps, seed=seed
            )
        items = [self._item(f"repair {i + 1}", x) for i, x in enumerate(posterior.samples[0])]
        note = "" if posterior.rhat is None else mixing(posterior, sweeps)[0].get("note", "")
        return {"items": [*items, self._item("mean", posterior.mean[0])], "note": note}

    def added(self, name: str, content: bytes, labels: Sequence[str] = ()) -> Json:
        """Reads a person's own file, as `--files` does, and returns the examples in it.

        Args:
          name: the file's name, whose end says what it is.
          content: what is in it.
          labels: the class of its examples, if the model is told one.

        Raises:
          InputError: the model does not encode, or the file is not of the run's kind of data.
        """
        if not self.run.model.encodes:
            raise InputError("this run's model does not encode examples: it can only be sampled.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (Path(readable(name)).name or "file")
            path.write_bytes(content)
            try:
                return self._added(given(self.run, files=[path], labels=labels))
            except InputError as error:
                raise InputError(str(error).replace(f"{folder}/", "")) from None

    def doing(self) -> str:
        """Returns what is being worked on, as the line of a terminal says it."""
        return terminal.doing()

    def _added(self, found: Given) -> Json:
        first, number = len(self.examples), len(found.x)
        y = None if found.y is None else found.y[:MOST]
        self._add(Given(found.x[:MOST], y, found.names[:MOST], None))
        note = f"The first {MOST} of {number} are shown." if number > MOST else ""
        return {"first": first, "examples": self._listed(first), "note": note}

    def _add(self, found: Given) -> None:
        z = self.run.encode(found.x, found.y).mean
        decoded = self.run.decode(z, found.y)

        for i, name in enumerate(found.names):
            parts = (found.x, found.y, z, decoded)
            x, y, one, made = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], parts)
            self.examples.append(Example(name, x, y, one, made, self._item(name, x[0])))

    def _listed(self, first: int) -> list[Json]:
        return [one.item for one in self.examples[first:]]

    def _example(self, number: int) -> Example:
        return self.examples[_index(number, len(self.examples), "example")]

    def _item(self, title: str, x: np.ndarray) -> Json:
        """Returns an example under a title, as the page shows it."""
        media = [
            {"kind": kind, "text": content.decode()}
            if kind.startswith("text/")
            else {"kind": kind, "address": data_uri(content, kind)}
            for kind, content in self.run.modality.media(x, self.run.event)
        ]
        return {"title": title, "media": media}

    def _repairing(self, one: Example) -> tuple[Run, float]:
        """Returns the run with the scale that its errors have, and the weight of known pixels."""
        if reason := why_not(self.run.model):
            raise InputError(f"a picture cannot be filled in: the model of this run {reason}.")
        if self._repairs is None:
            about = Given(one.x, one.y, [one.name], None)
            weight = known_weight(self.run, about)
            self._repairs = with_measured_scale(self.run, about)[0], weight
        return self._repairs


def _index(number: int, size: int, what: str) -> int:
    """Returns the number of one of several things, counted from 0.

    Raises:
      InputError: there is none of this number.
    """
    if not 0 <= number < size:
        raise InputError(f"there is no {what} {number}: they are numbered from 0 to {size - 1}.")
    return number
