"""A run that was exported: the directory, its card, the functions for others, and the page."""

import base64
import dataclasses
import gzip
import json
import re

import jax
import numpy as np
import onnx
import pytest
from exporting import closest, on_disk

import vae
from vae.errors import InputError
from vae.export import onnx_file, page, runtime, safetensors_directory
from vae.export.card import text_of
from vae.export.export import LARGEST, export
from vae.modalities import MODALITIES
from vae.training import tensors

RESULT = {
    "status": "completed",
    "step": 20,
    "seconds": 90.0,
    "metrics": {"test/nll": 88.8, "test/nll_stderr": 0.91, "test/elbo": -92.6},
    "protocol": {"split": "train[90%:] (180 examples)"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of the digits that is told their class."""
    return on_disk(tmp_path_factory.mktemp("run"), result=RESULT, model__condition="label")


@pytest.fixture(scope="module")
def exported(run):
    """What `vae export --format=safetensors` writes of it, and in the same folder ONNX."""
    output = export(run, format="safetensors", license="cc-by-4.0")
    onnx_output = export(run, format="onnx")
    assert {path.parent for path in output.paths} == {run.workdir / "exported"}
    assert all(onnx_output.figures[n]["largest_difference"] < LARGEST for n in ("encoder",))
    return run.workdir / "exported"


def test_the_directory_is_the_run_to_the_bit(run, exported):
    again = vae.load(exported)
    assert again.source == run.source
    assert (again.step, again.event, again.classes) == (run.step, run.event, run.classes)
    assert np.array_equal(again.sample(5, seed=3), run.sample(5, seed=3))
    assert len(again.dataset().test) == 180


def test_it_names_no_place_of_the_machine(run, exported):
    for file in exported.glob("*.json"):
        assert str(run.workdir) not in file.read_text() and "/home" not in file.read_text()
    assert json.loads((exported / "provenance.json").read_text())["command"] == ["--config=own.py"]


def test_weights_of_another_model_are_refused(run, exported, tmp_path):
    config = json.loads((exported / "config.json").read_text())
    config["model"]["latent_dim"] = 5
    for file in exported.glob("*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"another model: .*float32.* there, and float32"):
        vae.load(tmp_path)
    (tmp_path / tensors.FILE).write_bytes(b"\x00" * 32)
    with pytest.raises(InputError, match="is damaged"):
        vae.load(tmp_path)
    with pytest.raises(InputError, match="was exported at step 0, and has no step 7"):
        vae.load(exported, step=7)


def test_the_card_is_read_by_the_hub(run, exported):
    from huggingface_hub import ModelCard

    card = ModelCard.load(exported / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.tags[-1] == "images"
    figures = {each.metric_type: each.metric_value for each in card.data.eval_results}
    assert figures == {"test/nll": 88.8, "test/elbo": -92.6}
    assert "| `test/nll`, nats per example | 88.80 | 0.91 |" in card.text
    assert "| `model.latent_dim` | 4 |" in card.text
    assert (exported / "samples.png").is_file()
    assert "No licence was given" in text_of(run, None)


def test_onnx_files_say_what_they_take(run, exported):
    assert {path.name for path in exported.glob("*.onnx")} == {"encoder.onnx", "decoder.onnx"}
    model = onnx.load(exported / "decoder.onnx")
    assert {each.key for each in model.metadata_props} == {"step", "params_sha256"}
    taken = {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in model.graph.input
    }
    assert taken == {"z": ["batch", 4], "y": ["batch"]}
    assert "params.decoder.head.kernel" in {each.name for each in model.graph.initializer}
    x = run.decode(np.ones((7, 4)), np.arange(7))
    given = {"z": np.ones((7, 4), np.float32), "y": np.arange(7, dtype=np.int32)}
    (made,) = onnx_file.session(exported / "decoder.onnx").run(["x"], given)
    assert closest(made, x) < LARGEST


def test_stablehlo_is_called_without_the_package(run, exported):
    export(run, format="stablehlo")
    decode = jax.export.deserialize((exported / "decoder.stablehlo").read_bytes())
    assert set(decode.platforms) == {"cpu", "cuda", "tpu"}
    made = decode.call(np.ones((7, 4), np.float32), np.arange(7, dtype=np.int32))["x"]
    assert closest(made, run.decode(np.ones((7, 4)), np.arange(7))) < LARGEST


def test_the_page_holds_all_that_it_needs(run, monkeypatch):
    monkeypatch.setattr(runtime, "read", lambda: runtime.Runtime(b"script", b"wasm", "MIT"))
    (path,) = page.write(run, run.workdir / "page").paths
    text = path.read_text("utf-8")
    assert not re.search(r"(src|href)=[\"']?(http|//)", text)
    assert "default-src 'none'" in text
    packed = dict(re.findall(r'<script type="text/plain" id="([\w-]+)">(.*?)</script>', text))
    model = gzip.decompress(base64.b64decode(packed["model"]))
    assert [each.name for each in onnx.load_from_string(model).graph.input] == ["z", "y"]
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text)[1])
    assert facts["condition"]["names"] == [str(i) for i in range(10)]
    assert {draw["y"] for draw in facts["draws"]} == set(range(10))
    assert 0 < len(facts["sliders"]) <= 4 and all(s["low"] < s["high"] for s in facts["sliders"])


def test_a_model_without_an_encoder_says_so(run, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(type(run.model), "encodes", False)
    (path,) = export(dataclasses.replace(run, out=tmp_path), format="onnx").paths
    assert path.name == "decoder.onnx"
    assert "has no encoder: a model.name='vae' has none" in caplog.text


@pytest.mark.parametrize("modality", MODALITIES.values(), ids=MODALITIES)
def test_every_modality_has_a_script_that_shows_an_example(modality):
    assert "\nfunction show(place, x, facts) {" in modality.script()


def test_a_modality_without_a_script_has_no_page(run, monkeypatch):
    monkeypatch.delattr("vae.modalities.images.script")
    with pytest.raises(InputError, match="a page cannot show images"):
        export(run, format="html")


def test_paths_in_a_config_become_names(run):
    run.config.data.path = "/home/me/photos"
    try:
        assert safetensors_directory.config_of(run)["data"]["path"] == "photos"
    finally:
        run.config.data.path = ""
