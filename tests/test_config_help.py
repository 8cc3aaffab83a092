"""The help and the page of the configuration, which are made from its rows."""

import subprocess
import sys
from pathlib import Path

import pytest

from vae.config.axes import AXES
from vae.config.help import WIDTH, help_text
from vae.config.keys import FREE, KEYS, SECTIONS
from vae.config.page import page
from vae.errors import InputError

WORDS = {"config", *SECTIONS, *KEYS, *(name for choices in AXES.values() for name in choices)}


def test_every_word_has_an_answer_that_fits_a_terminal():
    for word in sorted(WORDS):
        lines = help_text(word).splitlines()
        assert max(map(len, lines)) <= WIDTH, word
        assert len(lines) < 80 and not any(line != line.rstrip() for line in lines), word


def test_a_section_has_one_line_for_what_each_key_says():
    for key, row in KEYS.items():
        section, _, name = key.partition(".")
        if name and key not in FREE:
            lines = help_text(section).splitlines()
            assert any(line.strip().startswith(f"{name} = ") for line in lines)
            first = row.about.splitlines()[0]
            assert any(line.endswith(f"  {first}") for line in lines), f"{key}: longer than a line"


def test_a_key_says_its_default_its_choices_and_what_reads_it():
    text = help_text("model.prior")
    assert text == help_text("--config.model.prior")
    assert text.startswith("model.prior = standard_normal\n")
    assert "  vamp                 A mixture of posteriors of learned examples.\n" in text
    assert "Reads prior_components." in text and "model.prior_settings.NAME" in text
    assert "It is read only with\n  model.name: vae, ladder, semi_supervised, gan" in text
    assert "a whole number from 1 to" in help_text("prior_components")


def test_a_choice_says_its_key_its_class_and_the_keys_that_it_reads():
    text = help_text("vamp")
    assert text.startswith("vamp, a choice of model.prior\n")
    assert "model.prior_components = 100  Components of the prior." in text
    assert "vae.models.priors.vamp:Vamp" in text
    assert help_text("gaussian").count("a choice of") == 2
    assert help_text("model.likelihood=gaussian").count("a choice of") == 1


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("vampp", "vamp"),
        ("model.priors", "model.prior"),
        ("objectiv", "objective"),
        ("sampel", "sample"),
    ],
)
def test_another_word_is_refused_with_the_nearest(word, near):
    with pytest.raises(InputError, match=f"nothing called '{word}'; did you mean '{near}'"):
        help_text(word, others=("sample",))


def test_help_does_not_wait_for_jax():
    program = (
        "import sys; from vae.config.help import help_text; help_text('model.prior');"
        "assert not {'jax', 'flax', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_page_is_what_the_rows_say():
    committed = Path(__file__).parents[1] / "docs" / "configuration.md"
    assert committed.read_text("utf-8") == page(), "python -m vae.config.page writes it"


def test_no_choice_reads_a_key_twice():
    choices = [choice for axis in AXES.values() for choice in axis.values()]
    assert all(len(set(choice.reads)) == len(choice.reads) for choice in choices)
