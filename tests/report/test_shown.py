"""What a command prints: figures to four digits with their errors, and where they are written."""

import json
import math
from pathlib import Path

from vae import Output
from vae.report.shown import as_text, table


def rows(figures):
    return [line.split() for line in table(figures).splitlines() if line]


def test_the_metrics_of_each_split_are_a_column_with_errors_and_units():
    metrics = {
        "valid/elbo": -92.951,
        "valid/elbo_stderr": 0.943,
        "test/nll": 88.8176,
        "test/n": 180,
    }
    status, head, *body = rows({"status": "completed", "metrics": metrics})
    assert status == ["status", "completed"] and head == ["valid", "test"]
    assert body == [
        ["nll", "(nats)", "88.82"],
        ["n", "180"],
        ["elbo", "(nats)", "-92.95", "±", "0.94"],
    ]


def test_what_has_the_same_figures_is_side_by_side():
    mse, psnr = {"mean": 0.25, "samples": 0.5}, {"mean": 12.0, "samples": math.nan}
    assert rows({"mse": mse, "psnr": psnr}) == [
        ["mse", "psnr", "(dB)"],
        ["mean", "0.2500", "12.00"],
        ["samples", "0.5000", "nan"],
    ]


def test_what_is_long_or_nothing_is_left_to_the_file():
    figures = {
        "digest": "f" * 64,
        "prior": None,
        "rows": [{"a": 1}],
        "few": [1.0, 2.5],
        "many": list(range(100)),
        "note": "The samples of 2 of 8 images have not mixed, so they may depend on the start.",
        "protocol": {"split": "test", "num_samples": 5, "weights": "averaged"},
        "error": "told elsewhere",
    }
    lines = table(figures).splitlines()
    assert lines[:2] == ["few   1.000, 2.500", "many  0 to 99 (100)"]
    assert lines[3:] == [figures["note"], "protocol: split test, num_samples 5, weights averaged"]


def test_the_paths_come_last_and_json_has_all_digits():
    output = Output([Path("a.png"), Path("b.json")], {"nll": 1 / 3, "none": math.inf})
    assert as_text(output).splitlines()[-2:] == ["a.png", "b.json"]
    found = json.loads(as_text(output, as_json=True))
    assert found == {"paths": ["a.png", "b.json"], "nll": 1 / 3, "none": None}
    assert as_text(Output([Path("a.png")])) == "a.png" and as_text(Output([])) == ""
    assert as_text(Output([Path("a.png")], {"x": 1}, "told so")) == "told so\n\na.png"


def test_sentences_wrap_where_the_terminal_ends(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = table({"protocol": {"data": "digits " * 20}}).splitlines()
    assert len(said) > 2 and max(map(len, said)) <= 60
