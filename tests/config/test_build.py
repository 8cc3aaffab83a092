"""Parts by name: those of one's own are found, given what they ask for, and refused in words."""

import textwrap

import ml_collections
import pytest

from vae.config import own
from vae.config.build import build
from vae.errors import InputError

FILE = """
    import abc
    import dataclasses

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self, unit): ...

    @dataclasses.dataclass(frozen=True)
    class Square(Shape):
        size: int
        factor: float = 2.0

        def area(self, unit):
            return self.factor * self.size**2

    class Unfinished(Shape):
        pass

    def fails(size):
        return 1 / 0

    def nothing(size):
        return None
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "_directories", [])
    monkeypatch.setattr(own, "_modules", {})
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "my_shapes.py").write_text(textwrap.dedent(FILE))
    own.look_in(tmp_path)
    yield own.resolve("my_shapes:Shape", "model.prior").__module__
    __import__("sys").modules.pop("my_shapes", None)


def section(name, **settings):
    return ml_collections.ConfigDict({"prior": name, "prior_settings": settings})


def make(name, **settings):
    shape = own.resolve("my_shapes:Shape")
    return build("model", section(name, **settings), "prior", shape, size=3)


def test_it_is_given_what_its_signature_names(module):
    assert make("my_shapes:Square").area(None) == 18
    assert make("my_shapes:Square", factor=1.5).area(None) == 13.5


def test_its_file_is_known_with_its_digest(module, tmp_path):
    (found,) = own.files(["my_shapes:Square", "digits"]).values()
    assert found["file"] == str(tmp_path / "my_shapes.py") and len(found["sha256"]) == 64


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("my_shape:Square", {}, "there is no module 'my_shape'"),
        ("my_shapes:Sqare", {}, "has no 'Sqare'; did you mean 'Square'?"),
        ("my_shapes:Square", {"factr": 1}, "'factr', which my_shapes:Square does not take; did"),
        ("my_shapes:Square", {"size": 1}, "'size', which my_shapes:Square does not take"),
        ("my_shapes:Unfinished", {}, r"lacks area\(self, unit\), which every Shape has"),
        ("my_shapes:fails", {}, "my_shapes.py, line 21: ZeroDivisionError: division by zero"),
        ("my_shapes:nothing", {}, "is no Shape: let it be a subclass of my_shapes.Shape"),
        ("abc:ABC", {}, "is no Shape"),
    ],
)
def test_a_wrong_one_is_refused_in_a_sentence(module, name, settings, said):
    with pytest.raises(InputError, match=said):
        make(name, **settings)


def test_a_file_that_does_not_import_is_refused_with_its_line(module, tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\nimport nowhere_at_all\n")
    with pytest.raises(InputError, match=r"broken.py, line 2: ModuleNotFoundError"):
        make("broken:Square")


def test_a_setting_that_has_a_key_is_refused():
    config = ml_collections.ConfigDict({"prior": "mixture", "prior_components": 4})
    config.prior_settings = {"components": 9}
    with pytest.raises(InputError, match=r"a key of its own: set model.prior_components"):
        build("model", config, "prior", size=3)
