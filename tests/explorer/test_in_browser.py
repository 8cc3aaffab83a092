"""The explorer's page in a real browser, headless, with no network but the loopback interface.

apt-get install chromium && pip install playwright
pytest -n 0 -m slow tests/explorer/test_in_browser.py
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from configs import tiny

import vae

CHROMIUM = "/usr/bin/chromium"
TRAINED = {
    "model__likelihood": "gaussian",
    "optimizer__learning_rate": 3e-3,
    "training__steps": 200,
    "evaluation__every_steps": 0,
    "checkpoint__every_steps": 0,
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).is_file(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a run of the digits, as the command prints it."""
    workdir = tmp_path_factory.mktemp("explored")
    vae.train(tiny(**TRAINED), workdir)
    command = [sys.executable, "-m", "vae", "explore", f"--workdir={workdir}", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    os.environ.pop("DEBUG", None)
    with playwright.sync_playwright() as started:
        # Every other host is as it is without a network.
        rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", rules]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """The page, opened; it asked no other host for anything and had no error when it closes."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    wrong, asked = [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#moved img")
    yield page
    assert not wrong
    assert not [url for url in asked if not url.startswith((address, "data:"))]
    page.close()


def picture(page, place):
    """The content of the first picture at a place."""
    return page.locator(f"{place} img").first.get_attribute("src")


def changes(page, place, before):
    """Waits until the first picture at a place is another than before, and returns it."""
    page.wait_for_selector(f'{place} figure:first-child img:not([src="{before}"])')
    return picture(page, place)


def test_a_slider_moves_the_picture_and_back(page):
    decoded = page.locator("#shown img").nth(1).get_attribute("src")
    assert picture(page, "#moved") == decoded
    page.locator("#latents input[type=range]").first.fill("2.5")
    moved = changes(page, "#moved", decoded)
    page.locator("#edits input[type=range]").nth(3).fill("1.5")
    changes(page, "#moved", moved)
    page.click("#reset")
    page.wait_for_selector(f'#moved img[src="{decoded}"]')


def test_another_example_is_chosen(page):
    first = picture(page, "#shown")
    page.locator(".example").nth(5).click()
    changes(page, "#shown", first)


def test_a_wrong_file_is_a_sentence_and_a_right_one_an_example(page, write_images, tmp_path):
    number = page.locator(".example").count()
    wrong = {"name": "holiday.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.set_input_files("#file", wrong)
    page.wait_for_selector("#said:not([hidden])")
    assert page.inner_text("#said span").startswith("holiday.png cannot be read as an image")
    folder = write_images(tmp_path / "own", 1)
    page.set_input_files("#file", folder / "0000.png")
    page.wait_for_selector(f".example:nth-child({number + 1}).first")
    assert page.locator("#said").is_hidden()


def test_the_way_and_samples_are_drawn(page):
    page.click("[data-tab=between]")
    page.wait_for_selector("#strip img")
    middle = page.locator("#ends img").nth(1).get_attribute("src")
    page.locator("#way input[type=range]").fill("0.9")
    page.wait_for_selector(f'#ends figure:nth-child(2) img:not([src="{middle}"])')
    page.click("[data-tab=sample]")
    page.wait_for_selector("#samples img")
    before = picture(page, "#samples")
    page.locator("#settings input[type=range]").first.fill("0.3")
    cold = changes(page, "#samples", before)
    page.click("#again")
    changes(page, "#samples", cold)
    page.locator("#samples figure").nth(2).click()
    page.wait_for_selector("#change:not([hidden]), #said:not([hidden])")
    assert page.locator("#said").is_hidden(), page.inner_text("#said")


def test_what_is_painted_over_is_filled_in(page):
    page.click("[data-tab=fill]")
    page.click("#start")
    page.wait_for_selector("#said:not([hidden])")
    assert page.inner_text("#said span").startswith("Nothing is painted")
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4, steps=8)
    page.mouse.up()
    page.click("#start")
    page.wait_for_selector("#filled img", timeout=120_000)
    assert page.locator("#filled figure").count() == 4
    assert page.locator("#said").is_hidden() and page.locator("#start").is_enabled()
