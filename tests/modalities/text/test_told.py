"""Text with classes: a model that is told them writes what belongs to them."""

import numpy as np
import pytest
from configs import tiny

import vae
from vae.errors import InputError
from vae.tasks.edit import edit
from vae.tasks.sample import sample
from vae.tasks.transfer import transfer

NUMBERS = ("one", "two", "three", "four", "five")
LINES = {"cat": "the cat of {} purrs", "dog": "a dog of {} barks loudly"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    rows = [f"{line.format(n)},{kind}" for n in NUMBERS * 12 for kind, line in LINES.items()]
    (folder / "animals.csv").write_text("\n".join(["text,label", *rows]))
    config = tiny(
        data__path=str(folder / "animals.csv"),
        model__likelihood="categorical",
        model__encoder="lstm",
        model__decoder="lstm",
        model__condition="label",
        training__steps=150,
        optimizer__learning_rate=2e-2,
        evaluation__every_steps=0,
        checkpoint__every_steps=0,
        log__images_every_steps=0,
    )
    vae.train(config, folder / "run")
    return vae.load(folder / "run")


def test_samples_belong_to_the_class_that_is_asked_for(told):
    lines = sample(told, num=8, labels=["dog", "cat"]).text.splitlines()
    assert [line.split()[0] for line in lines] == ["dog", "cat"] * 4
    assert all(line.split()[2] == line.split()[0] for line in lines)  # "dog  a dog of two ..."


def test_the_class_of_one_text_and_the_rest_of_another(told):
    (picture, kept, _), figures, printed = transfer(told, num=4)
    style, *blocks = printed.split("\n\n")[1:]
    assert picture.is_file() and kept.is_file() and "content" not in style
    classes = [line.split()[0] for line in style.splitlines()[1:]]
    for block in blocks:
        _, content, *made = block.splitlines()
        assert content.startswith("  content  ")
        assert [line.split()[2] for line in made] == classes  # "dog  a dog ...", "cat  the cat ..."
    distance = np.array(figures["distance"])
    assert (np.diag(distance) == 0).all() and distance.max() <= 1


def test_an_edit_of_the_class_names_the_command_for_it(told):
    with pytest.raises(InputError, match="`transfer` decodes examples as those of other classes"):
        edit(told, attribute="dog")
    with pytest.raises(InputError, match="tokens are no numbers"):
        edit(told, attribute="dog", residual=True)
