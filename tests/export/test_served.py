"""The server that docs/export.md shows answers with what the run decodes."""

import json
import threading
import urllib.request
from http.server import HTTPServer
from pathlib import Path

import numpy as np
from exporting import closest, on_disk
from test_docs import blocks

from vae.export import functions, onnx_file

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"


def test_the_server_of_the_page_decodes(tmp_path, monkeypatch):
    run = on_disk(tmp_path)
    decoder = functions.decoder_of(run)
    (tmp_path / "decoder.onnx").write_bytes(onnx_file.content_of(run, decoder))
    (program,) = [text for language, text in blocks(PAGE) if "HTTPServer(" in text]
    assert "8000" in program
    monkeypatch.chdir(tmp_path)
    serving, servers = threading.Event(), []

    def serve_forever(self, serve=HTTPServer.serve_forever):
        servers.append(self)
        serving.set()
        serve(self)

    monkeypatch.setattr(HTTPServer, "serve_forever", serve_forever)
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.log_message", lambda *_: None)
    code = compile(program.replace("8000", "0"), str(PAGE), "exec")
    threading.Thread(target=exec, args=(code, {"__name__": "server"}), daemon=True).start()
    assert serving.wait(60)
    try:
        z = np.ones((2, 4), np.float32)
        address = f"http://127.0.0.1:{servers[0].server_port}"
        with urllib.request.urlopen(address, json.dumps(z.tolist()).encode()) as answer:
            made = np.array(json.loads(answer.read()))
    finally:
        servers[0].shutdown()
        servers[0].server_close()
    assert closest(made, run.decode(z)) < 1e-6
