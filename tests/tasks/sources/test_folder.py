"""A folder of class folders on this machine."""

import os

import pytest

from ray_jobs.contract.errors import SpecError
from ray_jobs.photo import MAX_FILE_BYTES
from tasks.photos.rejection import Note, Rejection
from tasks.sources.registry import open_source
from tasks.sources.trees import local
from tests.tasks.ingest.pictures import make_tree, photo
from tests.tasks.sources.trees import images_of, labels_of


def paths(root):
    return [image.path for image in images_of(root)]


def test_sub_folders_are_classes_and_images_come_sorted(tmp_path):
    make_tree(tmp_path, {"b": 1, "a": 2})
    images = images_of(tmp_path)
    assert [(i.path, i.label) for i in images] == [
        ("a/0001.jpg", "a"),
        ("a/0002.jpg", "a"),
        ("b/0000.jpg", "b"),
    ]
    assert images[2].read() == photo(0)


def test_files_anywhere_below_a_class_belong_to_it(tmp_path):
    make_tree(tmp_path / "a" / "2026" / "may", {"x": 1})
    make_tree(tmp_path, {"b": 1})
    assert labels_of(tmp_path) == {"a/2026/may/x/0000.jpg": "a", "b/0000.jpg": "b"}


@pytest.mark.parametrize(
    "ignored",
    [
        "MANIFEST.csv",
        "LICENSE",
        "photo_beside_the_classes.jpg",
        ".hidden/x.jpg",
        "__MACOSX/a/x.jpg",
        "a/.DS_Store",
        "a/.thumbnails/x.jpg",
        "a/Thumbs.db",
        "a/desktop.ini",
        "a/labels.csv",
        "a/rule.JSON",
        "a/img_1.txt",
        "a/0000.txt",
        "a/README.md",
        "a/LICENSE",
    ],
)
def test_what_is_no_image_by_its_place_or_kind_is_not_counted(tmp_path, ignored):
    make_tree(tmp_path, {"a": 1, "b": 1})
    (tmp_path / ignored).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / ignored).write_bytes(b"x")
    assert paths(tmp_path) == ["a/0000.jpg", "b/0001.jpg"]


@pytest.mark.parametrize("name", ["a/no-suffix", "a/photo.xyz", "a/movie.mp4", "a/licensed.jpg"])
def test_everything_else_below_a_class_is_an_image_file_to_be_checked(tmp_path, name):
    make_tree(tmp_path, {"a": 1})
    (tmp_path / name).write_bytes(b"x")
    assert name in paths(tmp_path)


def test_symbolic_links_are_told_and_not_followed(tmp_path):
    outside = make_tree(tmp_path / "outside", {"x": 1})
    root = make_tree(tmp_path / "root", {"a": 1})
    (root / "b").symlink_to(outside / "x")
    (root / "a" / "c").symlink_to(outside)
    (root / "a" / "link.jpg").symlink_to(outside / "x" / "0000.jpg")
    assert labels_of(root) == {
        "a/0000.jpg": "a",
        "a/c/": "LINK",
        "a/link.jpg": "LINK",
        "b/": "LINK",
    }


def test_a_link_that_took_a_photos_place_is_not_followed(tmp_path):
    make_tree(tmp_path, {"a": 1})
    (image,) = images_of(tmp_path)
    (tmp_path / "a" / "0000.jpg").unlink()
    (tmp_path / "a" / "0000.jpg").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        image.read()


def test_a_pipe_is_no_image_file(tmp_path):
    make_tree(tmp_path, {"a": 1})
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    assert paths(tmp_path) == ["a/0000.jpg"]


def test_no_more_of_a_file_is_read_than_can_be_used(tmp_path):
    make_tree(tmp_path, {"a": 1})
    (image,) = images_of(tmp_path)
    with (tmp_path / "a" / "0000.jpg").open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 9)
    assert len(image.read()) == MAX_FILE_BYTES + 1


def test_a_name_that_is_no_utf8_is_written_down_with_its_bytes(tmp_path):
    make_tree(tmp_path, {"a": 1})
    (tmp_path / "a" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(photo(5))
    _, image = images_of(tmp_path)
    assert (image.path, image.notes) == ("a/caf\\xe9.jpg", {Note.NAME_NOT_UTF8})
    assert image.read() == photo(5)


def test_a_stamp_changes_with_the_file_and_only_with_it(tmp_path):
    make_tree(tmp_path, {"a": 2})
    before = [image.file.look().stamp for image in images_of(tmp_path)]
    assert [image.file.look().stamp for image in images_of(tmp_path)] == before
    (tmp_path / "a" / "0001.jpg").write_bytes(photo(7))
    after = [image.file.look().stamp for image in images_of(tmp_path)]
    assert (after[0], after[1] != before[1]) == (before[0], True)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    make_tree(tmp_path, {"a": 1})

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(local.os, "scandir", refuse)
    with pytest.raises(SpecError, match=r"cannot be listed: Permission denied; expected .*\. Corr"):
        images_of(tmp_path)


def test_a_link_counts_as_no_unreadable_file():
    assert not Rejection.LINK.is_unreadable


def test_the_data_set_is_named_after_the_folder(tmp_path):
    (tmp_path / "Waste Photos").mkdir()
    assert open_source(str(tmp_path / "Waste Photos")).dataset_name() == "waste-photos"
    (tmp_path / "trashnet6").mkdir()
    through = tmp_path / "Waste Photos" / ".." / "trashnet6"
    assert open_source(str(through)).dataset_name() == "trashnet6"


def test_a_folder_without_a_usable_name_asks_for_one(tmp_path):
    (tmp_path / "图片").mkdir()
    with pytest.raises(SpecError, match=r"no data set name .*; expected .*\. Name .* with --name"):
        open_source(str(tmp_path / "图片")).dataset_name()
