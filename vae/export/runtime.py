"""ONNX Runtime Web: the WebAssembly that computes ONNX files in a browser.

Its makers publish it with npm alone, in a package of 33 MB of which a page needs 3.7, compressed.
So npm fetches it once, when the first page is written, into the user's cache; another machine's
copy will do in its place. The version is fixed, and what was fetched is checked by its digest. It
is of Microsoft, under the MIT licence, which asks that its text goes with every copy: a page holds
that and the notices of what is compiled into it, from the Python package of the same library.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from vae.errors import InputError

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
PACKAGE = f"onnxruntime-web-{VERSION}.tgz"
SCRIPT = "package/dist/ort.wasm.bundle.min.mjs"
WASM = "package/dist/ort-wasm-simd-threaded.wasm"
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")  # of the Python package


class Runtime(NamedTuple):
    """What a page needs.

    Attributes:
      script: the module in JavaScript.
      wasm: the WebAssembly that it starts.
      notices: the licence and the notices, as text.
    """

    script: bytes
    wasm: bytes
    notices: str


def read() -> Runtime:
    """Returns the runtime, which is fetched first where it is not in the cache.

    Raises:
      InputError: it is not there and cannot be fetched, or it is damaged.
    """
    file = place()
    if not file.is_file():
        _fetch(file)
    content = file.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != SHA512:
        raise InputError(f"{file} is damaged: remove it, and it will be fetched again.")
    with tarfile.open(file) as package:
        script, wasm = (package.extractfile(name) for name in (SCRIPT, WASM))
        assert script and wasm
        return Runtime(script.read(), wasm.read(), _notices())


def place() -> Path:
    """Returns where the package lies on this machine."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "vae" / PACKAGE


def _fetch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    name = PACKAGE.removesuffix(".tgz").replace("web-", "web@")
    command = ["npm", "pack", name, "--silent", f"--pack-destination={file.parent}"]
    advice = (
        f"a page needs {PACKAGE}, which npm fetches: see to that, or copy the file to "
        f"{file.parent} from a machine where `npm pack {name}` works."
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        raise InputError(f"npm is not installed here, and {advice}") from None
    if done.returncode or not file.is_file():
        said = " ".join(done.stderr.split())[:200] or "no reason was given"
        raise InputError(f"npm could not fetch it ({said}), and {advice}")


def _notices() -> str:
    import onnxruntime

    folder = Path(onnxruntime.__file__).parent
    files = [folder / name for name in NOTICES if (folder / name).is_file()]
    return "\n\n".join(file.read_text("utf-8", "replace") for file in files)
