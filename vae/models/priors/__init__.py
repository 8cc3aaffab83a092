"""Priors p(z): a family is a file here and a row in `vae/config/axes/latents.py`."""

from vae.models.priors.prior import Prior

__all__ = ["Prior"]
