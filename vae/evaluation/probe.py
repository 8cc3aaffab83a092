"""An independent classifier: a small convolutional network that has learned the data's labels.

It is trained on a data set's own training split and knows nothing of the generative model. It
predicts what an example shows: its class (softmax), or how much of each attribute. For attributes
it has a sigmoid each, with the cross-entropy to the share of the attribute's range, so that a known
factor is regressed and a binary attribute is classified; for the classes of a field
(`vae/data/fields.py`) it has a softmax. Its last hidden layer gives features, in which examples are
compared. A metric made with a probe depends on its weights; `digest` names them.

2026-11-21, 8,000 CelebA faces at 64x64, 500 of the 1,500 steps, 130 s of one core's time of an AMD
EPYC: on 1,000 others the accuracy is 0.937 for Male, 0.888 for Smiling, 0.897 for Wearing_Lipstick,
and 0.863 in the mean over the 40 attributes, where the commonest value has 0.808. Digits (8x8), all
steps: 0.989 of 180 are right.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from vae import terminal
from vae.data.examples import Dataset, Examples, load_in_memory
from vae.data.fields import Field, fields_of
from vae.errors import InputError
from vae.networks.blocks import HE, LINEAR, ResidualBlock, group_norm
from vae.networks.strided import Conv
from vae.training import kept
from vae.training.arrays import digest
from vae.training.devices import jit
from vae.training.directory import Damaged, read_json, write_json

Array = jax.Array

logger = logging.getLogger(__name__)

WIDTHS = (32, 64, 128)  # of the stride-2 convolutions; further ones have the last width
SMALLEST = 4  # the grid is halved while its shorter side is larger
FEATURES = 128
BATCH = 64
STEPS = 1500
LEARNING_RATE = 1e-3
LOOK = 100  # steps between two validations
PATIENCE = 5  # validations without improvement after which training stops
MAX_BYTES = 2**29  # of training examples; those beyond are not used
HELD_OUT = 2000  # examples of the validation set and of the test set


class Network(nn.Module):
    """x [B, *places, C] in [0, 1] to logits [B, outputs] and features [B, FEATURES], float32."""

    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        h = 2 * x - 1
        number = 0
        while number == 0 or min(h.shape[1:-1]) > SMALLEST:
            width = WIDTHS[min(number, len(WIDTHS) - 1)]
            h = Conv(width, kernel_init=LINEAR if number == 0 else HE)(h)
            h = nn.relu(group_norm(h, jnp.float32))
            self.sow("intermediates", "maps", h)
            number += 1
        h = nn.relu(group_norm(ResidualBlock(h.shape[-1])(h), jnp.float32))
        h = nn.Dense(FEATURES, kernel_init=LINEAR)(h.reshape(len(h), -1))
        features = nn.relu(nn.LayerNorm()(h))  # of one scale, whatever the data
        logits = nn.Dense(self.outputs, kernel_init=nn.initializers.zeros, name="head")(features)
        return logits, features


@dataclasses.dataclass(frozen=True)
class Probe:
    """A trained classifier.

    Attributes:
      network: its network.
      params: the network's weights.
      names: names of its A outputs: attributes, or the classes "0", "1", ...
      exclusive: whether the outputs are classes, of which an example has one.
      fields: the fields among attributes; an example has one class of each.
      digest: SHA-256 of the weights.
      figures: metrics on the test split: {"accuracy": of the classes}, or {"accuracy": {name: ...},
        "correlation": {name: ...}}, with the accuracy of fields, and of other attributes that are
        only ever 0 or 1.
    """

    network: Network
    params: Any
    names: tuple[str, ...]
    exclusive: bool
    fields: tuple[Field, ...]
    digest: str
    figures: dict[str, Any]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Returns predictions [N, A] for examples [N, *places, C] in [0, 1].

        They are the probability of each class, or each attribute's share of its range (for a binary
        one, its probability).
        """
        return self._outputs(x)[0]

    def features(self, x: np.ndarray) -> np.ndarray:
        """Returns the last hidden layer [N, FEATURES], float32, of x [N, *places, C] in [0, 1]."""
        return self._outputs(x)[1]

    def maps(self, x: Array) -> list[Array]:
        """Returns the feature maps [B, *positions, width] of x [B, *places, C], largest first."""
        _, found = self.network.apply({"params": self.params}, x, mutable=["intermediates"])
        return [*found["intermediates"]["maps"]]

    def _outputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return in_batches(lambda part: self._compiled(self.params, part), x)

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        def apply(params: Any, x: Array) -> tuple[Array, Any]:
            logits, features = self.network.apply({"params": params}, x)
            if self.exclusive:
                return jax.nn.softmax(logits), features
            shares = jax.nn.sigmoid(logits)
            for columns in map(_columns, self.fields):
                shares = shares.at[:, columns].set(jax.nn.softmax(logits[:, columns]))
            return shares, features

        return jit(apply)


def fit_probe(dataset: Dataset, *, path: Path | None = None, source: str = "", key: Array) -> Probe:
    """Trains a probe on the training split of a data set, and chooses it on the validation split.

    It takes at most STEPS steps of AdamW, with a cosine decay, and keeps the weights of the lowest
    validation loss. Examples without a label are left out.

    Args:
      dataset: labelled data, with classes or attributes.
      path: an .npz file to keep the probe in, beside a .json of its metrics; a probe of the same
        source that is there already is read instead.
      source: names the data.
      key: random key of the initial weights and the batches.

    Raises:
      InputError: the data have no labels.
    """
    exclusive = not dataset.attributes
    names = dataset.attributes or dataset.classes or tuple(map(str, range(dataset.num_classes)))
    if not names:
        raise InputError(
            f"the data ({dataset.description}) have no labels to train a classifier on."
        )
    network, fields = Network(len(names)), () if exclusive else fields_of(names)
    blank = functools.partial(network.init, x=jnp.zeros((1, *dataset.event.shape)))
    if path:
        params = kept.read(path, jax.eval_shape(blank, key)["params"], source)
        record = None
        with contextlib.suppress(Damaged):  # it is trained again
            record = read_json(path.with_suffix(".json"), {"digest": str, "figures": dict})
        if params is not None and record and record["digest"] == digest(params):
            known = record["digest"], record["figures"]
            return Probe(network, params, names, exclusive, fields, *known)

    init_key, batch_key = jax.random.split(key)
    most = MAX_BYTES // max(1, dataset.train.nbytes // len(dataset.train))
    train = _shares(dataset, *labelled(dataset, dataset.train, most))
    held_out = _shares(dataset, *labelled(dataset, dataset.valid, HELD_OUT))
    logger.info("a classifier learns %d labels from %d examples", len(names), len(train[0]))
    seed = int(jax.random.bits(batch_key))
    params = jit(blank)(init_key)["params"]
    loss = functools.partial(_loss, exclusive=exclusive, fields=fields)
    params = _descend(network, params, train, held_out, loss, seed)
    probe = Probe(network, params, names, exclusive, fields, digest(params), {})
    test = _shares(dataset, *labelled(dataset, dataset.test, HELD_OUT))
    figures = agreement(probe, *test)
    if path:
        kept.write(path, params, source)
        write_json(path.with_suffix(".json"), {"digest": probe.digest, "figures": figures})
    return dataclasses.replace(probe, figures=figures)


def _shares(dataset: Dataset, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns x and its targets: classes, or attributes as shares of their range."""
    if not dataset.attributes:
        return x, labels
    return x, np.clip(dataset.scales.share(labels), 0, 1)


def agreement(probe: Probe, x: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Measures how well a probe predicts classes, or shares of attributes, see `Probe.figures`."""
    predicted = probe.predict(x)
    if probe.exclusive:
        return {"accuracy": float(right(probe, predicted, labels)["class"].mean())}
    centred, target = predicted - predicted.mean(0), labels - labels.mean(0)
    spread = np.sqrt((centred**2).sum(0) * (target**2).sum(0))
    correlation = np.where(spread > 0, (centred * target).sum(0) / np.maximum(spread, 1e-12), 0.0)
    found = right(probe, predicted, labels)
    return {
        "accuracy": {name: float(each.mean()) for name, each in found.items()},
        "correlation": dict(zip(probe.names, correlation.tolist(), strict=True)),
    }


def right(probe: Probe, predicted: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns where predictions [N, A] are right, [N] bool: of the class, or of each field by name.

    Attributes that are of no field have one, too, if they are 0 or 1 in all labels.
    """
    if probe.exclusive:
        return {"class": predicted.argmax(1) == labels}
    found = {}
    for field in probe.fields:
        columns = _columns(field)
        found[field.name] = predicted[:, columns].argmax(1) == labels[:, columns].argmax(1)
    of_fields = {column for field in probe.fields for column in field.columns}
    for column, name in enumerate(probe.names):
        truth = labels[:, column]
        if column not in of_fields and ((truth == 0) | (truth == 1)).all():
            found[name] = (predicted[:, column] > 0.5) == (truth > 0.5)
    return found


def _columns(field: Field) -> np.ndarray:
    return np.array(field.columns)


def first(dataset: Dataset, examples: Examples, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the readable ones of the first `most` x [N, *places, C] in [0, 1], and their labels.

    Where positions are missing, x is 0, as models are given it.
    """
    held = load_in_memory(examples.take(np.arange(min(most, len(examples)))), threads=4)
    x = dataset.event.values.to_x(held.values[held.ok])
    return (np.nan_to_num(x) if dataset.event.values.missing else x), held.labels[held.ok]


def labelled(dataset: Dataset, examples: Examples, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what `first` does, of the examples that have a label.

    Raises:
      InputError: none of them has a label.
    """
    x, labels = first(dataset, examples, most)
    known = labels >= 0 if labels.ndim == 1 else np.ones(len(labels), bool)
    if not known.any():
        raise InputError(f"the data ({dataset.description}) have a split without labels.")
    return x[known], labels[known]


def _loss(logits: Array, y: Array, *, exclusive: bool, fields: Sequence[Field]) -> Array:
    """Returns the cross-entropy [B] to classes [B], or its mean over fields and attributes."""
    if exclusive:
        return optax.softmax_cross_entropy_with_integer_labels(logits, y)
    losses = optax.sigmoid_binary_cross_entropy(logits, y)
    if not fields:
        return losses.mean(-1)
    of_fields = [optax.softmax_cross_entropy(logits[:, c], y[:, c]) for c in map(_columns, fields)]
    others = np.setdiff1d(np.arange(y.shape[1]), np.concatenate([f.columns for f in fields]))
    return jnp.concatenate([jnp.stack(of_fields, -1), losses[:, others]], axis=-1).mean(-1)


def _descend(
    network: Network,
    params: Any,
    train: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    loss: Callable[[Array, Array], Array],
    seed: int,
) -> Any:
    """Returns the weights of the lowest validation loss. A scan would be slow on a CPU."""
    rate = optax.cosine_decay_schedule(LEARNING_RATE, STEPS)
    transformation = optax.adamw(rate, weight_decay=1e-2)

    def losses(params: Any, x: Array, y: Array) -> Array:
        return loss(network.apply({"params": params}, x)[0], y)

    @jit
    def step(params: Any, state: Any, x: Array, y: Array) -> tuple[Any, Any]:
        gradient = jax.grad(lambda params: losses(params, x, y).mean())(params)
        updates, state = transformation.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jit(losses)
    state = transformation.init(params)
    examples, labels = train
    rng = np.random.default_rng(seed)
    best, lowest, waited = params, np.inf, 0
    with terminal.Progress("fitting the classifier", STEPS, "steps") as progress:
        for number in range(1, STEPS + 1):
            rows = rng.integers(0, len(examples), BATCH)
            params, state = step(params, state, examples[rows], labels[rows])
            progress.at(number)
            if number % LOOK == 0:
                reached = in_batches(functools.partial(compiled, params), *held_out).mean()
                progress.at(number, {"validation loss": float(reached)})
                if reached < lowest:
                    best, lowest, waited = params, reached, 0
                else:
                    waited += 1
                    if waited == PATIENCE:
                        break
    return best


def in_batches(function: Callable[..., Any], *inputs: np.ndarray) -> Any:
    """Applies a compiled function to arrays [N, ...], BATCH examples at a time, in one shape."""
    number = len(inputs[0])
    parts = []
    for start in range(0, number, BATCH):
        rows = np.minimum(np.arange(start, start + BATCH), number - 1)  # repeats the last one
        parts.append(jax.device_get(function(*(x[rows] for x in inputs))))
    return jax.tree.map(lambda *x: np.concatenate(x)[:number], *parts)
