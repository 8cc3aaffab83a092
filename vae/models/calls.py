"""What goes into the networks of a model and comes out of them, seen in a trace."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from vae.models.parts import shapes


class Call(NamedTuple):
    """A call of a network.

    Attributes:
      part: the part of the model whose parameters it has, or else its class.
      method: the method that was called; "" for the network itself.
      takes: the shapes of its inputs.
      gives: the shapes of its outputs.
    """

    part: str
    method: str
    takes: tuple[tuple[int, ...], ...]
    gives: tuple[tuple[int, ...], ...]


@contextlib.contextmanager
def noted(params: Any) -> Iterator[list[Call]]:
    """Notes the calls of networks in this context, each once; those within others are not noted.

    Args:
      params: the parameters of the model by part, as the networks are given them.
    """
    of_leaf = {id(leaf): part for part, own in params.items() for leaf in jax.tree.leaves(own)}
    calls: list[Call] = []
    within = 0

    def note(call: Any, arguments: Any, named: Any, context: Any) -> Any:
        nonlocal within
        within += 1
        try:
            made = call(*arguments, **named)
        finally:
            within -= 1
        # What is asked of a module that has no variables yet, such as its grid, is no call.
        if not within and context.module.scope and context.method_name != "setup":
            own = context.module.variables.get("params", {})
            leaf = next(iter(jax.tree.leaves(own)), None)
            # A gradient that is stopped makes other leaves of the same shapes.
            alike = (part for part, other in params.items() if shapes(other) == shapes(own))
            name = of_leaf.get(id(leaf)) or next(alike, type(context.module).__name__)
            method = context.method_name.removeprefix("__call__")
            noted = Call(name, method, _shapes((arguments, named)), _shapes(made))
            calls.extend([] if noted in calls else [noted])
        return made

    with nn.intercept_methods(note):
        yield calls


def _shapes(tree: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(x.shape for x in jax.tree.leaves(tree) if hasattr(x, "shape"))
