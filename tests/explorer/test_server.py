"""The explorer's page over HTTP, from this machine alone."""

import http.client
import json
import re
import threading

import pytest

from vae.errors import InputError
from vae.explorer.server import Server


@pytest.fixture(scope="module")
def server(explorer):
    with Server(explorer, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def asked(server):
    """Returns a function that asks and returns the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)

    def ask(path, body=None, **headers):
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read().decode()
        json_sent = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(content) if json_sent else content

    yield ask
    connection.close()


def test_the_page_needs_no_network(asked):
    status, page = asked("/")
    assert status == 200 and "default-src 'none'" in page and "connect-src 'self'" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|https?://|@import|url\(""", page)
    assert asked("/favicon.ico")[0] == 404


def test_a_question_is_answered_and_a_wrong_one_is_a_sentence(asked, explorer):
    status, answer = asked("/ask/changed", '{"example": 1}')
    assert (status, answer) == (200, explorer.changed(1))
    assert asked("/doing") == (200, "")
    status, answer = asked("/ask/changed", '{"of": 1}')
    assert status == 422 and answer["error"].startswith("the page asked what cannot be read")
    status, answer = asked("/files?name=a.png", b"\x00\x01")
    assert status == 422 and answer["error"].startswith("a.png cannot be read as an image")
    assert asked("/ask/doing", "{}")[0] == asked("/ask/_add", "{}")[0] == 404


@pytest.mark.parametrize(
    ("question", "settings", "said"),
    [
        ("changed", {"example": 99}, "there is no example 99: they are numbered from 0 to 11"),
        ("changed", {"example": -1}, "there is no example -1"),
        ("changed", {"example": 1.5}, "example is no int"),
        ("changed", {"example": 0, "latents": {"99": 1.0}}, "there is no slider of the latent 99"),
        ("changed", {"example": 0, "latents": {"0": "1"}}, "latents is no Mapping"),
        ("changed", {"example": 0, "latents": {"0": 1e300}}, "latents is no Mapping"),
        ("changed", {"example": 0, "label": 7}, "label is no str"),
        ("between", {"first": 0, "last": 1, "shares": [0, "1"]}, "shares is no Sequence"),
        ("between", {"first": 0, "last": 1, "shares": [0.5], "method": "no"}, "must be one of"),
        ("sampled", {"seed": 2**70}, "seed is no int"),
        ("sampled", {"temperature": -1}, "temperature=-1 must be one number and not negative"),
        (
            "filled",
            {"example": 0, "painted": "01", "sweeps": 1, "samples": 1},
            "each of the places",
        ),
    ],
)
def test_numbers_out_of_range_are_a_sentence(asked, caplog, question, settings, said):
    status, answer = asked(f"/ask/{question}", json.dumps(settings))
    assert status == 422 and said in answer["error"] and not caplog.text


def test_an_error_of_the_program_is_no_end_of_it(asked, caplog, explorer, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(explorer, "_item", lambda *_: [][0])
        status, answer = asked("/ask/changed", '{"example": 1}')
    assert status == 500 and "error of the program" in answer["error"]
    assert "IndexError" in caplog.text and asked("/ask/changed", '{"example": 1}')[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "[bad"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_other_sites_may_not_ask(asked, headers):
    for path, body in (("/", None), ("/ask/changed", '{"example": 1}'), ("/files?name=a", b"")):
        assert asked(path, body, **headers)[0] == 403


def test_its_own_page_may_ask_through_a_tunnel(asked):
    ours = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
    assert asked("/ask/changed", '{"example": 1}', **ours)[0] == 200


def test_a_port_that_is_taken_is_one_sentence(server, explorer):
    with pytest.raises(InputError, match=f"--port={server.server_port} cannot be taken"):
        Server(explorer, server.server_port)
    with pytest.raises(InputError, match="--port=70000 cannot be taken"):
        Server(explorer, 70_000)
