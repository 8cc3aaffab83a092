import numpy as np
import pytest
from PIL import Image

from vae.errors import InputError
from vae.evaluation import probe
from vae.tasks.edit import as_table, edit, edit_figures
from vae.tasks.editor import Editor
from vae.tasks.encodings import encodings


def read_halves(images):
    """The attributes that halves were made with, [N, 2]."""
    return (images.reshape(-1, 2, 32).mean(2) * 255 - 50) / 150


@pytest.mark.parametrize("method", ["means", "linear"])
def test_an_edit_changes_its_attribute_and_less_the_other(plain, halves_read, method):
    figures = edit_figures(plain, read_halves, method=method, num=60).figures
    change = np.array(figures["change"])
    assert (np.diag(change) > 0.3).all()
    assert (np.abs(change[[0, 1], [1, 0]]) < 0.5 * np.diag(change)).all()
    assert (plain.workdir / "images" / f"edit_00000300_measured_{method}_num60.json").is_file()


def test_what_a_conditional_model_is_told_is_set(told, halves_read):
    figures = edit_figures(told, read_halves, num=60).figures
    assert figures["method"] == "condition"
    # Halves that are off have 0 (upper) and on average 1/4 (lower), and are turned on all the way.
    np.testing.assert_allclose(np.diag(figures["change"]), [1.0, 0.75], atol=0.2)
    lines = as_table(figures).split("\n")
    assert len(lines) == 3 and lines[1].startswith("Upper") and "others" in lines[0]


def test_the_classifier_of_the_data_reads_the_edits(plain, halves_read, monkeypatch):
    monkeypatch.setattr(probe, "STEPS", 2)
    lines = edit(plain, measure=True, num=8).text.split("\n")
    assert [line.split()[0] for line in lines[1:]] == ["Upper", "Lower"]


def test_a_classifier_is_trained_only_for_a_run_that_edits(ladder, halves_read, monkeypatch):
    def classifier(run, dataset):
        raise AssertionError("was trained")

    monkeypatch.setattr("vae.tasks.edit.classifier", classifier)
    with pytest.raises(InputError, match="ladder"):
        edit(ladder, measure=True)


def test_the_users_own_photo(plain, told, halves_read, tmp_path):
    photo = np.full((24, 24, 3), 50, np.uint8)
    photo[12:] = 150
    Image.fromarray(photo).save(tmp_path / "mine.png")
    for run, extra in ((plain, {}), (told, {"attributes": [{"Upper": 0.0, "Lower": 0.7}]})):
        (path, record), figures, _ = edit(
            run, attribute="Upper", strength=1, files=[tmp_path / "mine.png"], steps=2, **extra
        )
        assert path.is_file() and record.is_file()
        assert figures["strengths"] == [0.5, 1.0]
        assert figures["examples"][0]["example"] == "mine"
        small, large = figures["examples"][0]["change"]
        assert large > small > 0 and large > 0.05
    own = {"files": [tmp_path / "mine.png"], "residual": True}
    figures = edit(plain, attribute="Upper", **own).figures
    assert figures["examples"][0]["change"][-1] > 0


def test_a_class_is_led_to_from_the_mean_of_the_others(run):
    known = encodings(run)
    own = known.label == 3
    expected = known.z[own].mean(0) - known.z[~own].mean(0)
    np.testing.assert_allclose(Editor(run).step("3"), expected, rtol=1e-3, atol=1e-5)
    (picture, _), figures, _ = edit(run, attribute="3", num=2, steps=2)
    assert picture.name == "edit_00000300_class_3_2_means_steps2_num2.png"
    small, large = figures["examples"][0]["change"]
    assert large > small > 0
    with pytest.raises(InputError, match="no class 'three'; there are 0, 1, 2"):
        edit(run, attribute="three")
    with pytest.raises(InputError, match="--keep is for attributes"):
        edit(run, attribute="3", keep=["4"])


def test_mistakes_are_one_sentence(plain, told, ladder, halves_read, tmp_path):
    with pytest.raises(InputError, match="no attribute 'Hat'; there are Upper, Lower"):
        edit(plain, attribute="Hat")
    with pytest.raises(InputError, match="no attribute 'Tie'"):
        edit(plain, attribute="Upper", keep=["Tie"])
    with pytest.raises(InputError, match="must be one of means, linear"):
        edit(plain, attribute="Upper", method="spherical")
    with pytest.raises(InputError, match=r"nothing\.png does not exist"):
        edit(plain, attribute="Upper", files=[tmp_path / "nothing.png"])
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"bad\.png cannot be read as an image"):
        edit(plain, attribute="Upper", files=[tmp_path / "bad.png"])
    with pytest.raises(InputError, match="--attributes is for"):
        edit(plain, attribute="Upper", attributes=[{"Upper": 1.0}])
    with pytest.raises(InputError, match="have no attributes"):
        edit(ladder, attribute="Upper")
