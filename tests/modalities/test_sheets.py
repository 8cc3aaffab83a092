"""A sheet of examples as files."""

import numpy as np

from vae.modalities.sheets import Sheet

PICTURE = np.zeros((4, 5, 3), np.uint8)


def test_a_sheet_is_a_picture_with_its_text_and_files_beside_it(tmp_path):
    files = {".csv": b"a,b\n", "/00.wav": b"0", "/01.wav": b"1"}
    path = tmp_path / "new" / "samples_t0.5.png"
    paths = Sheet(PICTURE, "Größe\nzwei", files).save(path)
    folder = tmp_path / "new" / "samples_t0.5"
    assert paths == [path, *(path.with_suffix(end) for end in (".txt", ".csv")), folder]
    assert paths[1].read_text("utf-8") == "Größe\nzwei\n"
    assert paths[2].read_bytes() == b"a,b\n"
    assert sorted(file.name for file in folder.iterdir()) == ["00.wav", "01.wav"]


def test_a_sheet_that_is_looked_at_is_one_file(tmp_path):
    assert Sheet(PICTURE).save(tmp_path / "a.png") == [tmp_path / "a.png"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
