"""Reports of runs and of several, from made-up run directories; and that they stop nothing."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from vae import commands
from vae.config import base, to_dict
from vae.config.mapping import override
from vae.errors import InputError
from vae.evaluation.evaluator import NO_BOUND
from vae.report import media, report
from vae.report.compare_page import write as write_comparison
from vae.report.curves import Curve, charts

NLL = {"test/nll": 83.2164, "test/nll_stderr": 0.8812, "valid/elbo": -87.4, "train/elbo": -86.0}


def made(folder, *, status="completed", metrics=NLL, digest="a3f9", picture=True, **overrides):
    """A run directory with two logged steps, samples and their text."""
    config = base()
    override(config, {"data.name": "digits"} | overrides)
    (folder / "images").mkdir(parents=True)
    command = ["/usr/bin/vae", "train", "--config=experiments/digits.py", "--workdir=a & b"]
    record = {
        "command": command,
        "data": {"digest": digest},
        "commit": "c0ffee",
        "hardware": "2 cores",
    }
    result = {"status": status, "step": 200, "seconds": 75.4, "metrics": metrics}
    result["protocol"] = {"split": "test (180 examples)"}
    steps = [{"step": s, "valid/elbo": -90.0 + s / 100, "train/elbo": -80.0} for s in (100, 200)]
    (folder / "config.json").write_text(json.dumps(to_dict(config)))
    (folder / "provenance.json").write_text(json.dumps(record))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps))
    (folder / "result.json").write_text(json.dumps(result))
    if picture:
        for step in (100, 200):
            Image.new("RGB", (60 + step, 40)).save(folder / "images" / f"samples_{step:08d}.png")
    return folder


def text_of(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page.replace("<wbr>", "")))


def test_a_report_says_what_was_run_and_what_it_came_to(tmp_path):
    folder = made(tmp_path / "run", **{"model.latent_dim": 7})
    (folder / "data.html").touch()
    Image.new("RGB", (20, 20)).save(folder / "images" / "traversal_test0.png")
    page = report.write(folder).read_text()
    said = text_of(page)
    assert (
        "<title>run: digits</title>" in page
        and "83.22 ± 0.88 test nll, nats" in said
        and "1:15 took" in said
    )
    assert "vae train --config=experiments/digits.py &#39;--workdir=a &amp; b&#39;" in said
    assert (
        re.search(r"model.latent_dim 7 \d+", said)
        and "data.batch_size" not in said.split("All ")[0]
    )
    assert "test (180 examples)" in said and "c0ffee" in said and "2 cores" in said
    assert 'width="260"' in page and 'width="160"' not in page  # the newest samples alone
    assert len(re.findall(r"<a href=\"#(\w+)\"", page)) == len(re.findall("<h2", page))
    for target in re.findall(r"<a href=\"#(\w+)\"", page):
        assert f'id="{target}"' in page
    assert '<a href="data.html">The data</a>' in page and "lr_range" not in page


def test_what_was_run_from_python_is_told_in_python(tmp_path):
    folder = made(tmp_path / "run")
    record = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps(record | {"command": ["study.py"]}))
    assert "vae.train(config," in report.write(folder).read_text()


@pytest.mark.parametrize("status", ["preempted", "diverged", "failed"])
def test_a_run_that_did_not_complete_has_a_report(tmp_path, status):
    folder = made(tmp_path / "run", status=status, metrics={"train/elbo": None}, picture=False)
    page = report.write(folder).read_text()
    assert f'<span class="badge {status}">' in page and 'class="finding' in page


def test_a_report_that_fails_is_only_logged(tmp_path, caplog):
    folder = made(tmp_path / "run")
    (folder / "details.json").write_text('{"step": 200, "nats": 3}')
    report.write_if_possible(folder)
    assert "No report was written: Damaged: " in caplog.text
    assert not (folder / "report.html").exists()


def test_damage_is_one_sentence_and_a_damaged_picture_is_left_out(tmp_path):
    folder, other = made(tmp_path / "run"), made(tmp_path / "other")
    (folder / "images" / "samples_00000200.png").write_bytes(b"")
    (folder / "images" / "mine.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(media.LARGE))
    (folder / "images" / "gone.gif").symlink_to(tmp_path / "nowhere")
    (folder / "images" / "folder.png").mkdir()
    page = report.write(folder).read_text()
    assert page.count("1 more file is") == 2 and "gone.gif" not in page
    (folder / "provenance.json").write_text(json.dumps({"command": [], "data": None}))
    for write in (report.write, lambda run: write_comparison([run, other], tmp_path / "a.html")):
        with pytest.raises(InputError, match="run is damaged: "):
            write(folder)


def test_classes_on_the_map_of_latents_have_their_names(tmp_path):
    folder = made(tmp_path / "run")
    record = json.loads((folder / "provenance.json").read_text())
    record["data"]["classes"] = ["bell", "flute"]
    (folder / "provenance.json").write_text(json.dumps(record))
    placed = {"x": [0.0, 1.0], "y": [1.0, 0.0], "label": [1, 2], "axes": ["z0", "z1"]}
    details = {"step": 200, "map": placed | {"share": [0.5, 0.5]}}
    (folder / "details.json").write_text(json.dumps(details))
    page = report.write(folder).read_text()
    assert "class flute" in page and "class 2" in page and "class 1" not in page


def test_details_of_another_step_are_left_out(tmp_path):
    folder = made(tmp_path / "run")
    units = {"counted": "units", "active": 1, "total": 2, "latent": [1, 0], "value": [2.0, None]}
    for step, there in ((100, False), (200, True)):
        (folder / "details.json").write_text(json.dumps({"step": step, "units": units}))
        assert ("1 of 2 are active" in report.write(folder).read_text()) == there


def test_a_sheet_that_is_read_or_heard_is_text_and_players(tmp_path):
    folder = made(tmp_path / "run")
    (folder / "images" / "samples_00000200.txt").write_text("a <b> c\n")
    sounds = folder / "images" / "samples_00000200"
    sounds.mkdir()
    (sounds / "000_given.wav").write_bytes(b"RIFF")
    page = report.write(folder).read_text()
    assert "a &lt;b&gt; c" in page and 'alt="Samples"' not in page  # the picture is of the text
    assert page.count("<audio") == 1 and "000 given" in page


def test_a_page_has_a_budget(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    whole = (tmp_path / "noise.png").stat().st_size
    budget = media.Budget(whole // 2)
    shown = media.shown(tmp_path / "noise.png", "noise", budget)
    assert shown.picture.startswith("data:image/webp") and shown.size == (400, 300)
    assert 0 <= budget.left < whole // 2
    assert media.shown(tmp_path / "noise.png", "noise", media.Budget(10)).left_out == 1
    Image.new("RGB", (8, 8)).save(tmp_path / "noise.gif")  # the same, moving
    moving = media.shown(tmp_path / "noise.png", "noise", media.Budget())
    assert moving.picture.startswith("data:image/gif") and moving.size == (8, 8)


def test_runs_are_compared_on_a_page(tmp_path):
    made(tmp_path / "a", **{"model.latent_dim": 7})
    made(tmp_path / "b", metrics=NLL | {"test/nll": 80.0})
    report.write(tmp_path / "a")
    page = write_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "both.html").read_text()
    assert '<a href="a/report.html">a</a>' in page and "b/report.html" not in page
    assert "<b>80.00 ± 0.88</b>" in page and "<b>83.22" not in page
    assert "model.<wbr>latent_<wbr>dim" in page and page.count("<img") == 2
    assert page.count('<path class="line"') == 2  # of two runs
    assert (
        commands.main(
            ["compare", *map(str, (tmp_path / "a", tmp_path / "b")), f"--out={tmp_path / 'c.html'}"]
        )
        == 0
    )
    made(tmp_path / "c", digest="other")
    page = write_comparison([tmp_path / "a", tmp_path / "c"], tmp_path).read_text()
    assert "different data" in page and "<b>80" not in page
    with pytest.raises(InputError, match=r"ends in \.html"):
        write_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "both.pdf")


def test_figures_that_are_no_bounds_are_not_the_best(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder, elbo in zip(folders, (-90.0, -80.0, -12.0), strict=True):
        made(folder, metrics={"test/elbo": elbo, "test/psnr": -elbo})
    result = json.loads((folders[2] / "result.json").read_text())
    result["protocol"]["bound"] = NO_BOUND
    (folders[2] / "result.json").write_text(json.dumps(result))
    page = write_comparison(folders, tmp_path).read_text()
    assert re.findall(r"<b>(-?\d.*)</b>", page) == ["-80.00", "90.00"]


def test_curves_of_one_run_are_by_split_and_of_several_by_run():
    both = {"train/kl": Curve([1, 2], [3.0, 4.0]), "valid/kl": Curve([2], [5.0])}
    (one,) = charts({"": both})
    assert ">train</span>" in one and ">valid</span>" in one
    assert one.count('<path class="line"') == 1 and one.count("<circle") == 1
    (two,) = charts({"a": both, "b": both})
    assert ">a</span>" in two and two.count('<path class="line"') == 2
    assert charts({"": {"train/skipped": Curve([1, 2], [0.0, 0.0])}}, machine=True) == []


def test_the_command_writes_the_report_of_a_run_without_checkpoints(tmp_path, capsys, caplog):
    folder = made(tmp_path / "run")
    assert commands.main(["report", f"--workdir={folder}"]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert commands.main(["report", f"--workdir={tmp_path / 'none'}"]) == 2
