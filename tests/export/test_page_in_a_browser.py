"""The page runs in a browser, from a file and without a network: sliders, samples and classes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from exporting import of_case, on_disk

from vae.errors import InputError
from vae.export import page, runtime

BROWSER = shutil.which("chromium")
PIXELS = """() => {
    const canvas = document.querySelector("#shown canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return Array.from(pixels).filter((_, i) => i % 4 === 0);
}"""


@pytest.fixture(scope="module")
def browser():
    if not BROWSER:
        pytest.skip("Chromium is not at hand")
    pytest.importorskip("playwright")
    try:
        runtime.read()
    except InputError as error:
        pytest.skip(str(error))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    run = on_disk(tmp_path_factory.mktemp("page"), model__condition="label")
    (path,) = page.write(run, run.workdir).paths
    return run, path


@pytest.mark.slow  # a browser starts, and npm may fetch 33 MB first
def test_what_the_page_shows_is_what_the_run_decodes(browser, written):
    run, path = written
    assert Path(path).stat().st_size < 15e6
    tab, asked, wrong = _opened(browser, path)
    before = tab.evaluate(PIXELS)
    facts = tab.evaluate("JSON.parse(document.getElementById('facts').textContent)")
    z = np.array(facts["draws"][0]["z"][0])
    _compare(before, run, z, 0)
    first = facts["sliders"][0]
    tab.locator("#sliders input[type=range]").first.fill(str(first["high"]))
    z[first["index"]] = float(tab.locator("#sliders input[type=range]").first.input_value())
    tab.wait_for_function("document.body.dataset.decoded >= 2")
    assert tab.evaluate(PIXELS) != before
    _compare(tab.evaluate(PIXELS), run, z, 0)
    tab.select_option("#sliders select", "3")
    tab.wait_for_function("document.body.dataset.decoded >= 3")
    _compare(tab.evaluate(PIXELS), run, z, 3)
    tab.click("#draw")
    tab.wait_for_function("document.body.dataset.decoded >= 4")
    chosen = [draw for draw in facts["draws"] if draw["y"] == 3][1]
    _compare(tab.evaluate(PIXELS), run, np.array(chosen["z"][0]), 3)
    assert not wrong
    assert all(url.startswith(("file:", "blob:")) for url in asked)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["text", "snli", "cells", "solids", "moving_digits"])
def test_a_page_shows_every_kind_of_data(browser, case, tmp_path):
    run = of_case(case, tmp_path)
    tab, _, wrong = _opened(browser, page.write(run, tmp_path).paths[0])
    facts = tab.evaluate("JSON.parse(document.getElementById('facts').textContent)")
    z = np.float32(facts["draws"][0]["z"][0]).reshape(1, *facts["inputs"][0]["shape"])
    x = run.decode(z, [0] if facts["condition"] else None)
    if lines := run.modality.texts(x, run.event):
        assert tab.inner_text("#shown .text") == (lines[0] or "∅")
    elif case == "cells":
        shown = [float(cell) for cell in tab.locator("#shown td:nth-child(2)").all_inner_texts()]
        np.testing.assert_allclose(shown, x[0] * run.event.values.scale, rtol=0.01)
    else:
        assert len(set(tab.evaluate(PIXELS))) > 1
    assert not wrong


def _opened(browser, path):
    """A tab with the page after its first example, what it asked for, and what went wrong."""
    tab = browser.new_context(offline=True).new_page()
    asked, wrong = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(path.absolute().as_uri())
    tab.wait_for_selector("#draw:enabled", timeout=120_000)
    return tab, asked, wrong


def _compare(pixels, run, z, label):
    wanted = np.rint(np.clip(run.decode(z[None], [label])[0, ..., 0], 0, 1) * 255).ravel()
    assert np.abs(np.array(pixels) - wanted).max() <= 1
