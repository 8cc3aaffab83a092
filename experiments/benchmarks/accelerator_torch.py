"""The networks of `accelerator_parts.py` in PyTorch, with the loss and the optimizer of ours."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def measure(
    name: str, case: Any, batch: int, dtype: str, compiled: bool, seconds: float
) -> dict[str, Any]:
    """Milliseconds and examples/s of a training step, memory, and the seconds of the first one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as XLA
    torch.manual_seed(0)
    height, width, channels = case.shape
    images = torch.randint(0, 2, (4096, channels, height, width), device=device).float()
    loss_of = NETWORKS[name](case).to(device)
    if name != "MLP":
        images = images.contiguous(memory_format=torch.channels_last)
        loss_of = loss_of.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(loss_of.parameters(), 1e-3, fused=True)
    forward: Callable = torch.compile(loss_of, mode="reduce-overhead") if compiled else loss_of

    def step(i: int) -> torch.Tensor:
        x = images[torch.arange(i * batch, (i + 1) * batch, device=device) % len(images)]
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = forward(x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    started = time.perf_counter()
    step(0).item()
    first = time.perf_counter() - started
    for i in range(3):
        step(i).item()
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds or steps < 3:
        for _ in range(5):
            steps += 1
            loss = step(steps)
        loss.item()
    each = (time.perf_counter() - started) / steps
    memory = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    return {
        "batch": batch,
        "form": "torch.compile" if compiled else "eager",
        "ms": 1e3 * each,
        "examples_per_second": batch / each,
        "mib": memory,
        "compile_s": first,
    }


def negative_elbo(logits: torch.Tensor, x: torch.Tensor, kl: torch.Tensor) -> torch.Tensor:
    """-ELBO, the mean over the images."""
    distortion = F.binary_cross_entropy_with_logits(logits.float(), x, reduction="sum")
    return (distortion + kl) / len(x)


def draw(mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    return mean + log_std.exp() * torch.randn_like(mean)


class Plain(nn.Module):
    """A VAE of an encoder and a decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, log_std = self.encoder(x).float().chunk(2, 1)
        kl = (0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std).sum()
        return negative_elbo(self.decoder(draw(mean, log_std)), x, kl)


def mlp(case: Any) -> nn.Module:
    (width,), latent = case.model["encoder_widths"], case.model["latent_dim"]
    height, columns, channels = case.shape
    numbers = height * columns * channels
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(numbers, width), nn.ReLU(), nn.Linear(width, 2 * latent)
    )
    decoder = nn.Sequential(
        nn.Linear(latent, width),
        nn.ReLU(),
        nn.Linear(width, numbers),
        nn.Unflatten(1, (channels, height, columns)),
    )
    return Plain(encoder, decoder)


def conv(case: Any) -> nn.Module:
    widths, latent = case.model["encoder_widths"], case.model["latent_dim"]
    size, _, channels = case.shape
    grid = size // 2 ** len(widths)
    layers: list[nn.Module] = []
    for a, b in zip((channels, *widths), widths, strict=False):
        layers += [nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()]
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * grid**2, 2 * latent))
    layers = [nn.Linear(latent, widths[-1] * grid**2), nn.Unflatten(1, (-1, grid, grid))]
    for a, b in zip(widths[::-1], (*widths[-2::-1], channels), strict=True):
        layers += [nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return Plain(encoder, nn.Sequential(*layers))


def groups_of(channels: int) -> int:
    return max(n for n in range(1, 33) if channels % n == 0 and (n == 1 or channels // n >= 8))


class Block(nn.Module):
    """x + f(x), f twice norm, SiLU, 3x3 convolution; a context is a further input of f."""

    def __init__(self, width: int, context: int = 0) -> None:
        super().__init__()
        inputs = width + context
        self.f = nn.Sequential(
            nn.GroupNorm(groups_of(inputs), inputs),
            nn.SiLU(),
            nn.Conv2d(inputs, width, 3, padding=1),
            nn.GroupNorm(groups_of(width), width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        return x + self.f(x if context is None else torch.cat([x, context], 1))


class Group(nn.Module):
    """One latent group on the way down."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.prior = nn.Conv2d(width, 2 * channels, 1)
        self.posterior_block = Block(width, width)
        self.posterior = nn.Conv2d(width, 2 * channels, 1)
        self.latent = nn.Conv2d(channels, width, 1)
        self.block = Block(width)

    def forward(self, h: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = self.prior(h).float().chunk(2, 1)
        log_std = 5 * torch.tanh(log_std / 5)
        shift, log_ratio = self.posterior(self.posterior_block(h, context)).float().chunk(2, 1)
        log_ratio = 5 * torch.tanh(log_ratio / 5)
        scaled = (shift * (-log_std).exp()) ** 2
        kl = (0.5 * ((2 * log_ratio).exp() + scaled - 1) - log_ratio).sum()
        return self.block(h + self.latent(draw(mean + shift, log_std + log_ratio))), kl


class Ladder(nn.Module):
    """The two paths of `vae/networks/ladder.py`, one block for each group."""

    def __init__(self, case: Any) -> None:
        super().__init__()
        model = case.model
        self.groups, widths = model["groups"], model["encoder_widths"]
        down = model["decoder_widths"]
        inputs = (case.shape[2], *widths)
        self.strides = nn.ModuleList(
            nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(inputs, widths, strict=False)
        )
        self.ups = nn.ModuleList(
            nn.ModuleList(Block(width) for _ in range(n))
            for width, n in zip(widths, self.groups[::-1], strict=True)
        )
        smallest = -(-case.shape[0] // 2 ** len(widths))
        self.start = nn.Parameter(torch.zeros(1, down[0], smallest, smallest))
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(down)
        )
        self.downs = nn.ModuleList(
            nn.ModuleList(Group(width, model["latent_dim"]) for _ in range(n))
            for width, n in zip(down, self.groups, strict=True)
        )
        self.head = nn.Sequential(
            nn.GroupNorm(groups_of(down[-1]), down[-1]),
            nn.SiLU(),
            nn.ConvTranspose2d(down[-1], case.shape[2], 4, 2, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        contexts, h = [], x
        for stride, blocks in zip(self.strides, self.ups, strict=True):
            if h.shape[-1] % 2:
                h = F.pad(h, (0, 1, 0, 1))  # 7 to 4 places
            h = stride(h)
            for block in blocks:
                h = block(h)
                contexts.append(h)
        h, kl = self.start.expand(len(x), -1, -1, -1), 0.0
        for i, groups in enumerate(self.downs):
            if i:
                size = contexts[-1].shape[-1]
                h = self.grow[i - 1](h)[..., :size, :size]
            for group in groups:
                h, own = group(h, contexts.pop())
                kl = kl + own
        return negative_elbo(self.head(h)[..., : x.shape[2], : x.shape[3]], x, kl)


NETWORKS = {"MLP": mlp, "conv": conv, "ladder": Ladder}
