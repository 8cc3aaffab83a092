"""The gallery of the documentation is that of the experiments as they are."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_gallery_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    written = (DOCS / "gallery.md").read_text("utf-8")
    assert written == gallery.page(), "run python docs/make_gallery.py"
