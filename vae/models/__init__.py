"""Models: what ties networks to the mathematics. `build` makes one from a config.

Every model is a frozen record that answers the same five methods; evaluation, sampling and every
task know no other. z is whatever the model's latents are: a vector, or a tuple of arrays. `axis`
names the mapped axis over which a training batch is spread, or is None.

    init(*, key)                                      the initial variables
    terms(variables, batch, *, keys, train, axis)     `Terms` of keys [K, B]
    encode(variables, batch)                          q, whose `mean` is a z with leaves [B, ...]
    sample(variables, y, *, keys, temperature)        z ~ p(z), leaves [B, ...], of keys [B]
    decode(variables, z, y, *, keys)                  mean of p(x | z), or draws, [B, *places, C]

A model may have more to measure in an evaluation than its terms:

    measure(variables, batch, *, keys)                a dict of arrays [B, ...], of keys [B]
    figures(measured)                                 figures by name, of these arrays of a split

A model whose z are real numbers with a density says what that is at any of them:

    joint(variables, z, y)                            log p(z) [B], and what the likelihood is given
                                                      of p(x | z), its outputs [B, *places, P]

`inference` names the parts that q is made of; `likelihood` and `event` are what they say;
`condition` says what y is, None for a model that takes none; with `takes_unlabelled` a label may be
-1, unknown. `loss_names` are those of the further losses of the terms in training. A model that is
`certain` has a q with all its mass at one z, so that one sample tells all. One that is `causal` has
a decoder that reads x, and no mean of p(x | z): what it decodes without keys is, of each value, the
one nearest to its mean given those before it. `sample_bytes` are about what `terms` holds of one
sample of one example beside the decoder's outputs, where that is much more, else 0. A model without
`encode`, as a GAN, has no p(x), and its terms have nothing but losses.
"""

from __future__ import annotations

from typing import Any

import ml_collections

from vae.models import gan, ladder, quantized, semi_supervised, two_layer, vae
from vae.models.data import Data

MODELS = {
    "vae": vae.build,
    "two_layer": two_layer.build,
    "ladder": ladder.build,
    "vq": quantized.build,
    "fsq": quantized.build,
    "semi_supervised": semi_supervised.build,
    "gan": gan.build,
}


def build(config: ml_collections.ConfigDict, data: Data) -> Any:
    """Builds the model of a config's `model` section.

    Raises:
      InputError: its parts, or a part and the data, do not go together.
    """
    return MODELS[config.name](config, data)
