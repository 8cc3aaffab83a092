"""Who is on two images: pairs that are drawn, of a file, and of one's own."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.errors import InputError
from vae.evaluation.detection import auroc
from vae.tasks.pairs import draw_pairs, read_pairs
from vae.tasks.verify import cosine, verify


def test_digits_of_one_class_are_closer(run):
    result = verify(run, num_pairs=200).figures
    assert result == json.loads((run.workdir / "verify.json").read_text())
    assert (result["pairs"], result["different_pairs"]) == (200, 200)
    assert result["identities"] == result["people"] == 10
    assert result["posterior"]["auroc"] > 0.6
    assert 0 < result["posterior"]["auroc_stderr"] < 0.1
    assert 0 < result["posterior"]["tar_at_1%_far"] < result["posterior"]["auroc"]
    picture = np.asarray(Image.open(run.workdir / "images" / "verify_00000300_pairs200.png"))
    assert picture.ndim == 3 and (picture == 0).any()


def test_pairs_are_of_one_person_and_of_two_without_repetition():
    who = np.array([0, 0, 0, 1, 1, 2, -1, -1])
    drawn = draw_pairs(who, 100, seed=0)
    same = {tuple(sorted(pair)) for pair in drawn.same.tolist()}
    assert same == {(0, 1), (0, 2), (1, 2), (3, 4)} and len(drawn.same) == 4
    different = drawn.different
    assert len(different) == 11 == len(np.unique(np.sort(different, 1), axis=0))
    assert (who[different] >= 0).all() and (who[different[:, 0]] != who[different[:, 1]]).all()
    assert sorted(np.bincount(drawn.person)) == [1, 3]
    with pytest.raises(InputError, match="needs both"):
        draw_pairs(np.array([0, 1, 2]), 5, seed=0)
    with pytest.raises(InputError, match="needs both"):
        draw_pairs(np.array([0, 0, -1]), 5, seed=0)


def test_every_person_weighs_as_much_whatever_their_images():
    sizes = np.array([1, 2, 2, 3, 5, 300])
    who = np.arange(6).repeat(sizes)
    drawn = draw_pairs(who, 60, seed=0)
    people = who[drawn.same[:, 0]]
    counts = np.bincount(people, minlength=6)
    np.testing.assert_array_equal(counts, [0, 1, 1, 3, 10, 12])
    weights = np.bincount(people, drawn.weights, minlength=6)
    np.testing.assert_allclose(weights, [0, 1, 1, 1, 1, 1])
    # Each of two people is one of six as often, unless they have too few images for it.
    assert (who[drawn.different] == 5).any(1).mean() == pytest.approx(0.45, abs=0.1)

    few = draw_pairs(who, 3, seed=1)
    assert len(few.same) == len(few.different) == 3 == len(set(who[few.same[:, 0]]))
    assert len(draw_pairs(np.arange(2).repeat(5000), 10, seed=0).same) == 10


def test_cosine_of_known_vectors():
    vectors = np.array([[1.0, 0.0], [3.0, 3.0], [0.0, -2.0], [0.0, 0.0]])
    pairs = np.array([[0, 1], [1, 2], [0, 2], [0, 3]])
    np.testing.assert_allclose(cosine(vectors, pairs), [0.5**0.5, -(0.5**0.5), 0, 0], atol=1e-9)


@pytest.fixture(scope="module")
def people(run, tmp_path_factory):
    """Folders of the first six test images of four digits, and a file of pairs in two folds."""
    folder = tmp_path_factory.mktemp("people")
    (images, labels), _ = modalities.load(run.config.data).test.read(np.arange(180))
    for digit, name in enumerate(("Ada", "Bert", "Cy", "Di")):
        (folder / name).mkdir()
        for i, image in enumerate(images[labels == digit][:6], 1):
            pixels = (image[..., 0] * (255 / 16)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}_{i:04d}.png")
    lines = ["2\t3"]
    for a, b in (("Ada", "Bert"), ("Cy", "Di")):
        lines += [f"{a}\t1\t2", f"{a}\t3\t4", f"{b}\t5\t6"]
        lines += [f"{a}\t{i}\t{b}\t{i}" for i in (1, 2, 3)]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_file_of_pairs_fold_by_fold(run, people):
    files, folds = read_pairs(people / "pairs.txt", people)
    named = [[[files[i].stem for i in pair] for pair in fold.different] for fold in folds]
    assert named[0] == [[f"Ada_000{i}", f"Bert_000{i}"] for i in (1, 2, 3)]
    assert [files[i].stem for i in folds[1].same[2]] == ["Di_0005", "Di_0006"]

    result = verify(run, pairs=people / "pairs.txt", folder=people).figures
    assert (result["images"], result["folds"], result["pairs"]) == (len(files), 2, 6)
    figures = result["posterior"]
    assert figures["auroc"] > 0.6 and 0 <= figures["accuracy"] <= 1
    assert figures["accuracy_stderr"] >= 0 and figures["auroc_of_folds_stderr"] >= 0
    (written,) = run.workdir.glob("verify_pairs_*.json")
    assert json.loads(written.read_text()) == result


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2\t3", "2\t4", "must begin with the number of folds .* it has 12 lines"),
        ("2\t3", "two", "must begin with the number of folds"),
        ("2\t3", "0\t3", "must begin with the number of folds"),
        ("Ada\t1\t2", "Ada\t1\tBert\t2", "line 2, must be NAME N M, a pair of one person"),
        ("Ada\t2\tBert\t2", "Ada\t2\t3", "line 6, must be NAME N OTHER M, a pair of two"),
        ("Ada\t1\t2", "Ada\t1\t-2", "line 2, must be NAME N M"),
        ("Di\t5\t6", "Di\t5\t7", r"line 10: there is no Di/Di_0007\.jpg in"),
    ],
)
def test_a_file_that_is_not_so_laid_out(people, tmp_path, old, new, message):
    text = (people / "pairs.txt").read_text()
    assert old in text
    (tmp_path / "pairs.txt").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / "pairs.txt", people)


def test_a_pipe_of_pairs_is_not_waited_for(people, tmp_path):
    os.mkfifo(tmp_path / "pairs")
    with pytest.raises(InputError, match="pairs is a pipe"):
        read_pairs(tmp_path / "pairs", people)


def test_two_images_of_ones_own(run, people, tmp_path):
    ada = people / "Ada" / "Ada_0001.png"
    twin = tmp_path / "twin.png"
    twin.write_bytes(ada.read_bytes())
    result = verify(run, files=[ada, twin], num_pairs=100).figures
    assert result["same"] and result["cosine"] == pytest.approx(1, abs=1e-5)
    assert result["as_close_of_two_people"] == 0
    bert = people / "Bert" / "Bert_0002.png"
    other = verify(run, files=[ada, bert], num_pairs=100).figures
    assert other["cosine"] < 0.9 and other["threshold"] == result["threshold"]
    assert 0 <= other["as_close_of_one"] <= 1
    assert len(list(run.workdir.glob("verify_Ada_0001_and_1_more_*.json"))) == 2
    with pytest.raises(InputError, match="compares two examples, but --files are 6"):
        verify(run, files=[people / "Ada"])


def test_a_model_that_diverged_has_no_figures(run, monkeypatch):
    monkeypatch.setattr("vae.tasks.verify.embed", lambda run, x, y: np.full((len(x), 2), np.nan))
    with pytest.raises(InputError, match="it has diverged"):
        verify(run, num_pairs=20)


def test_with_folds_of_one_kind_the_area_is_that_of_all():
    # The pairs of one person alone make the area what it is where all weigh alike.
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 3)) + 3 * np.eye(4, 3).repeat(10, 0)
    drawn = draw_pairs(np.arange(4).repeat(10), 40, seed=0)
    low, high = cosine(vectors, drawn.different), cosine(vectors, drawn.same)
    own = [auroc(low, high[drawn.person == person]) for person in range(4)]
    assert auroc(low, high, drawn.weights) == pytest.approx(np.mean(own))
