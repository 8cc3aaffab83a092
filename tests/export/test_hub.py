"""Models go to the hub and come from it: a stand-in on the loopback speaks its protocol."""

import base64
import json
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from exporting import on_disk

import vae
from vae.errors import InputError
from vae.export import card
from vae.export.hub import pull, push

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as `push` and `pull` ask for; `files` are those of its one model."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != "Bearer hf_right":
            self._json({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            name = json.loads(body)
            self._json({"url": f"{self.server.url}/{name['organization']}/{name['name']}"})
        elif self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            regular = {"uploadMode": "regular", "shouldIgnore": False}
            self._json({"files": [{"path": each["path"], **regular} for each in files]})
        elif self.path.endswith("/commit/main"):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.files[line["value"]["path"]] = content
            url = f"{self.server.url}/me/digits/commit/{COMMIT}"
            self._json({"success": True, "commitUrl": url, "commitOid": COMMIT})
        else:
            self._json({"valid": True} if "yaml" in self.path else {}, 200)

    def do_GET(self):
        _, *names = self.path.partition("?")[0].split("/")
        if names[:3] == ["api", "models", "me"] and names[3] == "digits":
            siblings = [{"rfilename": name} for name in self.files]
            tree = [
                {"type": "file", "path": name, "size": len(x), "oid": "0" * 40}
                for name, x in self.files.items()
            ]
            whole = {"id": "me/digits", "sha": COMMIT, "siblings": siblings, "tags": []}
            self._json(tree if "tree" in names else whole)
        elif names[:2] == ["me", "digits"] and names[-1] in self.files:
            self._send(self.files[names[-1]])
        else:
            self._json({"error": "Repository not found"}, 404, "RepoNotFound")

    do_HEAD = do_GET

    def _json(self, value, status=200, code=""):
        self._send(json.dumps(value).encode(), status, code)

    def _send(self, content, status=200, code=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(content) & 0xFFFFFFFF:08x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    import huggingface_hub.constants as constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    monkeypatch.setattr(Hub, "files", {})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Hub
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("run"))


@pytest.fixture(autouse=True)
def short_card(monkeypatch):
    """The card is written without samples, which take long to compile."""

    def write(run, folder, license):
        (folder / "README.md").write_text("A card.")
        return [folder / "README.md"]

    monkeypatch.setattr(card, "write", write)


def test_a_model_goes_to_the_hub_and_comes_back(hub, run, tmp_path):
    (run.workdir / "exported").mkdir(exist_ok=True)
    (run.workdir / "exported" / "notes.pkl").write_bytes(b"a pickle")
    output = push(run, repo="me/digits")
    assert output.figures["url"].endswith("/me/digits")
    assert {"model.safetensors", "config.json", "README.md"} <= set(hub.files)
    assert not [name for name in hub.files if name.endswith(".pkl")]
    hub.files["evil.pkl"] = b"a pickle"
    pull(repo="me/digits", out=tmp_path / "there")
    assert not (tmp_path / "there" / "evil.pkl").exists()
    assert vae.load(tmp_path / "there").source == run.source


def test_a_card_that_was_edited_stays(hub, run):
    push(run, repo="me/digits")
    card = run.workdir / "exported" / "README.md"
    card.write_text(card.read_text() + "\nMine.\n")
    push(run, repo="me/digits")
    assert hub.files["README.md"].endswith(b"Mine.\n")


def test_a_model_that_needs_code_is_not_fetched(hub, run, tmp_path):
    push(run, repo="me/digits")
    config = json.loads(hub.files["config.json"])
    config["model"]["prior"] = "subprocess:check_output"
    hub.files["config.json"] = json.dumps(config).encode()
    with pytest.raises(InputError, match=r"needs code of its author's .model.prior='subprocess"):
        pull(repo="me/digits", out=tmp_path / "there")
    assert not list((tmp_path / "there").glob("*.json"))


def test_what_the_hub_refuses_is_one_sentence(hub, run, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no model me/faces on the hub"):
        pull(repo="me/faces", out=tmp_path / "there")
    hub.files["pytorch_model.bin"] = b""
    with pytest.raises(InputError, match=r"me/digits is no model of this package: it has no model"):
        pull(repo="me/digits", out=tmp_path / "there")
    with pytest.raises(InputError, match="write USER/NAME"):
        pull(repo="me/digits/more", out=tmp_path / "there")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(InputError, match="log in with `hf auth login`"):
        push(run, repo="me/digits")
    shutil.rmtree(tmp_path / "there", ignore_errors=True)


def test_a_hub_that_is_not_reached_is_one_sentence(run, monkeypatch, tmp_path):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between its tries
    with pytest.raises(InputError, match="the hub cannot be reached"):
        pull(repo="me/digits", out=tmp_path / "there")
