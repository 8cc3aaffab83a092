"""A generative model of examples and labels, where not every example has its label.

    p(x, y, z) = p(y) p(z) p(x | y, z),    q(y, z | x) = q(y | x) q(z | x, y)

(Kingma et al., "Semi-supervised learning with deep generative models", 2014, model M2.) It is a
conditional VAE and a classifier q(y | x). Labels are uniform, p(y) = 1 / C. Where the label is
unknown, the terms are sums over all classes: a sample's log w = E_q(y | x)[log p(x, y, z_y) -
log q(y, z_y | x)] is at most log p(x) in expectation, and so is its importance-weighted mean. Where
it is known, the terms are those of log p(x, y), and the classifier has a loss of its own (eq. 9).

Labels are given in training alone. An evaluation estimates log p(x), whether y is known or not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Self

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from vae.errors import InputError
from vae.models import losses, origin, parts
from vae.models.architecture import make_encoder
from vae.models.condition import Condition
from vae.models.data import Data
from vae.models.model import Model
from vae.models.one_by_one import Decoding
from vae.models.parts import Variables
from vae.models.priors import Prior
from vae.models.vae import VAE
from vae.networks.network import Encoder
from vae.probability.distributions import split
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.loops import in_pieces
from vae.probability.terms import Batch, Terms

Array = jax.Array

# The most bytes that all classes may hold at once; beyond it, they are computed in turns. The
# compiled step takes about three times as much.
HELD = 2**31


class Encoded(flax.struct.PyTreeNode):
    """The known or most probable label, and the centre of q(z | x, y) with it.

    Attributes:
      mean: (one-hot label [B, C], z [B, D]), which `decode` takes.
      label_log_prob: log q(y | x), [B, C].
    """

    mean: tuple[Array, Array]
    label_log_prob: Array


@dataclasses.dataclass(frozen=True)
class SemiSupervised(Model):
    """A conditional VAE with a classifier. A latent is (y, z): [..., C] one-hot and [..., D].

    Attributes:
      vae: p(z), p(x | y, z) and q(z | x, y).
      classifier: takes x [B, *places, C] to the logits of q(y | x).
      classification_weight: the weight of -log q(y | x) for a labelled example.
    """

    vae: VAE
    classifier: Encoder
    classification_weight: float

    inference = ("encoder", "posterior", "classifier")
    takes_unlabelled = True

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, data: Data) -> SemiSupervised:
        """Returns the model of a config's `model` section with `name` "semi_supervised"."""
        classifier = make_encoder(config, data, data.num_classes)
        if classifier.grid(data.event.places):
            raise InputError(
                "model.name='semi_supervised' classifies with the same kind of network, but that "
                f"of model.encoder={config.encoder!r} has numbers at places, no classes; choose "
                "'conv'."
            )
        conditional = config.copy_and_resolve_references()
        conditional.condition = "label"
        return cls(
            vae=VAE.build(conditional, data),
            classifier=classifier,
            classification_weight=config.classification_weight,
        )

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses of `terms` in training."""
        return (*self.vae.loss_names, "classification")

    @property
    def prior(self) -> Prior:
        return self.vae.prior

    @property
    def likelihood(self) -> Likelihood:
        return self.vae.likelihood

    @property
    def event(self) -> Event:
        return self.vae.event

    @property
    def causal(self) -> bool:
        return self.vae.causal

    @property
    def any_length(self) -> bool:
        return self.vae.any_length and self.classifier.any_length

    @property
    def sample_bytes(self) -> int:
        return self.vae.sample_bytes

    @property
    def conditional(self) -> Model:
        return self.vae

    @property
    def condition(self) -> Condition:
        assert self.vae.condition is not None  # `build` sets it
        return self.vae.condition

    def with_decoding(self, decoding: Decoding) -> Self:
        return dataclasses.replace(self, vae=self.vae.with_decoding(decoding))

    @property
    def num_classes(self) -> int:
        return self.condition.size

    def init(self, *, key: Array) -> Variables:
        """Draws the initial variables: the VAE's and the classifier's."""
        vae_key, key = jax.random.split(key)
        x = parts.blank(self.event)
        own = parts.join({"classifier": parts.of_module(self.classifier, x, key=key)})
        variables = self.vae.init(key=vae_key)
        return {name: variables[name] | own[name] for name in variables}

    def classify(self, variables: Variables, batch: Batch) -> Array:
        """Returns log q(y | x) [B, C]."""
        x = parts.as_read(self.classifier, batch)
        logits = parts.apply(self.classifier, variables["params"]["classifier"], x)
        return jax.nn.log_softmax(logits)

    def encode(self, variables: Variables, batch: Batch) -> Encoded:
        """Returns the label, or the most probable one where it is unknown, and z given it."""
        log_prob = self.classify(variables, batch)
        y = jnp.where(batch.y >= 0, batch.y, log_prob.argmax(-1))
        q = self.vae.encode(variables, batch._replace(y=y))
        return Encoded((jax.nn.one_hot(y, self.num_classes), q.mean), log_prob)

    def decode(
        self,
        variables: Variables,
        z: tuple[Array, Array],
        y: Array | None = None,
        *,
        keys: Array | None = None,
    ) -> Array:
        """Returns x as p(x | y, z) is shown, [B, *places, C]; draws with keys [B].

        The label is the index of the largest number of the latents' y; the argument y is not used.
        """
        code, rest = z
        return self.vae.decode(variables, rest, code.argmax(-1), keys=keys)

    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> tuple[Array, Array]:
        """Draws latents (y, z), one from each key [B]; keeps given labels [B] that are not -1."""
        label_keys, z_keys = split(keys)
        drawn = jax.vmap(lambda key: jax.random.randint(key, (), 0, self.num_classes))(label_keys)
        y = drawn if y is None else jnp.where(y >= 0, y, drawn)
        z = self.vae.sample(variables, y, keys=z_keys, temperature=temperature)
        return jax.nn.one_hot(y, self.num_classes), z

    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the parts of log p(x, y, z) - log q(y, z | x), expected over an unknown y.

        Without `train` y is unknown everywhere. The groups of the divergence are those of z, and
        after them the label.
        """
        num_samples, batch_size = keys.shape
        unknown = jnp.full((batch_size,), -1)
        y = batch.y if train else unknown
        log_prob = self.classify(variables, batch)
        known = jax.nn.one_hot(y, self.num_classes)  # 0 everywhere at -1
        weights = jnp.where((y >= 0)[:, None], known, jnp.exp(log_prob)).T

        adversaries = tuple(loss for loss in self.vae.losses if loss.part)

        def of_class(label: Array) -> Terms:
            labelled = batch._replace(y=jnp.full((batch_size,), label))
            terms = self.vae.terms(variables, labelled, keys=keys, train=train)
            # An adversary's, which are the same for all classes.
            names = [loss.part for loss in adversaries if loss.part]
            statistics = {name: terms.statistics[name] for name in names}
            return terms._replace(q=None, p=None, statistics=statistics)

        each = in_pieces(jax.vmap(of_class), jnp.arange(self.num_classes), limit=HELD)

        def expected(values: Array, weights: Array = weights) -> Array:
            """Returns E_q(y | x)[values] for values [C, ..., B]."""
            return jnp.einsum("c...b,cb->...b", values, weights)

        # Adversarial losses do not train the classifier.
        fixed = dict.fromkeys(losses.names(adversaries), jax.lax.stop_gradient(weights))

        log_py = -math.log(self.num_classes)
        log_qy = jnp.where(y >= 0, 0.0, (weights * log_prob.T).sum(0))
        kl = None
        if each.kl is not None:
            kl = jnp.concatenate([expected(each.kl), (log_qy - log_py)[None]])
        expected_z = jnp.einsum("ckbd,cb->kbd", each.z, weights)
        classification = -(known * log_prob).sum(-1)
        codes = jnp.broadcast_to(weights.T, (num_samples, batch_size, self.num_classes))
        return Terms(
            log_px=expected(each.log_px),
            log_pz=expected(each.log_pz) + log_py,
            log_qz=expected(each.log_qz) + log_qy,
            kl=kl,
            z=(codes, jnp.moveaxis(each.z, 0, 2)),
            mean=jnp.einsum("cbd,cb->bd", each.mean, weights),
            q=None,
            p=None,
            losses={
                name: expected(loss, fixed.get(name, weights)) for name, loss in each.losses.items()
            }
            | {"classification": self.classification_weight * classification},
            statistics=variables["statistics"]
            | {
                "posterior": origin.update(
                    variables["statistics"]["posterior"], expected_z, weights.T
                )
            }
            | jax.tree.map(lambda leaf: leaf[0], each.statistics),
        )

    def measure(self, variables: Variables, batch: Batch, *, keys: Array) -> dict[str, Array]:
        """Returns the true labels and the classifier's, [B]."""
        return {"label": batch.y, "classified": self.classify(variables, batch).argmax(-1)}

    def figures(self, measured: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Returns the share of labelled examples classified right, and its standard error."""
        right = (measured["label"] == measured["classified"])[measured["label"] >= 0]
        if not len(right):
            return {}
        accuracy = float(right.mean())
        error = math.sqrt(accuracy * (1 - accuracy) / len(right))
        return {"accuracy": accuracy, "accuracy_stderr": error}
