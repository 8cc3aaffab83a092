"""Opens a run as a page: latents to move, attributes to edit, examples to fill in."""

from __future__ import annotations

from vae import terminal
from vae.annotations import Seed
from vae.explorer.answers import Explorer
from vae.explorer.server import Server
from vae.run import Run
from vae.tasks.output import Output

PORT = 7860


def explore(run: Run, *, port: Seed = PORT) -> Output:
    """Serves a page on this machine on which you move latents and see what changes.

    It has sliders for the latents that are in use and for attributes, a place to drop files of your
    own, ways from one example to another, samples, and a brush that paints over what an image is to
    be filled in at. Open the address that it prints; Ctrl-C ends it. Only this machine can connect,
    and nothing is fetched from any other: for a run on a server, `ssh -L 7860:127.0.0.1:7860
    SERVER` brings the page to your own.

    Examples:
      vae explore --workdir=runs/faces
      vae explore --workdir=runs/faces --port=8000 --step=best

    Args:
      run: the run.
      port: where the page is served, http://127.0.0.1:PORT; 0 takes a free one.

    Returns:
      Nothing: it has no end of its own.

    Raises:
      InputError: another program has the port.
    """
    with terminal.Progress("getting ready"):
        explorer = Explorer(run)
    with Server(explorer, port) as server:
        print(f"{run.workdir} is open at {server.address} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return Output([])
