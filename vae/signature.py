"""Reads what a function takes from its source, so that help does not wait for imports.

A function's docstring has a first line, further text, and the sections `Examples:` (commands) and
`Args:`. Annotations are kept as they are written, without "| None".
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from vae.errors import InputError, did_you_mean

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = "(required)"  # stands for a default that is missing
OPTIONAL = " | None"


class Parameter(NamedTuple):
    """A parameter of a function.

    Attributes:
      kind: its annotation, such as "Sequence[str]"; "Literal" where there are `choices`.
      default: its default; REQUIRED where there is none.
      about: its text in the docstring.
      choices: the values that it may have, if it is a Literal.
    """

    kind: str
    default: Any
    about: str
    choices: tuple[str, ...] = ()


class Signature(NamedTuple):
    """The signature and docstring of a function.

    Attributes:
      first: the annotation of the first parameter, or its name; "" where there is no parameter.
      rest: the name of the parameter *words; "" where there is none.
      parameters: the other parameters by name.
      summary: the first line of the docstring.
      text: the text between the first line and the sections.
      examples: the commands in the section Examples.
    """

    first: str
    rest: str
    parameters: dict[str, Parameter]
    summary: str
    text: str
    examples: tuple[str, ...]


def file_of(module: str) -> Path:
    """Returns the file of a module of the package."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def read(file: Path, name: str) -> Signature:
    """Returns the signature and docstring of a function in a file.

    Raises:
      InputError: the file is no Python, or has no such function.
    """
    try:
        module = _Module(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file} cannot be read as Python: {error}.") from None
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        hint = did_you_mean(name, [each for each in functions if not each.startswith("_")])
        raise InputError(f"{file} has no function {name!r}{hint}")
    given = functions[name].args
    text, sections = _sections(ast.get_docstring(functions[name]) or "")
    about = _about(sections.get("Args", ""))
    summary, _, more = text.partition("\n")
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(positional, defaults, strict=True)][1:]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return Signature(
        (_written(positional[0].annotation) or positional[0].arg) if positional else "",
        given.vararg.arg if given.vararg else "",
        {arg.arg: module.parameter(arg, value, about.get(arg.arg, "")) for arg, value in pairs},
        summary,
        more.strip(),
        tuple(line.strip() for line in sections.get("Examples", "").splitlines() if line.strip()),
    )


class _Module:
    """The source of a module, and the values of its names."""

    def __init__(self, file: Path) -> None:
        self.file, self.body = file, ast.parse(file.read_text("utf-8")).body

    def parameter(self, arg: ast.arg, default: ast.expr | None, about: str) -> Parameter:
        value = REQUIRED if default is None else self._value(default)
        kind = _written(arg.annotation).removesuffix(OPTIONAL)
        if not kind:
            kind = type(value).__name__ if default is not None else "str"
        meant = arg.annotation
        while isinstance(meant, ast.BinOp):  # Literal[...] | None
            meant = meant.left
        meant = self._meant(meant) if isinstance(meant, ast.Name) else meant
        if isinstance(meant, ast.Subscript) and _written(meant.value) == "Literal":
            return Parameter("Literal", value, about, tuple(ast.literal_eval(meant.slice)))
        return Parameter(kind, value, about)

    def _value(self, node: ast.expr) -> Any:
        """Returns the value of a default; its text where it is no constant."""
        meant = self._meant(node) if isinstance(node, ast.Name) else node
        try:
            return ast.literal_eval(meant or node)
        except (ValueError, TypeError):
            return ast.unparse(node)

    def _meant(self, name: ast.Name) -> ast.expr | None:
        """Returns what a name is assigned, here or in the module that it is imported from."""
        for node in self.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                if name.id in (alias.name for alias in node.names):
                    own = node.module.split(".")[0] != __package__
                    file = self.file.with_name(f"{node.module}.py") if own else file_of(node.module)
                    return _Module(file)._meant(name) if file.is_file() else None
            elif isinstance(node, ast.Assign):
                targets, value = node.targets[0], node.value
                pairs = [(targets, value)]
                if isinstance(targets, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs = [*zip(targets.elts, value.elts, strict=True)]
                for target, found in pairs:
                    if isinstance(target, ast.Name) and target.id == name.id:
                        return found
        return None


def _written(node: ast.expr | None) -> str:
    return ast.unparse(node) if node else ""


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    """Returns the text of a docstring before its sections, and the sections by name."""
    text, *rest = re.split(r"^(Args|Examples|Returns|Raises):\n", docstring, flags=re.MULTILINE)
    return text.strip(), dict(zip(rest[::2], map(textwrap.dedent, rest[1::2]), strict=True))


def _about(args: str) -> dict[str, str]:
    found = re.findall(r"^(\w+): *(.*(?:\n[ \t]+.*)*)", args, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
