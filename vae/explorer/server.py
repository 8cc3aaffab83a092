"""Serves the explorer's page on the loopback interface, with the standard library alone.

    GET  /               the page
    GET  /doing          what is being worked on, a line of text
    POST /ask/QUESTION   a question of ASKED with its settings as JSON; its answer as JSON
    POST /files?name=    a person's own file, and its labels; the examples in it as JSON

Where a question cannot be answered, the answer is {"error": a sentence}.

Only this machine can connect. A page of another site that is open in the same browser is refused,
too: what it asks names another host, or comes from another origin.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vae.errors import InputError, reason
from vae.explorer.answers import Explorer
from vae.report.html import render
from vae.training.directory import as_json

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
LOCAL = re.compile(rf"({re.escape(HOST)}|localhost)(:\d+)?")
ASKED = ("chosen", "changed", "between", "sampled", "kept", "filled")
LARGEST = 2**28  # bytes of a file
FLOAT = 1e38  # beyond, a number is infinite to a model


class Server(ThreadingHTTPServer):
    """Serves an explorer.

    Args:
      explorer: who answers.
      port: the port; 0 takes a free one.

    Raises:
      InputError: another program has the port.
    """

    daemon_threads = True

    def __init__(self, explorer: Explorer, port: int) -> None:
        self.explorer = explorer
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            raise InputError(
                f"--port={port} cannot be taken ({getattr(error, 'strerror', error)}): give "
                "another."
            ) from None

    @property
    def address(self) -> str:
        """Returns what is typed into a browser."""
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server
    protocol_version = "HTTP/1.1"  # one connection for all questions
    wbufsize = -1  # an answer leaves in one piece,
    disable_nagle_algorithm = True  # and at once

    def do_GET(self) -> None:
        if not self._is_ours():
            return
        if self.path == "/":
            title = f"{self.server.explorer.run.workdir.name}, explored"
            page = render("explorer.html", title=title, run=self.server.explorer.described())
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", page.encode())
        elif self.path == "/doing":
            doing = self.server.explorer.doing()
            self._send(HTTPStatus.OK, "text/plain; charset=utf-8", doing.encode())
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.")

    def do_POST(self) -> None:
        told = self.headers.get("Content-Length", "0")
        length = int(told) if told.isdecimal() else LARGEST + 1
        if length > LARGEST:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the file is too large.")
            return
        content = self.rfile.read(length)
        if not self._is_ours():
            return
        path, _, query = self.path.partition("?")
        explorer, question = self.server.explorer, path.removeprefix("/ask/")
        if path == "/files":
            given = urllib.parse.parse_qs(query)
            labels = given.get("labels", ())
            self._answer(lambda: explorer.added(given.get("name", [""])[0], content, labels))
        elif path.startswith("/ask/") and question in ASKED:
            self._answer(lambda: _called(getattr(explorer, question), content))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such question.")

    def _answer(self, found: Callable[[], Any]) -> None:
        try:
            answer = as_json(found())
        except InputError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except OSError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, reason(error))
        except Exception:
            logger.exception("the explorer failed at %s", self.path)
            sentence = "This failed; what the terminal says of it is an error of the program."
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        else:
            self._send(HTTPStatus.OK, "application/json", answer.encode())

    def _is_ours(self) -> bool:
        """Refuses what another site has a browser ask, and returns whether it is our own page."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if LOCAL.fullmatch(host) and origin in (None, f"http://{host}"):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "only the explorer's own page may ask.")
        return False

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, "application/json", json.dumps({"error": sentence}).encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Keeps the terminal for what a person should read."""


def _called(answer: Callable[..., Any], content: bytes) -> Any:
    """Returns the answer to settings, a JSON object.

    Raises:
      InputError: they are no settings of the question.
    """
    signature = inspect.signature(answer)
    try:
        settings = json.loads(content)
        signature.bind(**settings)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"the page asked what cannot be read: {error}.") from None
    for name, value in settings.items():
        if not _fits(value, kind := signature.parameters[name].annotation):
            raise InputError(f"the page asked what cannot be read: {name} is no {kind}.")
    return answer(**settings)


def _fits(value: Any, kind: str) -> bool:
    """Returns whether a value of JSON is of the kind that an annotation of a question names."""
    outer, bracket, inner = kind.removesuffix("]").partition("[")
    if bracket and outer == "Sequence":
        return isinstance(value, list) and all(_fits(each, inner) for each in value)
    if bracket:
        of = inner.removeprefix("str, ")
        return isinstance(value, dict) and all(_fits(each, of) for each in value.values())
    if kind.endswith(" | None"):
        return value is None or _fits(value, kind.removesuffix(" | None"))
    if kind in ("str", "bool"):
        return type(value).__name__ == kind
    if kind == "int":
        return type(value) is int and abs(value) < 2**63
    return type(value) in (int, float) and abs(value) <= FLOAT
