"""Which files a user means by a photo, and why one is none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from ray_jobs.contract.errors import DataError
from ray_jobs.photo import MAX_FILE_BYTES
from ray_jobs.photo_files import find_photos, open_photo, read_photo
from tests.ray_jobs.training.conftest import jpeg


def photo_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(0))
    return path


def encoded(kind: str, width: int = 20, height: int = 20) -> bytes:
    stream = io.BytesIO()
    Image.new("1" if kind == "PNG" else "RGB", (width, height)).save(stream, kind)
    return stream.getvalue()


def test_a_folder_is_all_its_photos_but_hidden_ones_in_order(tmp_path: Path):
    photos = [photo_at(tmp_path / name) for name in ("a/2.jpg", "a/b/1.PNG", "c", "d.0")]
    photo_at(tmp_path / ".thumbnails" / "x.jpg")
    photo_at(tmp_path / "a" / ".hidden.jpg")
    assert find_photos(str(tmp_path)) == ([str(photo) for photo in photos], 0)


def test_a_folder_below_a_hidden_one_may_be_named(tmp_path: Path):
    photo = photo_at(tmp_path / ".cache" / "x.jpg")
    assert find_photos(str(photo.parent)) == ([str(photo)], 0)


def test_other_files_of_a_folder_are_counted_and_a_broken_photo_is_not_one_of_them(tmp_path: Path):
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "README").touch()
    (tmp_path / "broken.JPG").write_bytes(b"no picture")
    assert find_photos(str(tmp_path)) == ([str(tmp_path / "broken.JPG")], 2)


def test_a_folder_without_a_photo_says_so(tmp_path: Path):
    (tmp_path / "README").touch()
    assert find_photos(str(tmp_path)) == ([str(tmp_path)], 1)
    with pytest.raises(DataError, match=r"no photo lies in this folder; expected a JPEG, PNG, .*"):
        read_photo(str(tmp_path))


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory; expected a "):
        read_photo(str(tmp_path / "none.jpg"))


TOO_LONG = "x" * 300


def test_a_name_that_the_system_refuses_is_told_in_one_line():
    assert find_photos(TOO_LONG) == ([TOO_LONG], 0)
    with pytest.raises(DataError, match=r"cannot be read: File name too long; expected a "):
        read_photo(TOO_LONG)


def test_an_empty_name_does_not_mean_the_folder_that_one_is_in():
    assert find_photos("") == ([""], 0)
    with pytest.raises(DataError, match=r"an empty name; expected a JPEG"):
        read_photo("")


def test_a_file_that_may_not_be_looked_at_does_not_hide_the_others(tmp_path: Path):
    good, refused = photo_at(tmp_path / "a.jpg"), tmp_path / "b.jpg"
    refused.symlink_to(TOO_LONG)  # the system refuses it to root, too, who may run the tests
    assert find_photos(str(tmp_path)) == ([str(good), str(refused)], 0)


def test_a_folder_that_may_not_be_looked_into_is_told_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    good = photo_at(tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    for _ in range(20):  # a path of more than 4,096 bytes, refused to root, too
        Path("d" * 250).mkdir()
        monkeypatch.chdir("d" * 250)
    photos, skipped = find_photos(str(tmp_path))
    assert (photos[0], len(photos), skipped) == (str(good), 2, 0)
    with pytest.raises(DataError, match=r"cannot be read: File name too long"):
        read_photo(photos[1])


def test_an_empty_file_has_0_bytes(tmp_path: Path):
    (tmp_path / "x.jpg").touch()
    with pytest.raises(DataError, match=r"^0 bytes; expected a JPEG"):
        read_photo(str(tmp_path / "x.jpg"))


def test_a_file_larger_than_an_ingest_takes_is_not_read_whole(tmp_path: Path):
    for name, size in (("just.jpg", MAX_FILE_BYTES), ("larger.jpg", 2**40)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    assert len(read_photo(str(tmp_path / "just.jpg"))) == MAX_FILE_BYTES
    with pytest.raises(DataError, match="more than 64 MiB; expected at most 64 MiB"):
        read_photo(str(tmp_path / "larger.jpg"))


@pytest.mark.parametrize("data", [b"some words", encoded("EPS"), encoded("PPM")])
def test_a_format_outside_the_closed_list_is_no_picture(data: bytes):
    # Pillow hands EPS to Ghostscript, where it is installed, which runs it.
    with pytest.raises(DataError, match=r"is no picture; expected a JPEG, PNG, WEBP, .* or TIFF"):
        open_photo(data)


@pytest.mark.parametrize(
    ("height", "found"), [(9_000, "10000 x 9000 pixels"), (18_000, "more than 178,956,970 pixels")]
)
def test_too_many_pixels_are_told_with_the_limit(height: int, found: str):
    with pytest.raises(DataError, match=f"^{found}; expected at most 89,478,485 pixels. Make the"):
        open_photo(encoded("PNG", 10_000, height))
