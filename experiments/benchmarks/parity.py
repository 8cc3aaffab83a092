"""The losses of pythae's models and ours: the same weights, images and noise.

pythae builds each of its models, takes noise from numpy and leaves weights, loss and gradient in a
file (`parity_pythae.py`). Here the same model is built from a config, with these weights and this
noise (`parity_here.py`). The gradient is that of our loss with respect to pythae's weights; its
difference is that of the array of weights where it is largest, relative to its norm.

Where the losses differ by intent, ours stands beside ours by pythae's convention, which is what is
compared, and a note says what the convention is and who is right. Images are the middles of
MNIST's, small enough for the divergence to be a good part of the loss.

    python -m venv peers && peers/bin/pip install torch==2.13.0 pythae numpyro flax optax
    python experiments/benchmarks/parity.py --peer_python=peers/bin/python --data=DIR
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

import measure
import numpy as np

BATCH_SIZE = 16
EXAMPLES = 60_000  # of the training set, which estimates of q(z) ask for
LARGEST = 1e-5  # relative difference of two losses

NOTES = {
    "constants": "pythae leaves out the constants of log N(x; mean, scale^2), and of log p(z) "
    "where z is a point. Its squared error is halved (scale 1) in the VAEs, whole (scale "
    "sqrt(1/2)) in the autoencoders.",
    "weighted": "pythae's q(z) is 1/(N n) sum_j q(z | x_j) of n examples of N (Chen et al. 2018, "
    "eq. 3): the mean over the batch, divided by N, and so is each q(z_d). The constants that "
    "follow have no gradient. Here there is the stratified estimate only.",
    "stratified": "Ours is right. The weight 1/N belongs to the example that z was drawn from "
    "(Chen et al. 2018, appendix C.2), on the diagonal of a matrix; pythae, as the authors' code, "
    "has it in the first column.",
    "bound": "pythae's value is -sum_k v_k log w_k, v = w / sum_l w_l a constant. Its gradient is "
    "that of the bound (Burda et al. 2016, section 3), its value is not: the loss (their eq. 8) is "
    "larger by log K - H(v).",
    "groups": "Ours is right. pythae normalises its weights over `number_gradient_estimates` and "
    "averages over `number_samples`; in Rainforth et al. 2018 it is the other way round. So our "
    "`groups` is its `number_samples`.",
    "piwae": "The sum of the two losses, and each part's gradient of its own (Rainforth et al. "
    "2018). pythae's trainer gives the encoder the gradient of both: the decoder's pass back adds "
    "to what the encoder's has left.",
    "kernel": "pythae's rbf has one width, ours the seven of the imq. Neither is wrong.",
    "info": "pythae's defaults, alpha = 0 and lambda = 0.001, weight the MMD with -0.999: a "
    "mismatch is rewarded. Here that is refused.",
    "vamp": "For pseudo-inputs inside (0, 1), where pythae's clipping and our sigmoid can agree. "
    "At pythae's start half of all pixels are below 0, where the clipping has no gradient.",
    "iaf": "pythae's step is exp(s) z + m, and the same network for all x; ours is the gated one, "
    "with a context from the encoder (Kingma et al. 2016, eq. 10 and 13-14). Both are right.",
    "planar": "Ours is right. Where w.u < -1 the map is not invertible (Rezende & Mohamed 2015, "
    "appendix A.1) and the loss no bound; nothing keeps pythae from there, and with D = 8 a third "
    "of its flows start there. Compared where w.u > 0. It also adds 1e-4 to the determinant, and "
    "its flows are the same for all x.",
    "direction": "For a given z, which pythae draws by rejection, without the gradient of what is "
    "accepted (Davidson et al. 2018, section 3.3), and ours by the inverse distribution function.",
    "radial": "The same map, written otherwise; pythae's flows are the same for all x.",
    "ball": "pythae leaves it to the encoder to give a point of the ball; here the exponential map "
    "makes it of the encoder's outputs.",
    "distance": "For a given distance, which pythae draws by rejection and ours by the inverse "
    "distribution function. Its normaliser is an alternating sum in float64, ours a quadrature.",
    "hamiltonian": "Ours is right (Caterini et al. 2018, algorithm 1). pythae moves z by the "
    "momentum before its half step, which does not keep volumes, and the momentum that it cools is "
    "overwritten; it draws z_0 with the standard deviation softplus(v) and takes its density with "
    "exp(v / 2); and log p(x | z)'s gradient is a constant to it. It leaves out the squared noise.",
    "riemannian": "Ours is right (Chadebec et al. 2020, section 3). pythae's first momentum has "
    "the covariance L L' of the example's own L, not G(z_0), and its density is left out; the step "
    "of z takes the metric from before it alone, which does not keep volumes; the slope of a first "
    "half step is also along the momentum that the last one made at the same z, and all slopes but "
    "those of last half steps are constants. In training its metric is made of the batch, ours of "
    "the last examples, which at the first step are the same.",
    "decay": "pythae's penalty is its optimizer's weight decay: not in the loss, but in the "
    "gradient, as ours with half the weight. Its trainer gives the encoder twice the loss's "
    "gradient, for the reason in the note on PIWAE.",
    "penalty": "Ours is right. The gradient meant is the decoder's with respect to z (Ghosh et al. "
    "2020, section 3.1); pythae takes that of the sum of all pixels with respect to x.",
    "commitment": "pythae takes the mean over the batch and an image's 8 numbers; ours is their "
    "sum, as in van den Oord et al. 2017, eq. 3. The prior of the codes and the moving averages "
    "are not compared.",
}
ABSENT = "Adversarial_AE, FactorVAE, MSSSIM_VAE, VAEGAN; VQVAE with a codebook learned by gradient"


class Member(NamedTuple):
    """A model of pythae's, and the same here.

    Attributes:
      name: of its class; settings: what is set in its config.
      here: what is set in ours, first what tells most.
      excess, patch: names in `parity_conventions` of what takes our loss to pythae's.
      notes: keys of `NOTES`.
    """

    name: str
    settings: dict[str, Any]
    here: dict[str, Any]
    excess: str = "nothing"
    patch: str = "unchanged"
    notes: tuple[str, ...] = ()


BCE = {"reconstruction_loss": "bce"}
UNIT = {"model.likelihood": "gaussian", "model.scale": "fixed", "model.scale_init": 1.0}
SQUARES = UNIT | {"model.scale_init": 0.5**0.5}
CURVED = {"model.curvature": 0.2}
POINT = {"model.posterior": "point"} | SQUARES


def objective(name: str, **settings: Any) -> dict[str, Any]:
    return {"objective.name": name} | {f"objective.{key}": v for key, v in settings.items()}


MEMBERS = (
    Member("VAE", BCE, {"model.likelihood": "bernoulli"}),
    Member(
        "VAE",
        {"reconstruction_loss": "mse"},
        UNIT,
        "normal_constant",
        notes=("constants",),
    ),
    Member("BetaVAE", BCE | {"beta": 4.0}, {"objective.beta": 4.0}),
    Member(
        "DisentangledBetaVAE",
        BCE | {"beta": 10.0, "C": 25.0},
        objective("capacity", beta=10.0, capacity=25.0),
    ),
    *(
        Member(
            "BetaTCVAE",
            BCE | {"alpha": 1.5, "beta": 6.0, "gamma": 0.5, "use_mss": use_mss},
            objective("beta_tc", beta=6.0, mi_weight=1.5, dimwise_weight=0.5),
            patch=patch,
            notes=(note,),
        )
        for use_mss, patch, note in (
            (False, "minibatch_weighted", "weighted"),
            (True, "first_as_own", "stratified"),
        )
    ),
    Member(
        "IWAE",
        BCE | {"number_samples": 6},
        objective("iwae", num_samples=6),
        "of_iwae",
        notes=("bound",),
    ),
    Member(
        "MIWAE",
        BCE | {"number_gradient_estimates": 2, "number_samples": 3},
        objective("miwae", num_samples=6, groups=3),
        "of_miwae",
        notes=("bound", "groups"),
    ),
    Member(
        "PIWAE",
        BCE | {"number_gradient_estimates": 2, "number_samples": 3},
        objective("piwae", num_samples=6, groups=3),
        "of_piwae",
        notes=("bound", "groups", "piwae"),
    ),
    Member(
        "CIWAE",
        BCE | {"number_samples": 6, "beta": 0.3},
        objective("ciwae", num_samples=6, ciwae_weight=0.3),
        "of_ciwae",
        notes=("bound",),
    ),
    Member(
        "WAE_MMD",
        {"reg_weight": 100.0, "kernel_choice": "imq"},
        objective("wae", kernel="imq", mmd_weight=100.0) | POINT,
        "normal_constant",
        notes=("constants",),
    ),
    Member(
        "WAE_MMD",
        {"reg_weight": 100.0, "kernel_choice": "rbf"},
        objective("wae", kernel="rbf", mmd_weight=100.0) | POINT,
        "normal_constant",
        "one_kernel",
        notes=("constants", "kernel"),
    ),
    Member(
        "INFOVAE_MMD",
        BCE | {"alpha": 0.25, "lbd": 100.0, "kernel_choice": "imq"},
        objective("info_vae", kernel="imq", alpha=0.25, mmd_weight=100.0),
        notes=("info",),
    ),
    Member(
        "INFOVAE_MMD",
        BCE | {"alpha": 0.25, "lbd": 100.0, "kernel_choice": "rbf"},
        objective("info_vae", kernel="rbf", alpha=0.25, mmd_weight=100.0),
        patch="one_kernel",
        notes=("info", "kernel"),
    ),
    Member(
        "VAMP",
        BCE | {"number_components": 5},
        {"model.prior": "vamp", "model.prior_components": 5},
        notes=("vamp",),
    ),
    Member(
        "VAE_IAF",
        BCE | {"n_made_blocks": 2, "n_hidden_in_made": 2, "hidden_size": 21},
        {"model.posterior": "iaf", "model.posterior_flows": 2, "model.posterior_width": 24},
        patch="affine_steps",
        notes=("iaf",),
    ),
    Member(
        "VAE_LinNF",
        BCE | {"flows": ["Planar", "Planar"]},
        {"model.posterior": "planar", "model.posterior_flows": 2},
        patch="determinant_off_zero",
        notes=("planar",),
    ),
    Member(
        "VAE_LinNF",
        BCE | {"flows": ["Radial", "Radial"]},
        {"model.posterior": "radial", "model.posterior_flows": 2},
        notes=("radial",),
    ),
    Member(
        "SVAE",
        BCE,
        {"model.posterior": "vmf", "model.prior": "uniform_sphere"},
        notes=("direction",),
    ),
    Member(
        "PoincareVAE",
        BCE | {"curvature": 0.2, "posterior_distribution": "wrapped_normal"},
        {"model.posterior": "wrapped_normal", "model.prior": "wrapped_normal"} | CURVED,
        notes=("ball",),
    ),
    Member(
        "PoincareVAE",
        BCE
        | {"curvature": 0.2, "prior_distribution": "riemannian_normal"}
        | {"posterior_distribution": "riemannian_normal"},
        {"model.posterior": "riemannian_normal", "model.prior": "riemannian_normal"} | CURVED,
        notes=("ball", "distance"),
    ),
    Member(
        "HVAE",
        BCE
        | {"learn_eps_lf": True, "learn_beta_zero": True, "beta_zero": 0.3}
        | {"eps_lf": 0.05, "n_lf": 3},
        {"model.posterior": "hamiltonian", "model.posterior_flows": 3},
        "squared_noise",
        "steps_apart",
        notes=("hamiltonian",),
    ),
    Member(
        "RHVAE",
        BCE | {"beta_zero": 0.3, "eps_lf": 0.01, "n_lf": 3},
        {"model.posterior": "riemannian_hamiltonian", "model.posterior_flows": 3},
        "squared_momentum",
        "metric_apart",
        notes=("riemannian",),
    ),
    Member("AE", {}, {"objective.beta": 0.0} | POINT, "point_constants", notes=("constants",)),
    Member(
        "RAE_L2",
        {"embedding_weight": 0.5, "reg_weight": 0.2},
        {"objective.beta": 0.5, "model.regularizer": "l2", "model.regularizer_weight": 0.1} | POINT,
        "weight_decay",
        notes=("constants", "decay"),
    ),
    Member(
        "RAE_GP",
        {"embedding_weight": 0.5, "reg_weight": 0.2},
        {"objective.beta": 0.5, "model.regularizer": "gradient_penalty"}
        | {"model.regularizer_weight": 0.2}
        | POINT,
        "other_penalty",
        notes=("constants", "penalty"),
    ),
    Member(
        "VQVAE",
        {"num_embeddings": 16, "commitment_loss_factor": 0.8, "use_ema": True},
        {"model.name": "vq", "model.commitment": 0.1, "objective.beta": 0.0}
        | {"model.latent_dim": 1, "model.num_latents": 8, "model.codebook_size": 16}
        | SQUARES,
        "normal_constant",
        notes=("constants", "commitment"),
    ),
)


def with_pythae(args: argparse.Namespace) -> int:
    import parity_pythae

    for i, member in enumerate(MEMBERS):
        file = args.scratch / f"{i}.npz"
        parity_pythae.evaluate(member.name, member.settings, images(args), EXAMPLES, file)
    return len(MEMBERS)


def with_ours(args: argparse.Namespace) -> list[dict[str, float]]:
    import parity_here

    return [
        parity_here.compare(member, images(args), EXAMPLES, args.scratch / f"{i}.npz")
        for i, member in enumerate(MEMBERS)
    ]


def images(args: argparse.Namespace) -> np.ndarray:
    """The middles of the first test images, [B, 14, 14]."""
    whole = np.load(measure.arrays(args))["test_images"]
    return whole[:BATCH_SIZE, 7:21, 7:21].astype(np.float32)


def main(args: argparse.Namespace) -> None:
    measure.work(args, "pythae", args.peer_python)
    results = measure.work(args, "ours", sys.executable)
    numbers = {note: str(number) for number, note in enumerate(NOTES, 1)}
    rows, worst = [], 0.0
    for member, result in zip(MEMBERS, results, strict=True):
        difference = abs(result["convention"] / result["there"] - 1)
        worst = max(worst, difference)
        settings = [f"{key}={value}" for key, value in member.settings.items()]
        config = [f"{key.split('.')[1]}={value}" for key, value in member.here.items()]
        rows.append(
            (
                ", ".join([member.name, *settings[-1:]]),
                ", ".join(config[:3]),
                *(f"{result[name]:.3f}" for name in ("there", "here", "convention")),
                *(f"{value:.0g}" for value in (difference, result["gradient"])),
                ", ".join(numbers[note] for note in member.notes),
            )
        )
    header = ("pythae", "our config", "there", "here", "by its convention", "difference")
    measure.print_table((*header, "gradient", "notes"), rows)
    print("\n" + "\n".join(f"{numbers[note]}. {text}" for note, text in NOTES.items()))
    print(f"\nNot here, or not compared: {ABSENT}.")
    if worst > LARGEST:
        sys.exit(f"The largest difference of two losses, {worst:.0e}, is above {LARGEST:.0e}.")


if __name__ == "__main__":
    parser = measure.parser(__doc__)
    parser.add_argument("--peer_python", required=True, help="the interpreter with pythae")
    measure.run(parser.parse_args(), {"pythae": with_pythae, "ours": with_ours}, main)
