"""A flow over the latents of `celeba_first_stage.py`: new faces, and faces on request.

    python launch.py train --config=experiments/celeba_latent_flow.py --config.data.path=DIR
    python launch.py sample --workdir=runs/celeba_latent_flow

It goes on from runs/celeba_sharp, or another run of a first stage, given as
`--config.training.pretrained=RUN`. `named` learns p(z | attributes), the 40 of CelebA:

    python launch.py train --config=experiments/celeba_latent_flow.py:named --config.data.path=DIR
    python launch.py sample --workdir=runs/celeba_latent_flow_named \\
        --attributes=Eyeglasses=1,Smiling=1 --guidance=3

`large` and `large-named` are second stages of `celeba_first_stage.py:large-patches`.

2026-11-27, one core of an AMD EPYC beside other work, 10,000 faces at half size, 40 minutes behind
the 35 of the first stages. `launch.py fidelity --features=lite0 --num=960`, against 960 test faces:

| samples of                                           | Frechet distance | precision | recall |
|------------------------------------------------------|------------------|-----------|--------|
| this flow                                            | 800              | .65       | .18    |
| `celeba_vae.py`, 1,500 steps, its learned prior      | 2,045            | .37       | .00    |
| the same, `--prior=mixture`                          | 1,939            | .37       | .00    |
| the same, `--prior=vae`, a second stage              | 1,904            | .40       | .01    |
| `celeba_gan.py`, 1,500 steps of its 20,000           | 2,241            | .09       | .00    |
| other real faces                                     | 314              | .71       | .74    |

Most samples are sharp faces, and some are none; the loss of the flow, 1.02, was still falling, and
of the real faces it had learned the more usual ones.
"""

import ml_collections

from vae.experiments import celeba_first_stage

PUBLISHED = {v: ("test/elbo", None, "") for v in ("", "named", "large", "large-named")}


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    wide, trained = celeba_first_stage.of_size(variant)
    return celeba_first_stage.get_config(f"{'large-' if wide else ''}{trained or 'flow'}")
