"""What the explorer's page asks is answered as the tasks do it."""

import io

import numpy as np
import pytest
from PIL import Image

from vae.errors import InputError
from vae.explorer.answers import EXAMPLES, MOST, SAMPLES


def pictures(answer):
    """The addresses of the pictures of an answer: the same where every pixel is."""
    return [item["media"][0]["address"] for item in answer["items"]]


def of(explorer, x):
    return [explorer._item("", each)["media"][0]["address"] for each in x]


def png(size=(8, 8), shade=200):
    file = io.BytesIO()
    Image.new("L", size, shade).save(file, "PNG")
    return file.getvalue()


def test_what_is_offered_is_what_the_run_can_do(explorer):
    described = explorer.described()
    assert len(described["examples"]) == EXAMPLES and not described["remarks"]
    axes = described["latents"]
    assert [axis["activity"] for axis in axes] == sorted(
        (a["activity"] for a in axes), reverse=True
    )
    assert described["edits"] == [str(i) for i in range(10)]
    assert described["painted"] == [8, 8] and not described["typed"] and not described["path"]
    assert described["priors"] == ["mixture", "flow", "vae"] and not described["labels"]


def test_what_is_not_moved_stays_as_it_is_decoded(explorer):
    given, decoded = pictures(chosen := explorer.chosen(3))
    assert given != decoded
    assert pictures(explorer.changed(3)) == [decoded]
    at_rest = {str(d): value for d, value in chosen["position"].items()}
    assert pictures(explorer.changed(3, latents=at_rest, edits={"7": 0.0})) == [decoded]
    assert pictures(explorer.changed(3, residual=True)) == [given]


def test_a_latent_goes_to_so_many_deviations_from_its_mean(explorer):
    run, axis = explorer.run, explorer.offers.axes[0]
    z = np.array(explorer.examples[2].z)
    z[0, axis.dimension] = axis.mean - 1.5 * axis.std
    moved = explorer.changed(2, latents={str(axis.dimension): -1.5})
    assert pictures(moved) == of(explorer, run.decode(z)) != pictures(explorer.changed(2))


def test_an_edit_is_that_of_the_task(explorer):
    run, z = explorer.run, explorer.examples[0].z
    moved, _ = explorer.offers.editor(z, None, "7", 1.5)
    changed = pictures(explorer.changed(0, edits={"7": 1.5}))
    assert changed == of(explorer, run.decode(moved)) != pictures(explorer.changed(0))


def test_the_way_begins_and_ends_at_the_examples(explorer):
    way = explorer.between(1, 4, [0.0, 0.5, 1.0])
    ends = [pictures(explorer.chosen(i))[1] for i in (1, 4)]
    assert [item["title"] for item in way["items"]] == ["0%", "50%", "100%"]
    assert pictures(way)[::2] == ends and pictures(way)[1] not in ends
    with pytest.raises(InputError, match="hyperbolic"):
        explorer.between(1, 4, [0.5], method="geodesic")


def test_samples_are_those_of_the_run_and_can_be_kept(explorer):
    found = pictures(explorer.sampled(seed=5, temperature=0.5))
    assert found == of(explorer, explorer.run.sample(SAMPLES, seed=5, temperature=0.5))
    beyond = np.linspace(-0.2, 1.2, 64, dtype=np.float32).reshape(1, 8, 8, 1)
    explorer._sampled = 5, np.repeat(beyond, SAMPLES, 0), None  # as of a Gaussian p(x | z)
    kept = explorer.kept(2)
    wanted = np.rint(16 * np.clip(beyond, 0, 1)) / 16
    assert pictures(explorer.chosen(kept["first"]))[0] == of(explorer, wanted)[0]
    assert kept["examples"][0]["title"] == "sample 3 of seed 5"
    with pytest.raises(InputError, match="takes no labels"):
        explorer.sampled(labels=["3"])


def test_an_own_file_becomes_an_example_and_a_wrong_one_a_sentence(explorer):
    before = len(explorer.examples)
    found = explorer.added("../a face.png", png())
    assert found["first"] == before and found["examples"][0]["title"] == "a face"
    (given, _) = pictures(explorer.chosen(before))
    assert given == of(explorer, np.full((1, 8, 8, 1), round(200 / 255 * 16) / 16))[0]
    with pytest.raises(InputError, match=r"^b\.png cannot be read as an image"):
        explorer.added("b.png", b"no image")
    with pytest.raises(InputError, match=r"^c\.txt "):
        explorer.added("c.txt", b"no image")
    assert len(explorer.examples) == before + 1


def test_of_many_examples_in_a_file_the_first_are_shown(explorer, monkeypatch):
    x = np.zeros((MOST + 3, 8, 8, 1), np.float32)
    monkeypatch.setattr(
        "vae.modalities.images.read_files", lambda *_: (x, [f"{i}.png" for i in range(len(x))])
    )
    found = explorer.added("many.zip", b"")
    assert len(found["examples"]) == MOST and found["note"] == "The first 24 of 27 are shown."


@pytest.mark.parametrize(("painted", "sentence"), [("0", "Nothing is"), ("1", "Everything is")])
def test_some_of_a_picture_is_painted_and_some_is_not(explorer, painted, sentence):
    with pytest.raises(InputError, match=f"^{sentence} painted"):
        explorer.filled(0, painted * 64, sweeps=8, samples=2)


def test_what_is_filled_in_is_known_everywhere_else(explorer, monkeypatch):
    """The sampler is that of inpaint; here it is given what was painted, row by row."""
    seen = {}

    class Repairs:
        rhat, samples = None, np.zeros((1, 2, 8, 8, 1), np.float32)
        mean = samples[:, 0]

    def posterior(run, observation, labels, **settings):
        seen.update(settings, x=observation.x, known=observation.observed, w=observation.weight)
        return Repairs

    monkeypatch.setattr(type(explorer.run), "posterior", posterior)
    monkeypatch.setattr(explorer, "_repairs", (explorer.run, 0.25))
    answer = explorer.filled(0, "0" * 8 + "1" * 4 + "0" * 52, sweeps=9, samples=2)
    assert [item["title"] for item in answer["items"]] == ["repair 1", "repair 2", "mean"]
    assert not seen["known"][0, 1, :4].any() and seen["known"].sum() == 60
    known = seen["known"][..., None]
    np.testing.assert_array_equal(seen["x"][known], explorer.examples[0].x[known])
    assert (seen["chains"], seen["sweeps"], seen["w"]) == (2, 9, 0.25)
