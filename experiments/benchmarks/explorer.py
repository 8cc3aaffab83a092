"""Measures how soon `vae explore` answers: from a slider's change to the picture in Chromium.

    vae explore --workdir=runs/faces --port=7861 &
    python -m experiments.benchmarks.explorer http://127.0.0.1:7861/

It needs Debian's chromium and `pip install playwright`. A slider of each kind is moved 100 times,
each time when the picture before has been decoded; the first five are not counted.
"""

import sys

import numpy as np
from playwright.sync_api import sync_playwright

CHANGES, LEFT_OUT = 100, 5
SLIDERS = {"latent": "#latents", "attribute": "#edits", "between two": "#way"}
MEASURE = """
async ([box, number, picture]) => {
  const slider = document.querySelector(`${box} input[type=range]`);
  const [low, high] = [+slider.min, +slider.max], times = [];
  for (let i = 0; i < number; i++) {
    const image = document.querySelector(picture), before = performance.now();
    const loaded = new Promise((ready) => image.addEventListener("load", ready, { once: true }));
    slider.value = low + (high - low) * ((i * 0.37) % 1);
    slider.dispatchEvent(new Event("input"));
    await loaded;
    await image.decode();
    times.push(performance.now() - before);
  }
  return times;
}
"""


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_selector("#moved img")
        print(f"{'slider':12}  {'median':>7}  {'95%':>7}  {'longest':>7}  ms")
        for name, box in SLIDERS.items():
            picture = "#moved img"
            if name == "between two":
                page.click("[data-tab=between]")
                page.wait_for_selector("#strip img")
                picture = "#ends figure:nth-child(2) img"
            times = np.array(page.evaluate(MEASURE, [box, CHANGES, picture]))[LEFT_OUT:]
            figures = (np.median(times), np.percentile(times, 95), times.max())
            print(f"{name:12}  " + "  ".join(f"{figure:7.1f}" for figure in figures))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
