"""Archives: read in place, and nothing that is in one leaves it."""

import io
import os
import re
import stat
import struct
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from ray_jobs.contract.errors import DataError
from ray_jobs.photo import MAX_FILE_BYTES
from tasks.photos.rejection import Note
from tasks.sources.registry import open_source
from tasks.sources.trees import unpacking
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import folder_of, images_of, labels_of, tar_of, zip_of

FILES = {f"{label}/{n}.jpg": photo(10 * n + ord(label)) for label in "ab" for n in range(3)}
PACKERS = {
    "t.zip": zip_of,
    "t.tar": tar_of,
    "t.tar.gz": lambda path, files: tar_of(path, files, "w:gz"),
    "t.tar.bz2": lambda path, files: tar_of(path, files, "w:bz2"),
    "t.txz": lambda path, files: tar_of(path, files, "w:xz"),
    "without-ending": zip_of,
}


@pytest.mark.parametrize("name", PACKERS)
def test_an_archive_holds_what_was_packed(tmp_path, name):
    path = PACKERS[name](tmp_path / name, FILES)
    open_source(str(path)).check()
    with ThreadPoolExecutor(8) as pool:
        read = dict(pool.map(lambda image: (image.path, image.read()), images_of(path)))
    assert read == FILES


def test_an_archive_is_named_without_its_ending(tmp_path):
    path = tar_of(tmp_path / "Waste 2026.tar.gz", FILES, "w:gz")
    assert open_source(str(path)).dataset_name() == "waste-2026"


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize("bad", ["../evil.jpg", "a/../../evil.jpg", "/etc/evil.jpg", "C:/x.jpg"])
def test_a_path_that_leads_outside_is_told_and_written_nowhere(tmp_path, pack, bad):
    path = pack(tmp_path / "in" / "t", FILES | {bad: photo(9)})
    assert labels_of(path)[bad] == "OUTSIDE"
    assert {p.name for p in tmp_path.rglob("*")} == {"in", "t"}


def test_a_path_that_leads_outside_is_told_once_though_a_table_names_it(tmp_path):
    files = {"1.jpg": photo(1), "2.jpg": photo(2), "../3.jpg": photo(3)}
    table = b"path,label\n1.jpg,a\n2.jpg,b\n../3.jpg,b\n"
    path = zip_of(tmp_path / "a.zip", files | {"labels.csv": table})
    assert [image.path for image in images_of(path)] == ["../3.jpg", "1.jpg", "2.jpg"]


def test_links_in_a_tar_are_told_and_not_followed(tmp_path):
    path = tar_of(tmp_path / "t.tar", FILES)
    with tarfile.open(path, "a") as archive:
        for name, kind in (("a/sym.jpg", tarfile.SYMTYPE), ("a/hard.jpg", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a/0.jpg"
            archive.addfile(info)
        fifo = tarfile.TarInfo("a/pipe.jpg")
        fifo.type = tarfile.FIFOTYPE
        archive.addfile(fifo)
    found = labels_of(path)
    assert (found["a/sym.jpg"], found["a/hard.jpg"], len(found)) == ("LINK", "LINK", 8)


def test_links_in_a_zip_are_told_and_not_followed(tmp_path):
    path = zip_of(tmp_path / "t.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("a/sym.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert labels_of(path)["a/sym.jpg"] == "LINK"


def test_a_zip_bomb_is_kept_out_by_its_ratio(tmp_path):
    path = zip_of(tmp_path / "t.zip", FILES | {"a/bomb.bmp": bytes(5_000_000)})
    assert labels_of(path)["a/bomb.bmp"] == "PACKED"


def test_a_zip_header_that_lies_about_its_size_gets_no_further(tmp_path):
    path = zip_of(tmp_path / "t.zip", {"a/0.jpg": bytes(500_000), "b/1.jpg": photo(1)})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, at) == (500_000,)
    struct.pack_into("<I", data, at, 100)
    path.write_bytes(data)
    lying, _ = images_of(path)
    with pytest.raises(OSError, match="cannot be unpacked: Bad CRC"):
        lying.read()


def test_no_more_of_a_member_is_unpacked_than_can_be_used(tmp_path):
    path = zip_of(tmp_path / "t.zip", {"a/0.jpg": photo(1)})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("b/1.jpg", bytes(MAX_FILE_BYTES + 9))
    _, large = images_of(path)
    assert len(large.read()) == MAX_FILE_BYTES + 1


@pytest.mark.parametrize("pack", ["t.tar.gz", "t.txz"])
def test_a_stream_that_unpacks_without_end_is_refused(tmp_path, pack, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_RATIO", 10)
    path = PACKERS[pack](tmp_path / pack, FILES | {"a/bomb.bmp": bytes(5_000_000)})
    with pytest.raises(DataError, match=r"unpacks to more than .*; expected at most 10 times"):
        images_of(path)


def test_an_encrypted_member_is_one_bad_file(tmp_path):
    path = zip_of(tmp_path / "t.zip", FILES)
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    path.write_bytes(data)
    first, *rest = images_of(path)
    with pytest.raises(OSError, match="is encrypted"):
        first.read()
    assert [image.read() for image in rest] == list(FILES.values())[1:]


@pytest.mark.parametrize("name", ["t.zip", "t.tar", "t.tar.gz", "t.txz"])
def test_an_archive_that_is_cut_off_is_refused(tmp_path, name):
    path = PACKERS[name](tmp_path / name, FILES)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(DataError, match=r"the archive cannot be read: .*\. Pack or copy it again"):
        [image.read() for image in images_of(path)]


def test_a_packed_file_that_is_no_archive_is_refused(tmp_path):
    import gzip

    path = tmp_path / "photo.gz"
    path.write_bytes(gzip.compress(photo(1)))
    with pytest.raises(DataError, match="no tar archive is in it"):
        open_source(str(path)).check()


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_under_one_name_the_last_counts(tmp_path, pack):
    path = pack(tmp_path / "t", FILES)
    if pack is zip_of:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("a/0.jpg", photo(77))
    else:
        with tarfile.open(path, "a") as archive:
            info = tarfile.TarInfo("a/0.jpg")
            info.size = len(photo(77))
            archive.addfile(info, io.BytesIO(photo(77)))
    first, *rest = images_of(path)
    assert (first.read(), len(rest)) == (photo(77), 5)


def test_names_of_a_zip_that_says_nothing_are_read_as_utf8(tmp_path):
    path = zip_of(tmp_path / "t.zip", {"玻璃/1.jpg": photo(1), "b/2.jpg": photo(2)})
    path.write_bytes(without_utf8_flag(path.read_bytes()))
    assert "玻璃" in labels_of(path).values()


def test_names_that_are_no_utf8_are_written_down_with_their_bytes(tmp_path):
    path = zip_of(tmp_path / "t.zip", {"a/caf\u00e9.jpg": photo(1), "b/2.jpg": photo(2)})
    data = path.read_bytes().replace("caf\u00e9".encode(), b"caf\xe9\xe9")
    path.write_bytes(without_utf8_flag(data))
    image, _ = images_of(path)
    assert (image.path, image.notes) == (r"a/caf\xe9\xe9.jpg", {Note.NAME_NOT_UTF8})
    assert image.read() == photo(1)

    path = tar_of(tmp_path / "t.tar", {os.fsdecode(b"a/\xe9.jpg"): photo(1), "b/2.jpg": photo(2)})
    image, _ = images_of(path)
    assert (image.path, image.notes) == (r"a/\xe9.jpg", {Note.NAME_NOT_UTF8})


def test_a_zip_from_windows_may_part_its_paths_with_backslashes(tmp_path):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("w\\a\\1.jpg", "w\\b\\2.jpg"):
            info = zipfile.ZipInfo(name)
            info.create_system = 0
            archive.writestr(info, photo(1))
    assert labels_of(path) == {"w/a/1.jpg": "a", "w/b/2.jpg": "b"}


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_member_s_stamp_changes_with_the_archive(tmp_path, pack):
    path = pack(tmp_path / "t", FILES)
    before = {image.file.look().stamp for image in images_of(path)}
    assert {image.file.look().stamp for image in images_of(path)} == before
    assert len(before) == len(FILES)
    os.utime(path, ns=(1, 1))
    assert not before & {image.file.look().stamp for image in images_of(path)}


def without_utf8_flag(data):
    changed = bytearray(data)
    for sign, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = changed.find(sign)
        while at >= 0:
            changed[at + offset] &= ~8
            at = changed.find(sign, at + 4)
    return bytes(changed)


def test_names_parted_by_backslashes_alone_are_folders(tmp_path):
    path = zip_of(tmp_path / "t.zip", {name.replace("/", "\\"): FILES[name] for name in FILES})
    assert labels_of(path) == {name: name[0] for name in FILES}


def test_a_backslash_beside_slashes_is_a_letter_of_a_name(tmp_path):
    path = zip_of(tmp_path / "t.zip", FILES | {"a/x\\y.jpg": photo(1)})
    assert labels_of(path)["a/x\\y.jpg"] == "a"


def test_an_encrypted_zip_is_refused_as_a_whole(tmp_path):
    path = zip_of(tmp_path / "t.zip", FILES)
    data = bytearray(path.read_bytes())
    for entry in re.finditer(b"PK\x01\x02", path.read_bytes()):
        data[entry.start() + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(
        DataError, match=r"the archive is encrypted \(a/0.jpg\).*\. Pack it anew with"
    ):
        open_source(str(path)).check()


@pytest.mark.parametrize("pack", [folder_of, zip_of])
def test_archives_in_place_of_photos_are_named(tmp_path, pack):
    path = pack(tmp_path / "t", {"glass.zip": b"PK", "metal.zip": b"PK", "notes.txt": b"x"})
    with pytest.raises(DataError, match=r"no photo, but archives \(glass.zip, metal.zip\).*Unpack"):
        images_of(path)
