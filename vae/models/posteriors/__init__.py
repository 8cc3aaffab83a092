"""Posteriors q(z | x): a family is a file here and a row in `vae/config/axes/latents.py`."""

from vae.models.posteriors.posterior import Posterior

__all__ = ["Posterior"]
