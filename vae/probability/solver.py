"""How samples are found where p(z) is the end of a path from noise to latents."""

from __future__ import annotations

import dataclasses

from vae.errors import InputError, whole_number

METHODS = ("euler", "heun")
STEPS = 32

AT_ONCE = (
    "samples of this model's prior are drawn at once, so steps, solver and guidance have no "
    "effect; model.prior='flow_matching' or 'diffusion' has them."
)


@dataclasses.dataclass(frozen=True)
class Solver:
    """How the path is followed.

    Attributes:
      method: "euler", one evaluation of the network a step, or "heun", two (second order).
      steps: the number of steps.
      guidance: w, the weight of the condition (Ho & Salimans, "Classifier-free diffusion guidance",
        2022): the path follows u + w (c - u), u without and c with the condition. 0 samples from
        p(z), 1 from p(z | y); above 1, samples show y more clearly, and are more alike.

    Raises:
      InputError: a number is out of its range.
    """

    method: str = "heun"
    steps: int = STEPS
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"the solver {self.method!r} is none of {', '.join(METHODS)}.")
        whole_number(self.steps, "steps", 1)
        if not 0 <= self.guidance < float("inf"):
            raise InputError(f"guidance={self.guidance} must be from 0.")

    @property
    def named(self) -> str:
        """Returns what is said of it in titles, "32 steps of heun, guidance 2"."""
        guidance = f", guidance {self.guidance:g}" if self.guidance != 1 else ""
        return f"{self.steps} steps of {self.method}{guidance}"
