"""A flow over the latents of `celeba_first_stage.py`: new faces, and faces on request.

    python launch.py train --config=experiments/celeba_latent_flow.py --config.data.path=DIR
    python launch.py sample --workdir=runs/celeba_latent_flow

It goes on from runs/celeba_sharp, or another run of a first stage, given as
`--config.training.pretrained=RUN`. `named` learns p(z | attributes), the 40 of CelebA:

    python launch.py train --config=experiments/celeba_latent_flow.py:named --config.data.path=DIR
    python launch.py sample --workdir=runs/celeba_latent_flow_named \\
        --attributes=Eyeglasses=1,Smiling=1 --guidance=3

`large` and `large-named` are second stages of `celeba_first_stage.py:large-patches`.
"""

import ml_collections

from vae.experiments import celeba_first_stage

PUBLISHED = {v: ("test/elbo", None, "") for v in ("", "named", "large", "large-named")}


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    wide, trained = celeba_first_stage.of_size(variant)
    return celeba_first_stage.get_config(f"{'large-' if wide else ''}{trained or 'flow'}")
