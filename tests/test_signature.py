"""Flags of a function, read from its source without importing it."""

import pytest

from vae import signature
from vae.command_line import explain, flags, parse
from vae.errors import InputError
from vae.signature import REQUIRED

SOURCE = '''
"""A task of one's own."""
from typing import Literal
from beside import Kind, MANY
import a_module_that_is_not_there

NUM, STEPS = 8, 9
WHICH = Literal["a", "b"]

def task(run: Run, size: int, *, num: Count = NUM, steps=STEPS, many: int = MANY,
         draw: bool = False, which: WHICH = "a", kind: Kind | None = None,
         box: list[int] | None = None,
         told: Sequence[Mapping[str, float]] = (), odd: dict = {}) -> Output:
    """Does a thing.

    And says how.

    Examples:
      vae own:task --size=1

    Args:
      size: how large, in two
        lines.
      which: one of them.
    """
'''


@pytest.fixture
def task(tmp_path):
    (tmp_path / "beside.py").write_text('Kind = Literal["x", "y"]\nMANY = 1_000')
    (tmp_path / "own.py").write_text(SOURCE)
    return signature.read(tmp_path / "own.py", "task")


def test_what_a_function_says_of_itself(task):
    assert (task.first, task.rest) == ("Run", "")
    assert (task.summary, task.text, task.examples) == (
        "Does a thing.",
        "And says how.",
        ("vae own:task --size=1",),
    )
    kinds = {name: (each.kind, each.default) for name, each in task.parameters.items()}
    assert kinds["size"] == ("int", REQUIRED) and kinds["num"] == ("Count", 8)
    assert kinds["steps"] == ("int", 9) and kinds["many"] == ("int", 1000)
    assert kinds["box"] == ("list[int]", None)
    assert task.parameters["size"].about == "how large, in two lines."
    assert task.parameters["which"].choices == ("a", "b")
    assert task.parameters["kind"].choices == ("x", "y")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--size=3", {}),
        ("--size 3 --num=2", {"num": 2}),
        ("--size=3 --draw", {"draw": True}),
        ("--draw --size=3", {"draw": True}),
        ("--size=3 --nodraw", {"draw": False}),
        ("--size=3 --no-draw", {"draw": False}),
        ("--size=3 --draw=False", {"draw": False}),
        ("--size=3 --num=2 --num=4", {"num": 4}),
        ("--size=3 --box=1,2", {"box": [1, 2]}),
        ("--size=3 --which b", {"which": "b"}),
        ("--size=3 --told=A=1,B/C=-2", {"told": [{"A": 1.0, "B": 1.0}, {"C": -2.0}]}),
    ],
)
def test_flags_in_every_way_of_writing(task, given, expected):
    values, settings = parse(given.split(), "own:task", task.parameters)
    assert values == {"size": 3} | expected and settings == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "--size=N is missing: how large, in two lines."),
        ("--size", "--size needs a value: --size=N."),
        ("--size=", "--size needs a value"),
        ("--size=1.5", "--size=1.5 must be a whole number."),
        ("--size=1 --num=0", "--num=0 must be a whole number from 1."),
        ("--size=1 --which=c", "--which=c must be one of a, b"),
        ("--size=1 --drew", "does not read --drew; did you mean '--draw'?"),
        ("--size=1 --nosize=1", "does not read --nosize"),
        ("--size=1 --box=1 --box=2", "--box is given twice"),
        ("--size=1 --told=A=x", "must be numbers by name"),
        ("--size=1 -num=2", "'-num=2' is not understood"),
        ("--size=1 --odd=1", "odd: dict is no annotation of a flag"),
        ("--size=1 --config.data.path=x", "does not read --config.data.path"),
    ],
)
def test_a_mistake_is_a_sentence(task, given, message):
    with pytest.raises(InputError) as error:
        parse(given.split(), "own:task", task.parameters)
    assert message in str(error.value)


def test_help_has_the_needed_flags_first_and_the_defaults(task):
    del task.parameters["odd"]
    lines = explain("own:task", task, {}).splitlines()
    assert lines[0] == "own:task: Does a thing."
    assert "  --size=N            How large, in two lines." in lines
    assert lines.index("  --size=N            How large, in two lines.") == 6
    assert any(line.startswith("  --num=N") and line.endswith("(8).") for line in lines)
    assert flags({"draw": task.parameters["draw"]}) == ["  --draw"]


def test_files_were_once_called_images():
    files = {"files": signature.Parameter("Sequence[str | Path]", (), "Files.")}
    assert parse(["--images=a,b"], "sample", files)[0] == {"files": ["a", "b"]}


def test_keys_of_the_config_before_and_after_it():
    shared = {"config": signature.Parameter("str", REQUIRED, "The file.")}
    given = "--config.a.b=1 --config=x.py:v --config.c 2 --config.d --noconfig.e"
    values, settings = parse(given.split(), "train", shared)
    assert values == {"config": "x.py:v"}
    assert settings == {"a.b": "1", "c": "2", "d": "True", "e": "False"}


def test_an_experiment_may_be_named_without_its_flag_but_not_twice():
    shared = {"config": signature.Parameter("str", REQUIRED, "The file.")}
    values, settings = parse(["x.py:v", "--config.a.b=1"], "config", shared)
    assert values == {"config": "x.py:v"} and settings == {"a.b": "1"}
    for twice in (["x.py", "--config=y.py"], ["--config", "y.py", "x.py"], ["x.py", "y.py"]):
        with pytest.raises(InputError, match=r"'[xy]\.py' is not understood"):
            parse(twice, "config", shared)


def test_what_is_no_function_of_a_file_is_said(tmp_path):
    (tmp_path / "own.py").write_text("def task(run):\n    pass\n")
    with pytest.raises(InputError, match=r"own\.py has no function 'tasks'; did you mean 'task'"):
        signature.read(tmp_path / "own.py", "tasks")
    (tmp_path / "own.py").write_text("def task(run:\n")
    with pytest.raises(InputError, match=r"own\.py cannot be read as Python"):
        signature.read(tmp_path / "own.py", "task")
