"""pythae's MLP VAE, 784-512-16, and its training by pythae's own trainer."""

from __future__ import annotations

import argparse
import time
from typing import Any

import measure

BATCH_SIZE = 100
LATENT_DIM = 16


def pythae_model() -> Any:
    from pythae.models import VAE, VAEConfig

    return VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_DIM, reconstruction_loss="bce"))


def train_pythae(args: argparse.Namespace) -> tuple[Any, list[float], float]:
    """Returns a model of pythae, the times at which its epochs ended, and the last loss."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Clock(TrainingCallback):
        ends: list[float] = []  # noqa: RUF012
        loss = 0.0

        def on_epoch_end(self, training_config: Any, **_: Any) -> None:
            self.ends.append(time.perf_counter())

        def on_log(self, training_config: Any, logs: dict[str, float], **_: Any) -> None:
            self.loss = logs["train_epoch_loss"]

    images = torch.from_numpy(measure.train_images(args)[:, None])
    clock = Clock()
    trainer = BaseTrainer(
        pythae_model(),
        BaseDataset(images, torch.zeros(len(images))),
        training_config=BaseTrainerConfig(
            output_dir=str(args.scratch / "pythae"),
            num_epochs=args.epochs,
            learning_rate=1e-3,
            per_device_train_batch_size=BATCH_SIZE,
            no_cuda=True,
        ),
        callbacks=[clock],
    )
    trainer.train()
    return trainer.model, clock.ends, clock.loss
