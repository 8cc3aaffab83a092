"""Tasks with a model that is told classes of two fields."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from configs import tiny

import vae
from vae.errors import InputError
from vae.evaluation import probe
from vae.tasks.anomaly import anomaly
from vae.tasks.directions import means
from vae.tasks.edit import edit
from vae.tasks.editor import Editor
from vae.tasks.evaluate import evaluate
from vae.tasks.fidelity import _followed, fidelity
from vae.tasks.interpolate import interpolate
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample
from vae.tasks.transfer import transfer

SIDES, TONES = ("left", "right"), (0, 1, 2)


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    """A model of images that are lit on one side, by one of three tones, and told which."""
    from PIL import Image

    folder, workdir = tmp_path_factory.mktemp("lit"), tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    for take in range(40):
        for side in SIDES:
            for tone in TONES:
                pixels = rng.integers(0, 40, (8, 8), dtype=np.uint8)
                half = slice(4) if side == "left" else slice(4, 8)
                pixels[:, half] += np.uint8(70 * (tone + 1))
                Image.fromarray(pixels).save(folder / f"{side}_{tone}_{take}.png")
    config = tiny(
        data__path=str(folder),
        data__label_pattern="{side:label}_{tone:label}_{identity}.png",
        data__split_by="identity:sorted",
        data__train="train[20%:]",
        data__valid="train[10%:20%]",
        data__test="train[:10%]",
        model__condition="attributes",
        model__likelihood="gaussian",
        model__encoder_widths=(32,),
        model__decoder_widths=(32,),
        optimizer__learning_rate=1e-2,
        training__steps=150,
        training__steps_per_call=25,
        log__every_steps=25,
        training__ema_decay=0.0,
        evaluation__every_steps=0,
        checkpoint__every_steps=0,
    )
    vae.train(config, workdir)
    return vae.load(workdir)


def seen(x):
    """Returns the side that is lit (1: right) and its tone, of images [N, 8, 8, 1]."""
    halves = x[..., 0].reshape(len(x), 8, 2, 4).mean((1, 3)) * 255
    return halves.argmax(1).tolist(), np.rint((halves.max(1) - 20) / 70 - 1).astype(int).tolist()


def test_samples_show_the_classes_that_were_asked_for(lit):
    assert lit.attributes == ("side=left", "side=right", "tone=0", "tone=1", "tone=2")
    asked = [{"side": "right", "tone": 2}, {"tone": 0}]
    assert seen(lit.sample(4, labels=asked)) == ([1, 0, 1, 1], [2, 0, 2, 0])
    assert seen(lit.sample(6)) == ([0, 1] * 3, [0, 0, 1, 1, 2, 2])
    z = np.zeros((2, 4))
    assert seen(lit.decode(z, {"side": "left", "tone": "1"})) == ([0, 0], [1, 1])
    with pytest.raises(InputError, match=r"the tone is not given: give labels like side=left,tone"):
        lit.decode(z, {"side": "left"})


def test_the_files_of_samples_say_their_classes(lit, laid_out):
    path = sample(lit, num=4, labels=["side=right", "tone=2", "tone=0"]).paths[0]
    assert path.name == "samples_00000150_seed0_labelsside=right_tone=2-tone=0_num4.png"
    with pytest.raises(InputError, match=r"there is no tone '3'; there are 0, 1, 2\."):
        sample(lit, labels=["tone=3"])
    with pytest.raises(
        InputError, match=r"tone=2 is a class of tone, one of 3: give it as --labels"
    ):
        sample(lit, attributes=[{"tone=2": 1}])


def test_a_class_is_turned_on_as_the_others_are_turned_off(lit, laid_out):
    y = np.array([[1, 0, 0, 1, 0]], np.float32)
    _, moved = Editor(lit)(None, y, "tone=2", 0.25)
    assert moved.tolist() == [[1, 0, 0, 0.75, 0.25]]
    figures = edit(lit, attribute="side=right", num=3, steps=2).figures
    assert figures["strengths"] == [0.5, 1.0]
    x = laid_out["x"]
    assert seen(x[:, -1])[0] == [1, 1, 1]
    with pytest.raises(InputError, match=r"side=right is one of 2, .* turn on another side"):
        edit(lit, attribute="side=right", strength=-1)


def test_one_field_is_style_and_the_other_stays(lit, laid_out):
    path = transfer(lit, num=6, style=["side"]).paths[0]
    assert "_styleside_" in path.name
    truth, made = laid_out["x"][0], laid_out["x"][1:]
    sides, tones = seen(truth)
    found = [seen(row) for row in made]
    assert [side for side, _ in found] == [sides] * 6
    kept = np.array([tone for _, tone in found]) == np.array(tones)[:, None]
    assert kept.mean() > 0.9
    assert laid_out["columns"][0] == f"{SIDES[sides[0]]}, {tones[0]}"
    with pytest.raises(InputError, match=r"--style=sid must be one of side, tone; did you mean"):
        transfer(lit, style=["sid"])


def test_other_tasks_are_told_of_files(lit):
    files = sorted(Path(lit.config.data.path).glob("right_2_*.png"))[:2]
    given = {"files": files, "labels": ["side=right", "tone=2"]}
    for task in (reconstruct, interpolate, evaluate):
        assert task(lit, **given).figures
        with pytest.raises(InputError, match="the side is not given: give labels like side=left"):
            task(lit, files=files)
        with pytest.raises(InputError, match=r"no labels of 'tine': .* did you mean 'tone'\?"):
            task(lit, files=files, labels=["tine=2"])
    right = reconstruct(lit, **given).figures["metrics"]["mse"]
    wrong = reconstruct(lit, files=files, labels=["side=left", "tone=0"]).figures["metrics"]["mse"]
    assert right < wrong / 4
    assert np.isfinite(
        list(anomaly(lit, files=files, num_samples=2).figures["mean"].values())
    ).all()


def test_a_classifier_says_whether_samples_show_what_was_asked_for(lit, monkeypatch):
    monkeypatch.setattr(probe, "STEPS", 100)
    monkeypatch.setattr(probe, "WIDTHS", (16, 32))
    figures = fidelity(lit, num=48, temperature=0.5).figures
    assert (lit.workdir / "fidelity_temperature0.5.json").is_file()
    assert figures["extractor"]["test"]["accuracy"]["side"] > 0.9
    shown, of = figures["samples"], figures["shown"]
    assert set(of) == set(lit.attributes)
    assert (
        min(shown["shown_side"], figures["valid"]["shown_side"], of["tone=2"]["shown_side"]) > 0.9
    )
    tones = [of[f"side={side}"]["shown_tone"] for side in SIDES]
    assert shown["shown_tone"] == pytest.approx(np.mean(tones))
    assert set(figures["samples"]["entropy"]) == {"side", "tone"}

    found = transfer(lit, style=["side"], measure=True).figures
    assert 0 < found["examples"] < 24 and found["style"] == ["side"]
    for name in ("transferred", "reconstructed"):
        assert found[name]["shown_side"] > 0.9 and found[name]["shown_tone"] > 0.7


def test_a_direction_leaves_another_field_as_it_is_and_not_its_own():
    """z = the classes of two fields that go together, and noise: the step is their difference."""
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 3000)
    tone = np.where(rng.random(3000) < 0.7, side, 2)
    y = np.concatenate([np.eye(2)[side], np.eye(3)[tone]], axis=1)
    z = np.stack([side, tone == 2], 1) + 0.01 * rng.normal(size=(3000, 2))
    steps = means(z, y, range(5), [(0, 1), (2, 3, 4)])
    np.testing.assert_allclose(steps[1], [1, 0], atol=0.01)
    np.testing.assert_allclose(steps[4], [0, 1], atol=0.01)
    assert not means(z, y, range(5)).any()  # of which each would determine the others


def test_attributes_of_many_values_are_followed_by_a_correlation():
    y = np.random.default_rng(0).random((40, 3))
    y[:, 0] = np.round(y[:, 0])
    predicted = y * [1, 0.2, -0.5] + [0, 0.3, 0.7]
    judge = SimpleNamespace(
        predict=lambda x: x, exclusive=False, fields=(), names=("Hat", "Smile", "Age")
    )
    expected = {"correlation_Smile": 1.0, "correlation_Age": -1.0}
    assert _followed(judge, predicted, y) == pytest.approx(expected)
