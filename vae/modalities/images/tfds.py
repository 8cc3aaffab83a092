"""Reads any image data set of tensorflow-datasets, which is prepared once as array_record.

Reading needs no TensorFlow. Preparing does, and needs a network unless the original files are in
`data.manual_dir`. Prepared sets are in the directory that the environment variable TFDS_DATA_DIR
names, else in ~/tensorflow_datasets.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import io
import logging
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae import terminal
from vae.config.axes.sets import EMBEDDED
from vae.data.examples import ArrayExamples, Examples, Raw, Source
from vae.data.splits import order
from vae.data.unreadable import Unreadable
from vae.errors import InputError
from vae.files import user_path
from vae.modalities.images.decoding import Fit
from vae.modalities.images.records import Label, RecordExamples
from vae.probability.event import BINARY, BYTES, Values

logger = logging.getLogger(__name__)

# A set up to this size on disk is sorted by content, for which it is read through once; a larger
# one keeps the order of its records. It is a constant, so that splits are the same on any machine.
_SORTED_BYTES = 1024**3
_CONNECT_SECONDS = 10


def read(name: str, fit: Fit, manual_dir: str, threads: int) -> Source:
    """Returns the splits of a set of tensorflow-datasets, and prepares it first where needed.

    Raises:
      InputError: the name is unknown, the set cannot be downloaded or prepared, has no uint8
        images, or has images of several sizes and `fit` does not bring them to one.
    """
    with _quiet() as tfds:
        builder = _prepared(tfds, name, manual_dir)
        image_key, label = _features(tfds, builder)
        prepared = builder.info.features[image_key].shape
        grey = fit.shape(prepared)[2] == 1
        fit = replace(fit, channels=1 if grey else 3)  # transparency is not kept
        shape = fit.shape(prepared)
        if None in shape:
            raise InputError(
                f'data.name = "{name}" has images of different sizes: '
                "set data.image_size to the height and width you want."
            )
        # Images are decoded here: only the feature that is wanted, by the rules of all readers.
        decoders = {
            key: tfds.decode.SkipDecoding()
            for key, feature in builder.info.features.items()
            if isinstance(feature, tfds.features.Image)
        }
        infos = {split: info for split, info in builder.info.splits.items() if info.num_examples}
        try:
            sources = {split: builder.as_data_source(split, decoders=decoders) for split in infos}
        except NotImplementedError:
            raise InputError(
                f'data.name = "{name}" is prepared in {builder.data_path} in a format without '
                "random access: move that directory away, or set TFDS_DATA_DIR to another place, "
                "and it is prepared as array_record."
            ) from None
    total = sum(info.num_examples for info in infos.values())
    unreadable = Unreadable(name, total)
    records = {
        split: RecordExamples(
            source,
            f"{name} {split}",
            np.arange(len(source)),
            image_key,
            label,
            fit,
            shape,
            unreadable,
        )
        for split, source in sources.items()
    }
    splits: dict[str, Examples] = dict(records)
    values = BYTES
    if sum(info.num_bytes for info in infos.values()) <= _SORTED_BYTES:
        splits, values = _sorted_by_content(records, threads)
    classes = label.key and not label.attributes
    names = tuple(builder.info.features[label.key].names) if classes else ()
    numbers = tuple(map(str, range(len(names))))
    if "validation" in splits:
        splits["valid"] = splits.pop("validation")  # the name in every other source
    description = f"{builder.info.full_name} of tensorflow-datasets"
    return Source(
        splits,
        values,
        len(names),
        description,
        label.attributes,
        () if names == numbers else names,
    )


def _sorted_by_content(
    splits: dict[str, RecordExamples], threads: int
) -> tuple[dict[str, Examples], Values]:
    """Reads all splits once and sorts them like sets in memory; keeps small sets in memory."""
    keep = sum(examples.nbytes for examples in splits.values()) <= _SORTED_BYTES
    result: dict[str, Examples] = {}
    highest = 0
    for name, examples in splits.items():
        chunks = np.array_split(np.arange(len(examples)), -(-len(examples) // 256))
        hashes: list[bytes] = []
        parts: list[tuple[Raw, np.ndarray]] = []
        with ThreadPoolExecutor(max(1, threads)) as pool:
            for raw, ok, part, high in pool.map(examples.read_with_digests, chunks):
                hashes += part
                highest = max(highest, high)
                if keep:
                    parts.append((raw, ok))
        kept: Examples = examples
        if keep:
            raw, ok = jax.tree.map(lambda *columns: np.concatenate(columns), *parts)
            kept = ArrayExamples(raw, ok, identities=examples.identities)
        result[name] = kept.take(order(hashes))
    return result, BINARY if highest <= 1 else BYTES


def _features(tfds: Any, builder: Any) -> tuple[str, Label]:
    """Returns the name of the image and where the label is, found by the types of features.

    The label is a class, else attributes: a group of features that are all true or false.

    Raises:
      InputError: the set does not have exactly one image of bytes.
    """
    features = builder.info.features
    images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
    if "image" in images:
        images = ["image"]
    if len(images) != 1 or features[images[0]].np_dtype != np.uint8:
        raise InputError(
            f'data.name = "{builder.name}" has no single feature that is an image of bytes, only '
            f"{', '.join(features.keys())}: choose an image data set."
        )
    labels = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    identity: tuple[str, ...] = ("identity", "Identity_No")  # of celeb_a
    groups = {k: f for k, f in features.items() if isinstance(f, tfds.features.FeaturesDict)}
    if identity[1] not in groups.get(identity[0], ()):
        identity = ()
    if labels:
        return images[0], Label("label" if "label" in labels else labels[0], (), identity)
    for key, group in groups.items():
        if all(f.shape == () and f.np_dtype == np.bool_ for f in group.values()):
            # Sorted, for the order of features depends on how a set was opened.
            return images[0], Label(key, tuple(sorted(group.keys())), identity)
    return images[0], Label(identity=identity)


def _prepared(tfds: Any, name: str, manual_dir: str) -> Any:
    """Returns the builder of a prepared set, and prepares it first where needed."""
    # Given here, for tensorflow-datasets reads the variable only when it is imported.
    data_dir = os.environ.get("TFDS_DATA_DIR")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        close = difflib.get_close_matches(name, [*known, *EMBEDDED], n=3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise InputError(
            f'data.name = "{name}" is none of {", ".join(EMBEDDED)}, nor a set of '
            f"tensorflow-datasets: {hint}For files of your own give data.path."
        ) from None
    except Exception as error:
        raise InputError(f'data.name = "{name}" cannot be opened: {_line(error)}.') from error
    _features(tfds, builder)  # raises before hours of downloading
    if builder.is_prepared():
        return builder
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f'data.name = "{name}" is not prepared in {builder.data_path} and preparing it needs '
            "TensorFlow: run pip install 'vae-experiments[prepare]', or copy that directory from a "
            "machine that has it."
        )
    if manual_dir and not user_path(manual_dir).is_dir():
        raise InputError(f"data.manual_dir = {manual_dir} is no directory: give the files' place.")
    by_hand = (
        "put its original files into a directory and give that as data.manual_dir, "
        "or give images as data.path"
    )
    if host := _unreachable(builder, manual_dir):
        raise InputError(
            f'data.name = "{name}" is not prepared in {builder.data_path} and cannot be '
            f"downloaded, for {host} cannot be reached: {by_hand}."
        )
    logger.info("Preparing %s in %s; this is done once.", name, builder.data_path)
    config = tfds.download.DownloadConfig(
        manual_dir=user_path(manual_dir) if manual_dir else None, try_download_gcs=False
    )
    try:
        with _Preparing(builder):
            builder.download_and_prepare(file_format="array_record", download_config=config)
    except Exception as error:
        prepared = tfds.builder(name, data_dir=data_dir)
        if prepared.is_prepared():  # by another process meanwhile
            return prepared
        raise InputError(
            f'data.name = "{name}" cannot be downloaded and prepared ({_line(error)}): {by_hand}.'
        ) from error
    return tfds.builder(name, data_dir=data_dir)


class _Preparing(terminal.Progress):
    """Shows how much of a set that is being downloaded and prepared has been written."""

    def __init__(self, builder: Any) -> None:
        super().__init__(f"preparing {builder.name}")
        self._downloads = Path(builder.data_dir_root) / "downloads" / builder.name
        self._places = self._downloads, Path(builder.data_path).parent
        self._before = self._written()

    def parts(self, *, curve: bool = False) -> list[terminal.Part]:
        written = (self._written() - self._before) / 2**20
        return [*super().parts(curve=curve), terminal.Part(2, f"{written:,.0f} MiB")]

    def _written(self) -> int:
        """Returns the bytes of the files in these places, and in folders there."""
        size = 0
        for place in self._places:
            for file in (*place.glob("*"), *place.glob("*/*")):
                with contextlib.suppress(OSError):  # it was renamed meanwhile
                    size += file.stat().st_size if file.is_file() else 0
        return size


def _unreachable(builder: Any, manual_dir: str) -> str | None:
    """Returns a host of the set's files that does not answer; None where all do.

    This is asked first because a download without a network gives up only after minutes. Nothing is
    asked where a proxy or an earlier download makes the answer meaningless.
    """
    downloads = Path(builder.data_dir_root) / "downloads" / builder.name
    if urllib.request.getproxies() or (downloads.is_dir() and any(downloads.iterdir())):
        return None
    given = user_path(manual_dir) if manual_dir else None
    missing = {
        urllib.parse.urlsplit(url)
        for url, info in (builder.url_infos or {}).items()
        if not (given and info.filename and (given / info.filename).exists())
    }
    ports = {"http": 80, "https": 443, "ftp": 21}
    for host, port in sorted({(u.hostname, u.port or ports.get(u.scheme)) for u in missing}):
        try:
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
        except OSError:
            return host
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Yields the module tensorflow_datasets, with its logs and progress bars suppressed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow_datasets as tfds  # takes half a second; not every run needs it
    from tensorflow_datasets.core.download import downloader

    retries = getattr(downloader, "MAX_RETRIES", None)
    loggers = {logging.getLogger(n): logging.ERROR for n in ("absl", "urllib3.connectionpool")}
    before = {logger: logger.level for logger in loggers}
    try:
        for logger, level in loggers.items():
            logger.setLevel(level)
        if retries:
            downloader.MAX_RETRIES = 3  # ten take more than three minutes to fail
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            yield tfds
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
        if retries:
            downloader.MAX_RETRIES = retries
        tfds.enable_progress_bar()


def _line(error: Exception) -> str:
    """Returns the first line of an error's message, cut to a readable length."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return line if len(line) <= 200 else line[:200] + "..."
