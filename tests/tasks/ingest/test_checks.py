"""Every kind of bad or odd file: made here, read from a real archive or folder, and recorded."""

import hashlib
import io
import json
import struct
import tarfile
import zlib

import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from ray_jobs.photo import MAX_FILE_BYTES
from tasks.dataset.entries import decode_entries
from tasks.ingest import steps
from tasks.ingest.counts import per_check
from tasks.ingest.staging import Staged, Staging
from tasks.photos.images import inspect, upright_rgb
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import encoded, photo, picture
from tests.tasks.sources.trees import folder_of, tar_of, zip_of

GOOD = {f"{label}/{n:02d}.jpg": photo(n + 100 * ord(label)) for label in "ab" for n in range(20)}
SIXTEEN = Image.fromarray(np.full((20, 24), 40_000, np.uint16))


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(1, (40, 24)), exif=exif)


def film(kind):
    return encoded(picture(1), kind, save_all=True, append_images=[picture(2), picture(3)])


def png(width, height, bits=8, kind=2, pixels=None):
    """A PNG chunk by chunk: Pillow writes no 16-bit colour, and no claim that is untrue."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = zlib.compress(bytes(64) if pixels is None else pixels)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def inspected(source, **asked):
    """The staged rows of an ingest's first step, by path."""
    store = InMemoryStore()
    address = {"dataset": "waste", "ingest_id": "1"}
    answer = steps.inspect_source(store, steps.Asked(str(source), **asked), **address)
    rows = decode_entries(Staging(store, "waste", "1").read(Staged.INSPECTED))
    assert answer["checks"] == per_check(one.notes for one in rows)
    return store, {row.path: row for row in rows}


KEPT = {
    "png-named-jpg": ("x.jpg", encoded(picture(1), "PNG"), "wrong-extension"),
    "jpg-named-nothing": ("x", photo(7), None),
    "jpg-named-xyz": ("x.xyz", photo(7), "wrong-extension"),
    "upper-case": ("x.JPEG", photo(7), None),
    "gif-film": ("x.gif", film("GIF"), "animated,palette"),
    "webp-film": ("x.webp", film("WEBP"), "animated"),
    "png-film": ("x.png", film("PNG"), "animated"),
    "tiff-pages": ("x.tiff", film("TIFF"), "animated"),
    "mpo-is-no-film": ("x.jpg", film("MPO"), None),
    "cmyk": ("x.jpg", encoded(picture(1).convert("CMYK")), "cmyk"),
    "palette": ("x.png", encoded(picture(1).convert("P"), "PNG"), "palette"),
    "clear-palette": (
        "x.png",
        encoded(picture(1).convert("P"), "PNG", transparency=3),
        "alpha,palette",
    ),
    "grey-16": ("x.png", encoded(SIXTEEN, "PNG"), "16-bit"),
    "colour-16": ("x.png", png(20, 16, 16, 2, (b"\0" + bytes(range(120))) * 16), "16-bit"),
    "alpha": ("x.png", encoded(picture(1).convert("RGBA"), "PNG"), "alpha"),
    "turned": ("x.jpg", turned(6), "rotated"),
    "upright-by-exif": ("x.jpg", turned(1), None),
    "side-of-16": ("x.jpg", encoded(picture(1, (16, 300))), None),
}


@pytest.mark.parametrize("kind", KEPT)
def test_an_odd_photo_is_kept_and_what_was_put_right_is_recorded(tmp_path, kind):
    name, data, notes = KEPT[kind]
    store, rows = inspected(folder_of(tmp_path, GOOD | {f"a/{name}": data}))
    row = rows[f"a/{name}"]
    assert (row.state, row.notes, row.reason) == (ImageState.KEPT, notes, None)
    assert store.get(keys.raw_image(row.sha256)) == data
    with Image.open(io.BytesIO(upright_rgb(data))) as shard:
        assert (shard.mode, shard.format) == ("RGB", "JPEG")
        assert (shard.width > shard.height) == (row.width > row.height)


SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
BAD = {
    "empty": ("x.jpg", b"", "empty"),
    "cut-jpeg": ("x.jpg", photo(1)[:-200], "truncated"),
    "cut-png": ("x.png", encoded(picture(1), "PNG")[:-300], "truncated"),
    "text": ("x.jpg", b"<html>not found</html>", "not-an-image"),
    "heic": ("x.heic", bytes(4) + b"ftypheic" + bytes(99), "not-an-image"),
    "svg": ("x.svg", SVG, "other-kind"),
    "live-photo": ("x.MOV", bytes(4) + b"ftypqt  ", "other-kind"),
    "svg-named-jpg": ("x.jpg", b"\xef\xbb\xbf <svg width='9'/>", "not-raster"),
    "pdf": ("x.pdf", b"%PDF-1.7\n", "other-kind"),
    "pdf-named-jpg": ("x.jpg", b"%PDF-1.7\n", "not-raster"),
    "eps": ("x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "other-kind"),
    "eps-without-ending": ("x", b"%!PS-Adobe-3.0 EPSF-3.0\n", "not-raster"),
    "no-known-range": ("x.tif", encoded(Image.new("F", (20, 20)), "TIFF"), "undecodable"),
    "pixel-bomb": ("x.png", png(10_000, 10_000), "too-large"),
    "pixel-bomb-that-pillow-refuses": ("x.png", png(60_000, 60_000), "too-large"),
    "file-too-large": ("x.jpg", bytes(MAX_FILE_BYTES + 1), "too-large"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_set_aside_with_its_reason_and_stops_nothing(tmp_path, kind):
    name, data, note = BAD[kind]
    _, rows = inspected(folder_of(tmp_path, GOOD | {f"a/{name}": data}))
    row = rows[f"a/{name}"]
    assert (row.state, row.notes) == (ImageState.QUARANTINED, note)
    assert row.reason
    assert per_check(one.notes for one in rows.values()) == {note: 1}
    assert sum(one.state is ImageState.KEPT for one in rows.values()) == len(GOOD)


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    assert str(inspect(png(10_000, 10_000))).startswith("is too large: ")


def test_a_side_under_16_pixels_is_set_aside_and_no_bad_file(tmp_path):
    small = {f"a/x{n}.png": encoded(picture(n, (15, 40)), "PNG") for n in range(9)}
    _, rows = inspected(folder_of(tmp_path, GOOD | small))
    assert per_check(one.notes for one in rows.values()) == {"too-small": 9}


def archive_with(tmp_path, kind):
    if kind == "link":
        path = tar_of(tmp_path / "t.tar", GOOD)
        with tarfile.open(path, "a") as archive:
            info = tarfile.TarInfo("a/x.jpg")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
        return path
    if kind == "packed":
        return zip_of(tmp_path / "t.zip", GOOD | {"a/x.bmp": bytes(9_000_000)})
    name = {"outside": "../x.jpg", "absolute": "/etc/x.jpg"}[kind]
    return zip_of(tmp_path / "t.zip", GOOD | {name: photo(1)})


@pytest.mark.parametrize(
    ("kind", "note"),
    [("link", "link"), ("packed", "packed"), ("outside", "outside"), ("absolute", "outside")],
)
def test_what_an_archive_must_not_hold_is_set_aside(tmp_path, kind, note):
    _, rows = inspected(archive_with(tmp_path, kind))
    (bad,) = [row for row in rows.values() if row.state is not ImageState.KEPT]
    assert (bad.state, bad.notes, bad.sha256) == (ImageState.QUARANTINED, note, None)
    assert len(rows) == len(GOOD) + 1


def test_names_that_are_no_utf8_are_ingested_and_recorded(tmp_path):
    name = b"a/caf\xe9.jpg".decode("utf-8", "surrogateescape")
    _, rows = inspected(tar_of(tmp_path / "t.tar", GOOD | {name: photo(1)}))
    row = rows[r"a/caf\xe9.jpg"]
    assert (row.state, row.notes) == (ImageState.KEPT, "name-not-utf8")


def test_hidden_files_and_what_file_managers_leave_are_not_counted(tmp_path):
    litter = ("a/.x.jpg", ".git/x.jpg", "a/Thumbs.db", "__MACOSX/a/._x.jpg", "a/DESKTOP.INI")
    _, rows = inspected(zip_of(tmp_path / "t.zip", GOOD | dict.fromkeys(litter, b"x")))
    assert rows.keys() == GOOD.keys()


def huawei(**more):
    pairs = {f"img_{n}.jpg": data for n, data in enumerate(GOOD.values())}
    texts = {f"img_{n}.txt": f"img_{n}.jpg, {n % 2}".encode() for n in range(len(GOOD))}
    rules = {"garbage_classify_rule.json": json.dumps({"0": "a", "1": "b"}).encode()}
    return pairs | texts | rules | more


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("img_0.txt", b"img_0.jpg; 0", "label-file"),
        ("img_0.txt", b"img_0.jpg, 7", "unknown-class"),
        ("img_99.txt", b"img_99.jpg, 0", "missing"),
        ("img_98.txt", b"img_0.jpg, 1", "two-labels"),
    ],
)
def test_a_label_that_cannot_be_believed_sets_its_photo_aside(tmp_path, name, text, note):
    _, rows = inspected(folder_of(tmp_path, huawei(**{name: text})))
    assert per_check(one.notes for one in rows.values()) == {note: 1}
    (bad,) = [row for row in rows.values() if row.notes]
    assert (bad.state, bad.label, bad.sha256) == (ImageState.QUARANTINED, "", None)


def test_more_than_five_percent_unreadable_files_stop_the_ingest_before_anything_is_published(
    tmp_path,
):
    broken = {f"a/x{n}.jpg": photo(n)[:200] for n in range(3)}
    store = InMemoryStore()
    asked = steps.Asked(str(folder_of(tmp_path, GOOD | broken)))
    with pytest.raises(DataError, match=r"3 of 43 files are unreadable .*; expected at most 5%"):
        steps.inspect_source(store, asked, dataset="waste", ingest_id="1")
    assert list(store.keys("staging/")) == ["staging/waste/1/source.json"]


def test_files_that_are_no_photos_by_their_ending_are_no_part_of_the_share(tmp_path):
    films = {f"a/{n}{ending}": b"x" for n in range(30) for ending in (".MOV", ".aae", ".CR2")}
    _, rows = inspected(folder_of(tmp_path / "1", GOOD | films))
    assert per_check(one.notes for one in rows.values()) == {"other-kind": 90}
    broken = {f"a/x{n}": photo(n)[:200] for n in range(3)}
    with pytest.raises(DataError, match=r"3 of 43 files are unreadable .*\. Repair or remove"):
        inspected(folder_of(tmp_path / "2", GOOD | films | broken))


def test_of_photos_that_are_not_decoded_it_is_told_what_to_do(tmp_path):
    phone = {f"a/{n}.HEIC": bytes(4) + b"ftypheic" + bytes([n]) for n in range(9)}
    told = r"9 of 49 files are unreadable .*HEIC, which is not decoded.*\. Convert HEIC .* to JPEG"
    with pytest.raises(DataError, match=told):
        inspected(folder_of(tmp_path, GOOD | phone))


def test_labels_without_photos_stop_no_ingest_but_photos_without_labels_alone_do(tmp_path):
    rows = "".join(f"gone{n}.jpg,glass\n" for n in range(50))
    table = f"path,label\n{rows}a/00.jpg,glass\n".encode()
    _, found = inspected(folder_of(tmp_path / "1", GOOD | {"l.csv": table}) / "l.csv")
    assert per_check(one.notes for one in found.values()) == {"missing": 50}
    only = f"path,label\n{rows}".encode()
    told = (
        r"l.csv \(path,label\) names 'gone49.jpg', which is no file; a file is named '[ab]/..\.jpg'"
    )
    with pytest.raises(DataError, match=told):
        inspected(folder_of(tmp_path / "2", GOOD | {"l.csv": only}) / "l.csv")


def test_where_no_photo_has_a_class_the_first_of_each_reason_is_told(tmp_path):
    small = {f"a/x{n}.png": encoded(picture(n, (15, 40)), "PNG") for n in range(3)}
    told = r"none of 4 files .* \(a/x0.png is too small: .*, and 2 more like it; a/x.mov is no"
    with pytest.raises(DataError, match=told):
        inspected(folder_of(tmp_path, small | {"a/x.mov": b"x"}), format="folder")


def test_the_sha256_of_a_bad_file_is_recorded(tmp_path):
    _, rows = inspected(folder_of(tmp_path, GOOD | {"a/x.jpg": b"no photo"}))
    assert rows["a/x.jpg"].sha256 == hashlib.sha256(b"no photo").hexdigest()


def test_of_many_files_that_are_kept_out_the_first_are_told(tmp_path, caplog):
    small = {f"a/x{n:02d}.png": encoded(picture(1, (15, 40)), "PNG") for n in range(60)}
    inspected(folder_of(tmp_path, GOOD | small))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 51
    assert told[0].startswith("a/x00.png is too small")
    assert told[-1] == "and 10 more; the column `reason` tells each"
