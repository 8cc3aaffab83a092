"""Models on the Hugging Face hub: exported directories go there and come from there.

Only files of data travel, by the ends of their names: no pickle, and no code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vae.config import flatten, own
from vae.config.axes.sets import EMBEDDED
from vae.errors import InputError
from vae.export.export import export, folder_of
from vae.files import user_path
from vae.run import Run
from vae.tasks.output import Output
from vae.training import tensors
from vae.training.arrays import digest
from vae.training.directory import check_writable, read_config

FILES = (
    *("*.safetensors", "*.json", "*.md", "*.onnx", "*.stablehlo", "*.html"),
    *("*.png", "*.gif", "*.wav", "*.csv", "*.txt"),
)


def push(run: Run, *, repo: str, private: bool = False, license: str | None = None) -> Output:
    """Puts the model on the Hugging Face hub, with its card.

    What is sent is the folder `exported` of the run, with all that vae export wrote there: weights
    and card are written first where they are missing or of another step. A card that you have
    edited stays. Log in first, with `hf auth login`.

    Examples:
      vae push --workdir=runs/faces --repo=USER/faces --license=cc-by-4.0
      vae push --workdir=runs/faces --repo=USER/faces --private

    Args:
      run: the run.
      repo: USER/NAME on the hub; it is made where it is missing.
      private: makes a new one private.
      license: of the weights, as in `vae export`; it has the card written anew.

    Returns:
      The folder, and {"url", "files"}.

    Raises:
      InputError: huggingface_hub is missing, or the hub refuses.
    """
    folder = folder_of(run)
    hub = _hub()
    if license or _written(folder) != digest(run.params):
        export(run, format="safetensors", license=license)
    with _told(hub, repo):
        api = hub.HfApi()
        url = api.create_repo(repo, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            allow_patterns=list(FILES),
            commit_message=f"Step {run.step:,}",
        )
    files = sorted({path.name for end in FILES for path in folder.glob(end)})
    return Output([folder], {"url": str(url), "files": files})


def pull(*, repo: str, out: Path, revision: str = "main") -> Output:
    """Fetches a model from the Hugging Face hub into a directory that vae.load takes.

    It fetches files of data alone, and refuses a model whose config names code of its author's.

    Examples:
      vae pull --repo=USER/faces --out=runs/faces
      vae pull --repo=USER/faces --out=runs/first --revision=v1

    Args:
      repo: USER/NAME on the hub.
      out: the directory, which is made.
      revision: a branch, a tag or a commit.

    Returns:
      The directory.

    Raises:
      InputError: huggingface_hub is missing, there is no such model, or it is none of these.
    """
    folder = user_path(out)
    check_writable(folder)
    if (folder / "checkpoints").exists():
        raise InputError(f"{folder} is the directory of a run: give another as --out.")
    hub = _hub()
    with _told(hub, repo):
        api = hub.HfApi()
        there = api.list_repo_files(repo, revision=revision)
        if tensors.FILE not in there:
            raise InputError(
                f"{repo} is no model of this package: it has no {tensors.FILE}, which `vae push` "
                "sends."
            )
        api.hf_hub_download(repo, "config.json", revision=revision, local_dir=folder)
        _check(folder, repo)
        api.snapshot_download(repo, revision=revision, local_dir=folder, allow_patterns=list(FILES))
    return Output([folder], {"repo": repo, "revision": revision})


def _check(folder: Path, repo: str) -> None:
    """Refuses a config that names modules, which `vae.load` would import and call."""
    config = read_config(folder)
    assert config is not None
    for key, value in flatten(config).items():
        embedded = key == "data.name" and str(value).partition(":")[0] in EMBEDDED
        if own.is_own(value) and not embedded:
            (folder / "config.json").unlink()
            raise InputError(
                f"{repo} needs code of its author's ({key}={value!r}), which is not fetched: ask "
                "for the file and for the directory, and look at both before you load it."
            )


def _written(folder: Path) -> str:
    """Returns the digest of the weights that a folder holds; "" if it holds none."""
    if not (folder / tensors.FILE).is_file():
        return ""
    return tensors.about(folder).get("params_sha256", "")


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise InputError("the hub needs a package: pip install 'vae-experiments[hub]'.") from None
    return huggingface_hub


@contextlib.contextmanager
def _told(hub: Any, repo: str) -> Iterator[None]:
    """Says in one sentence what went wrong between this machine and the hub."""
    errors = hub.errors
    try:
        yield
    except errors.GatedRepoError:
        raise InputError(f"{repo} asks for consent first: give it on its page.") from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"there is no model {repo} on the hub, or it is private: see to its name, and log in "
            "with `hf auth login`."
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(
            f"{repo} has no such revision: see its page for branches and tags."
        ) from None
    except errors.LocalEntryNotFoundError:
        raise InputError(f"{repo} could not be fetched whole: repeat the command.") from None
    except errors.HFValidationError as error:
        raise InputError(
            f"--repo={repo} is no name of a model: write USER/NAME ({error})."
        ) from None
    except errors.LocalTokenNotFoundError:
        raise InputError("you are not logged in to the hub: run `hf auth login`.") from None
    except errors.HfHubHTTPError as error:
        said = error.server_message or str(error).splitlines()[0]
        hint = ": log in with `hf auth login`" if error.response.status_code in (401, 403) else ""
        raise InputError(f"the hub refused {repo} ({said}){hint}.") from None
    except errors.HTTPError as error:
        raise InputError(
            f"the hub cannot be reached ({type(error).__name__}): see to the network, and repeat "
            "the command."
        ) from None
