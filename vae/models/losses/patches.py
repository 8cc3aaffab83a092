"""A discriminator of patches beside a first stage: is each window of an example real?

(PatchGAN: Isola et al., "Image-to-image translation with conditional adversarial networks", 2017;
in first stages Esser et al., "Taming transformers for high-resolution image synthesis", 2021.) The
fakes are reconstructions alone, and what makes them pass trains the whole autoencoder.
"""

from __future__ import annotations

import dataclasses

import ml_collections

from vae.models import parts
from vae.models.condition import Condition, code_of
from vae.models.losses.discriminator import Discriminator
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.realism import Realism
from vae.networks.discriminators import PatchDiscriminator
from vae.probability.event import Event


@dataclasses.dataclass(frozen=True)
class Patches(Realism):
    """Tells windows of examples from windows of their reconstructions."""

    @classmethod
    def build(
        cls,
        config: ml_collections.ConfigDict,
        event: Event,
        condition: Condition | None,
        adversarial_balance: bool,
    ) -> Patches:
        discriminator = Discriminator.build(config, PatchDiscriminator)
        if not adversarial_balance:
            return cls(discriminator, event, condition, similarity=False)
        plain = dataclasses.replace(discriminator, weight=1.0)
        return cls(plain, event, condition, similarity=False, balance=discriminator.weight)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        ready, code = self.discriminator.ready(variables), code_of(self.condition, drawn.batch.y)
        fakes = [drawn.mean_of(drawn.judged)]
        losses = self.discriminator.contest(ready, drawn.batch.x, fakes, code)
        return Charge(losses, ready["statistics"])
