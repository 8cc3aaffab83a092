"""pythae's side of `parity.py`: what its models say of a batch, with noise that numpy draws.

Encoder and decoder are given to pythae as its interface asks, one hidden layer each, so that they
are the networks of the other side: its own decoders end in a sigmoid whatever the loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from pythae import models
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder, BaseMetric
from pythae.models.pvae import pvae_utils
from torch import nn

WIDTH = 64
LATENT_DIM = 8
SPREAD = 8.0  # of the encoder's outputs over torch's start: a divergence of tens of nats


class Encoder(BaseEncoder):
    """x to the `embedding` and, if it has a name and a size, one more output.

    With a `curvature` the embedding is in the Poincare ball: pythae leaves that to the encoder.
    """

    def __init__(self, pixels: int, second: str = "", size: int = 0, curvature: float = 0) -> None:
        super().__init__()
        self.second, self.size, self.curvature = second, size, curvature
        self.body = nn.Linear(pixels, WIDTH)
        self.head = nn.Linear(WIDTH, LATENT_DIM + size)
        with torch.no_grad():
            self.head.weight *= SPREAD

    def forward(self, x: torch.Tensor) -> ModelOutput:
        outputs = self.head(F.relu(self.body(x.flatten(1))))
        embedding, rest = outputs.split((LATENT_DIM, self.size), dim=1)
        if self.curvature:
            far = self.curvature**0.5 * embedding.norm(dim=1, keepdim=True)
            embedding = torch.tanh(far / 2) / far * embedding
        return ModelOutput(embedding=embedding, **({self.second: rest} if self.size else {}))


class Decoder(BaseDecoder):
    """z to the image's mean: the sigmoid of the outputs for the cross-entropy, else themselves."""

    def __init__(self, shape: tuple[int, ...], sigmoid: bool) -> None:
        super().__init__()
        self.shape, self.sigmoid = shape, sigmoid
        self.body = nn.Linear(LATENT_DIM, WIDTH)
        self.head = nn.Linear(WIDTH, int(np.prod(shape)))

    def forward(self, z: torch.Tensor) -> ModelOutput:
        outputs = self.head(F.relu(self.body(z)))
        mean = torch.sigmoid(outputs) if self.sigmoid else outputs
        return ModelOutput(reconstruction=mean.reshape(len(z), *self.shape))


class Metric(BaseMetric):
    """x to the matrices L of a Riemannian VAE, from the hidden layer of its encoder."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.body = encoder.body
        self.head = nn.Linear(WIDTH, LATENT_DIM * (LATENT_DIM + 1) // 2)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        outputs = self.head(F.relu(self.body(x.flatten(1))))
        matrix = torch.diag_embed(outputs[:, :LATENT_DIM].exp())
        rows, columns = torch.tril_indices(LATENT_DIM, LATENT_DIM, offset=-1)
        matrix[:, rows, columns] = outputs[:, LATENT_DIM:]
        return ModelOutput(L=matrix)


def build(name: str, settings: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """A model of pythae by the name of its class, with the weights of torch's first seed."""
    torch.manual_seed(0)
    kind = getattr(models, name)
    config = getattr(models, name + ("_Config" if "_" in name else "Config"))(
        input_dim=shape, latent_dim=LATENT_DIM, **settings
    )
    second = ()
    if kind is models.SVAE or settings.get("posterior_distribution") == "riemannian_normal":
        second = ("log_concentration", 1)
    elif issubclass(kind, models.VAE):
        second = ("log_covariance", LATENT_DIM)
    sigmoid = settings.get("reconstruction_loss") == "bce" and kind is not models.HVAE
    encoder = Encoder(int(np.prod(shape)), *second, curvature=settings.get("curvature", 0))
    metric = (Metric(encoder),) if kind is models.RHVAE else ()
    return kind(config, encoder, Decoder(shape, sigmoid), *metric)


@torch.no_grad()
def move_into_common_range(model: Any) -> None:
    """Moves weights to where both sides can have them; see the notes of `parity.py`."""
    if isinstance(model, models.VAMP):  # pseudo-inputs inside (0, 1)
        model.pseudo_inputs[0].weight.uniform_(0.05, 0.95)
        model.pseudo_inputs[0].bias.zero_()
    if isinstance(model, models.VAE_LinNF):  # planar flows that are invertible
        for flow in model.net:
            if hasattr(flow, "w"):
                flow.u *= torch.sign(flow.u @ flow.w.T)


def evaluate(name: str, settings: dict[str, Any], x: np.ndarray, examples: int, to: Path) -> None:
    """Writes weights, draws, loss and gradient for a batch x [B, H, W] of so many `examples`.

    Where encoder and decoder have losses of their own, so is the gradient.
    """
    rng, draws = np.random.default_rng(0), []

    def draw(like: torch.Tensor, **_: Any) -> torch.Tensor:
        draws.append(rng.standard_normal(like.shape, np.float32))
        return torch.from_numpy(draws[-1])

    model = build(name, settings, (1, *x.shape[1:]))
    move_into_common_range(model)
    if isinstance(model, models.SVAE):  # it draws by rejection; any point of the sphere will do
        model._sample_von_mises = lambda loc, concentration: F.normalize(draw(loc), dim=-1)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    if isinstance(model, models.RHVAE):  # not a weight there
        weights["eps_lf"] = torch.tensor([model.eps_lf])

    def drawn(shape: tuple[int, ...], **_: Any) -> torch.Tensor:
        return draw(torch.empty(shape))

    def polar(q: pvae_utils.RiemannianNormal, *_: Any) -> torch.Tensor:  # by rejection, too
        v = draw(q.loc)
        return q.manifold.expmap_polar(q.loc, v, v.norm(dim=1, keepdim=True))[None]

    with (
        mock.patch.object(torch, "randn_like", draw),
        mock.patch.object(pvae_utils, "_standard_normal", drawn),
        mock.patch.object(pvae_utils.RiemannianNormal, "rsample", polar),
    ):
        batch = {"data": torch.from_numpy(x[:, None])}
        output = model(batch, epoch=1000, dataset_size=examples, uses_ddp=False)
    gradients = {}
    for key, value in model.named_parameters():
        if not value.requires_grad:
            continue
        part = "encoder_loss" if key.startswith("encoder") else "decoder_loss"
        loss = output.get(part, output.loss)
        (slope,) = torch.autograd.grad(loss, value, retain_graph=True, allow_unused=True)
        gradients[key] = torch.zeros_like(value) if slope is None else slope
        if name == "RAE_L2" and key.startswith("decoder"):  # the weight decay of its optimizer
            gradients[key] = gradients[key] + settings["reg_weight"] * value.detach()
    np.savez(
        to,
        loss=float(output.loss),
        **{f"draw/{i}": value for i, value in enumerate(draws)},
        **{f"weight/{key}": value.numpy() for key, value in weights.items()},
        **{f"gradient/{key}": value.numpy() for key, value in gradients.items()},
    )
