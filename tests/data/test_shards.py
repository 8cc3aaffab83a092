"""Shards: what is read from them, in which order, and what is refused."""

import io
import json
import os
import tarfile
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image

from vae import modalities
from vae.data import order
from vae.data.batches import Batches, evaluation_batches
from vae.data.examples import spread
from vae.data.shards import held, tf_example
from vae.data.shards.find import find
from vae.data.shards.web_dataset import members_of
from vae.errors import InputError

FORMATS = ("parquet", "array_record", "tar")
N = 60
_RANDOM = np.random.default_rng(0)
IMAGES = _RANDOM.integers(0, 256, (N, 6, 5, 3), np.uint8)
AGE = _RANDOM.normal(size=N)
NAMES = [("anna", "bert", "")[i % 3] for i in range(N)]


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def npy(image):
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


def records(rows, encode=png):
    for i in rows:
        yield {
            **{"image": encode(IMAGES[i]), "label": i % 4, "age": float(AGE[i])},
            "identity": NAMES[i],
        }


def write(path, rows, **options):
    """Writes a shard of the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    group = options.pop("group", 7)
    found = list(rows)
    if path.suffix == ".parquet":
        columns = {name: [record[name] for record in found] for name in found[0]}
        pq.write_table(pa.table(columns), path, row_group_size=group, **options)
    elif path.suffix == ".array_record":
        writer = ArrayRecordWriter(str(path), f"group_size:{options.get('grouped', 1)}")
        for record in found:
            writer.write(record if isinstance(record, bytes) else tf_example.encode(record))
        writer.close()
    else:
        with tarfile.open(path, "w") as tar:
            for i, record in enumerate(found):
                image, label = record.pop("image"), record.pop("label", None)
                end = "npy" if image.startswith(b"\x93") else "png"
                members = {end: image, "json": json.dumps(record).encode()}
                if label is not None:
                    members["cls"] = str(label).encode()
                for name, content in members.items():
                    info = tarfile.TarInfo(f"{i:04d}.{name}")
                    info.size, info.mtime = len(content), 0.5  # which takes an extended header
                    tar.addfile(info, io.BytesIO(content))


def in_three(directory, suffix, encode=png, **options):
    for k in range(3):
        rows = range(20 * k, 20 * k + 20)
        write(directory / f"a-{k}.{suffix}", records(rows, encode), **options)
    return directory


def everything(dataset):
    """The images, labels and identities of all splits."""
    splits = (dataset.train, dataset.valid, dataset.test)
    values = np.concatenate([x.read(np.arange(len(x)))[0].values for x in splits])
    return values, *(
        np.concatenate([getattr(x, n) for x in splits]) for n in ("labels", "identities")
    )


def rows_of(values):
    number = {image.tobytes(): i for i, image in enumerate(IMAGES)}
    return [number[image.tobytes()] for image in values]


@pytest.mark.parametrize("encode", [png, npy])
@pytest.mark.parametrize("suffix", FORMATS)
def test_images_labels_attributes_and_identities_come_from_every_format(
    suffix, encode, tmp_path, configure
):
    in_three(tmp_path, suffix, encode)
    dataset = modalities.load(configure(path=tmp_path, device_bytes=1))
    values, labels, identities = everything(dataset)
    rows = rows_of(values)
    assert sorted(rows) == list(range(N)) and rows != sorted(rows)
    np.testing.assert_array_equal(labels, np.arange(N)[rows] % 4)
    people = np.array(NAMES)[rows]
    assert {(p, int(i)) for p, i in zip(people, identities, strict=True)} == {
        *{("", -1), ("anna", 1), ("bert", 2)}
    }
    told = modalities.load(configure(path=tmp_path, device_bytes=1, covariates="age,label"))
    assert told.attributes == ("age", "label")
    np.testing.assert_allclose(everything(told)[1][:, 0], AGE[rows_of(everything(told)[0])], 1e-6)
    kept = modalities.load(configure(path=tmp_path))  # in memory: the same, in the same order
    np.testing.assert_array_equal(everything(kept)[0], values)
    assert kept.digest == dataset.digest != told.digest


@pytest.mark.parametrize(("suffix", "grouped"), [("parquet", 1), ("array_record", 4), ("tar", 1)])
def test_batches_are_a_function_of_the_step_and_processes_share_them(
    suffix, grouped, tmp_path, configure
):
    in_three(tmp_path, suffix, npy, **({"grouped": grouped} if grouped > 1 else {}))
    train = modalities.load(configure(path=tmp_path, device_bytes=1)).train
    with Batches(train, batch_size=16, seed=3) as batches:
        there = [batches.batch(step) for step in range(9)]
    seen = np.concatenate([batch.index for batch in there])
    assert sorted(seen[:48]) == list(range(48)) and sorted(seen[48:96]) == list(range(48))
    assert seen[:48].tolist() != seen[48:96].tolist()
    with Batches(train, batch_size=16, seed=3) as batches:  # resumed
        np.testing.assert_array_equal(batches.batch(7).raw.values, there[7].raw.values)
    for process in (0, 1):
        share = {"process_index": process, "process_count": 2}
        with Batches(train, batch_size=16, seed=3, **share) as batches:
            own = slice(8 * process, 8 * process + 8)
            np.testing.assert_array_equal(batches.batch(5).raw.values, there[5].raw.values[own])
    parts = [list(evaluation_batches(train, 10, process_index=i, process_count=2)) for i in (0, 1)]
    index = np.concatenate([batch.index[batch.counted] for part in parts for batch in part])
    assert sorted(index) == list(range(48))


def test_blocks_are_shuffled_by_windows_and_lanes(monkeypatch):
    """Every epoch is a permutation; a piece of a batch needs few blocks at a time."""
    monkeypatch.setattr(order, "BUFFER", 8 * 10)  # eight blocks of 10 bytes
    monkeypatch.setattr(order, "LANES", 4)
    sizes = np.random.default_rng(1).integers(1, 12, 80)
    blocks = order.Blocks(np.concatenate([[0], np.cumsum(sizes)]), nbytes=10)
    number, size = int(blocks.starts[-1]), 24
    by = order.ByBlocks(blocks, batch_size=size, seed=5)
    steps = [by.indices(step) for step in range(-(-3 * number // size))]
    seen = np.concatenate(steps)
    for epoch in range(3):
        assert sorted(seen[epoch * number : (epoch + 1) * number]) == list(range(number))
    again = order.ByBlocks(blocks, batch_size=size, seed=5)
    np.testing.assert_array_equal(again.indices(37), steps[37])
    of = np.searchsorted(blocks.starts, steps, side="right") - 1
    # A quarter of a batch is in a window of two blocks, or in that and the next.
    inside = of[: number // size]  # of the first epoch
    assert max(len(np.unique(step[:6])) for step in inside) <= 4
    assert len(np.unique(inside[:, :6])) < len(sizes) / 3  # and its epoch in a quarter of all
    assert np.mean([len(np.unique(step)) for step in inside]) > 6  # the whole batch is mixed
    assert (order.ByBlocks(blocks, batch_size=size, seed=6).indices(0) != steps[0]).any()


@pytest.mark.parametrize("size", [3, 16, 17])
def test_places_are_a_permutation_of_every_epoch(size):
    blocks = order.Blocks(np.arange(0, 102, 2), nbytes=1)
    by = order.ByBlocks(blocks, batch_size=size, seed=0)
    for epoch in (0, 1, 4):
        places = by.places(epoch, epoch * 100 + np.arange(100))
        assert sorted(places) == list(range(100))


def test_blocks_in_memory_are_bounded_and_read_once_by_threads(monkeypatch):
    monkeypatch.setattr(held, "LIMIT", 30)
    read, start = [], threading.Barrier(4)

    def block(number):
        read.append(number)
        return held.Block([np.full(5, number)], 10)

    blocks = held.Held(block, np.arange(0, 45, 5))

    def ask():
        start.wait()
        np.testing.assert_array_equal(blocks.read(np.array([3, 12, 4]))[0], [0, 2, 0])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(read) == [0, 2]
    for number in (3, 4, 5, 2):  # 0 and 3 are evicted; 2 is not, for it was asked for last
        blocks.read(np.array([5 * number]))
        assert sum(blocks._sizes.values()) <= 30
    blocks.read(np.array([0]))
    assert sorted(read) == [0, 0, 2, 2, 3, 4, 5] or sorted(read) == [0, 0, 2, 3, 4, 5]


def test_few_blocks_are_read_to_look_at_examples(tmp_path, configure):
    write(tmp_path / "a.parquet", records([i % N for i in range(600)], npy), group=5)
    train = modalities.load(configure(path=tmp_path, device_bytes=1)).train
    of = np.searchsorted(train.blocks.starts, spread(train, 64), side="right")
    assert len(spread(train, 64)) == 64 and len(np.unique(of)) <= 32
    assert len(spread(train, 10_000)) == len(train)


def test_splits_are_what_names_of_files_and_folders_say(tmp_path, configure):
    data = tmp_path / "hub" / "data"
    for k, name in enumerate(
        ("train-00000-of-00002", "train-00001-of-00002", "validation-0", "test-0")
    ):
        write(data / f"{name}.parquet", records(range(15 * k, 15 * k + 15)))
    keys = {"train": "train", "valid": "valid", "test": "test", "device_bytes": 1}
    found = modalities.load(configure(path=tmp_path / "hub", **keys))
    assert (len(found.train), len(found.valid), len(found.test)) == (30, 15, 15)
    assert sorted(rows_of(found.test.read(np.arange(15))[0].values)) == list(range(45, 60))
    for k, name in enumerate(("train", "valid")):
        write(tmp_path / "folders" / name / "a.tar", records(range(k, k + 3)))
    assert list(find(tmp_path / "folders").files) == ["train", "valid"]
    write(data / "more.parquet", records(range(3)))
    with pytest.raises(InputError, match=r"more\.parquet says no split"):
        find(tmp_path / "hub")


def test_people_stay_together(tmp_path, configure):
    in_three(tmp_path, "parquet")
    keys = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
    found = modalities.load(configure(path=tmp_path, split_by="label", device_bytes=1, **keys))
    sets = [set(x.labels.tolist()) for x in (found.train, found.valid, found.test)]
    assert len(set.union(*sets)) == sum(map(len, sets)) == 4


def test_a_record_may_be_an_image_alone(tmp_path, configure):
    write(tmp_path / "a.array_record", [png(image) for image in IMAGES])
    found = modalities.load(configure(path=tmp_path, device_bytes=1, channels=1))
    assert found.event.shape == (6, 5, 1) and found.num_classes == 0


def test_what_tensors_and_structs_of_parquet_hold_is_read(tmp_path, configure):
    kind = pa.fixed_shape_tensor(pa.uint8(), IMAGES.shape[1:])
    flat = pa.FixedSizeListArray.from_arrays(IMAGES.ravel(), IMAGES[0].size)
    tensors = pa.ExtensionArray.from_storage(kind, flat)
    nested = pa.list_(pa.list_(pa.list_(pa.uint8())))
    columns = {
        "tensor": tensors,
        "lists": pa.array(IMAGES.tolist(), nested),
        "img": [{"bytes": png(image), "path": None} for image in IMAGES],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=9)
    for name in ("", *columns):
        found = modalities.load(configure(path=tmp_path, device_bytes=1, image_column=name))
        values = np.concatenate(
            [x.read(np.arange(len(x)))[0].values for x in (found.train, found.valid, found.test)]
        )
        assert sorted(rows_of(values)) == list(range(N))
    with pytest.raises(InputError, match="no column 'imgs' of images"):
        modalities.load(configure(path=tmp_path, image_column="imgs"))
    pq.write_table(pa.table({k: columns[k] for k in ("tensor", "lists")}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="several columns of images, tensor, lists"):
        modalities.load(configure(path=tmp_path))


def test_transposed_arrays_are_read(tmp_path, configure):
    in_three(tmp_path, "tar", lambda image: npy(np.asfortranarray(image)))
    assert len(rows_of(everything(modalities.load(configure(path=tmp_path)))[0])) == N


def test_arrays_of_0_and_1_are_binary(tmp_path, configure):
    write(tmp_path / "a.tar", ({"image": npy(image // 128)} for image in IMAGES))
    found = modalities.load(configure(path=tmp_path, device_bytes=1))
    assert (
        found.event.values.kind == "binary" and found.train.read(np.arange(9))[0].values.max() == 1
    )


def test_tables_and_texts_are_read_from_parquet(tmp_path, configure):
    values = _RANDOM.normal(3, 2, (200, 2))
    table = {"a": values[:, 0], "b": values[:, 1], "label": ["u", "v"] * 100}
    pq.write_table(pa.table(table), tmp_path / "t.parquet", row_group_size=30)
    found = modalities.load(configure(path=tmp_path / "t.parquet", device_bytes=1))
    assert (found.modality, found.event.names, found.classes) == ("tables", ("a", "b"), ("u", "v"))
    raw = found.train.read(np.arange(len(found.train)))[0].values.astype(float)
    np.testing.assert_allclose(found.event.values.offset, raw.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.event.values.scale, raw.std(0), rtol=1e-5)
    pq.write_table(pa.table({"a": [1.0, None] * 50}), tmp_path / "n.parquet")
    with pytest.raises(InputError, match=r"n\.parquet record \d+, column 'a' is nan"):
        modalities.load(configure(path=tmp_path / "n.parquet", device_bytes=1))
    words = {"text": ["a b c", "d e", "f", ""] * 50, "label": [0, 1, 2, 3] * 50}
    pq.write_table(pa.table(words), tmp_path / "x.parquet")
    texts = modalities.load(configure(path=tmp_path / "x.parquet"))
    assert texts.modality == "text" and sum(map(len, (texts.train, texts.valid, texts.test))) == 150


def broken(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_shard_that_is_cut_off_is_named(suffix, tmp_path, configure):
    in_three(tmp_path, suffix)
    broken(tmp_path / f"a-1.{suffix}")
    with pytest.raises(InputError, match=rf"a-1\.{suffix} cannot be read") as raised:
        modalities.load(configure(path=tmp_path))
    assert "again" in str(raised.value)


def test_a_row_group_that_was_damaged_is_found_when_it_is_read(tmp_path, configure):
    file = tmp_path / "a.parquet"
    write(file, records(range(N), npy), write_page_checksum=True, compression="none")
    content = bytearray(file.read_bytes())
    content[content.index(IMAGES[30].tobytes())] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet cannot be read \(row group 4: "):
        everything(modalities.load(configure(path=tmp_path, device_bytes=1)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_shards_of_unequal_columns_are_named(suffix, tmp_path, configure):
    in_three(tmp_path, suffix)
    others = ({"picture" if suffix != "tar" else "image": b"GIF\0", "age": "old"} for _ in range(3))
    write(tmp_path / f"a-1.{suffix}", others)
    with pytest.raises(InputError, match=rf"a-1\.{suffix}.* write all|a-1.* one kind") as raised:
        modalities.load(configure(path=tmp_path))
    assert str(raised.value).count(". ") == 0


def test_what_else_is_wrong_is_said(tmp_path, configure):
    in_three(tmp_path, "parquet")
    with pytest.raises(InputError, match="no column 'breed', which"):
        modalities.load(configure(path=tmp_path, label_column="breed"))
    with pytest.raises(
        InputError, match=r"data.covariates names a column of shards, but there are"
    ):
        modalities.load(configure(name="digits", covariates="age"))
    write(tmp_path / "f" / "a.tar", ({"image": npy(image / 7)} for image in IMAGES))
    with pytest.raises(InputError, match="arrays of float64: write them as uint8"):
        modalities.load(configure(path=tmp_path / "f"))
    sizes = ({"image": npy(IMAGES[0][: 4 + i % 2])} for i in range(20))
    write(tmp_path / "s" / "a.tar", sizes)
    with pytest.raises(InputError, match="the images differ in size"):
        modalities.load(configure(path=tmp_path / "s"))
    write(tmp_path / "o" / "a.tar", ({"image": npy(np.array([{}]))} for _ in range(20)))
    with pytest.raises(InputError, match=r"a.tar record 0 is no .npy array of numbers"):
        modalities.load(configure(path=tmp_path / "o"))
    twice = pa.table([pa.array([png(IMAGES[0])] * 9)] * 2, names=["image", "image"])
    pq.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="several columns named 'image'"):
        modalities.load(configure(path=tmp_path / "t.parquet"))
    pq.write_table(pa.table({"name": ["a"] * 9}), tmp_path / "e.parquet")
    with pytest.raises(InputError, match="has no column of images, only name"):
        modalities.load(configure(path=tmp_path / "e.parquet"))


def test_several_formats_in_one_directory_are_refused(tmp_path):
    for name in ("train.parquet", "valid.tar", "test.tar"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"formats, such as test.tar and train.parquet: keep"):
        find(tmp_path)


def test_two_members_of_one_name_are_no_record(tmp_path, configure):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("0.png", "0.cls", "1.png", "1.cls", "1.PNG"):
            content = png(IMAGES[0]) if "png" in name.lower() else b"1"
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match=r"a.tar has two members 1.PNG of one record: give"):
        modalities.load(configure(path=tmp_path))


@pytest.mark.parametrize("suffix", ["parquet", "tar"])
def test_numbers_that_floats_do_not_tell_apart_are_no_labels(suffix, tmp_path, configure):
    def rows(**more):
        return ({"image": png(image), **{k: v + i for k, v in more.items()}} for i, image in each)

    each = list(enumerate(IMAGES))
    write(tmp_path / "a" / f"a.{suffix}", rows(label=0, hash=2**62))
    modalities.load(configure(path=tmp_path / "a", device_bytes=1))
    write(tmp_path / "b" / f"b.{suffix}", rows(label=2**62))
    with pytest.raises(InputError, match=r"beyond 2\*\*53, .*: give them as text"):
        modalities.load(configure(path=tmp_path / "b"))
    if suffix == "tar":  # JSON has whole numbers of any size
        write(tmp_path / "c" / "c.tar", rows(label=0, hash=10**400))
        modalities.load(configure(path=tmp_path / "c", device_bytes=1))


def test_an_image_that_cannot_be_decoded_is_skipped(tmp_path, configure, caplog):
    rows = list(records([i % N for i in range(300)]))
    rows[17]["image"] = b"no image"
    write(tmp_path / "a.parquet", rows)
    found = modalities.load(configure(path=tmp_path, device_bytes=1))
    every = [x.read(np.arange(len(x)))[1] for x in (found.train, found.valid, found.test)]
    assert (~np.concatenate(every)).sum() == 1 and "a.parquet record 17 cannot" in caplog.text


@pytest.mark.parametrize("suffix", FORMATS[1:])
def test_the_index_is_kept_until_a_file_changes(suffix, tmp_path, configure, caplog, monkeypatch):
    caplog.set_level("INFO")
    in_three(tmp_path / "data", suffix)
    config = configure(path=tmp_path / "data", device_bytes=1)
    first = modalities.load(config)
    assert caplog.text.count("kept the index") == 1
    assert modalities.load(config).digest == first.digest
    assert caplog.text.count("kept the index") == 1
    write(tmp_path / "data" / f"a-2.{suffix}", records(range(5)))
    assert len(modalities.load(config).train) == 36
    assert caplog.text.count("kept the index") == 2
    (index,) = (tmp_path / "data").glob(".vae-index*")
    index.unlink()
    index.mkdir()  # so that nothing can be written there, even by root
    (index / "a").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(modalities.load(config).train) == 36
    assert len(os.listdir(tmp_path / "cache" / "vae")) == 1


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_of_a_tar_are_those_that_tarfile_finds(form, tmp_path):
    long = "/".join(["folder"] * 20)
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as tar:
        for i, name in enumerate(("a.png", f"{long}/b.png", "é.png", "c/d.png")):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 700 * i, 1
            tar.addfile(info, io.BytesIO(bytes(info.size)))
        tar.addfile(tarfile.TarInfo("empty"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "a.png"
        tar.addfile(link)
    with tarfile.open(tmp_path / "a.tar") as tar:
        wanted = [(m.name, m.offset_data, m.size) for m in tar if m.isreg()]
    assert [tuple(member) for member in members_of(tmp_path / "a.tar")] == wanted


def test_a_record_is_written_as_tensorflow_writes_it():
    wanted = b"\n\x13\n\x11\n\x05label\x12\x08\x1a\x06\n\x04\x03\xac\x02\x00"  # packed varints
    assert tf_example.encode({"label": [3, 300, 0]}) == wanted
    record = {"image": b"\x89\0", "name": "anna", "age": 1.5, "v": [1, 2], "none": []}
    assert tf_example.decode(tf_example.encode(record)) == {
        **{"image": b"\x89\0", "name": b"anna", "age": [1.5], "v": [1, 2], "none": []}
    }
