import os

import pytest

from ray_jobs.contract.errors import DataError, SpecError
from tasks.sources import folder
from tasks.sources.folder import FolderSource
from tests.tasks.ingest.pictures import make_tree, photo


def paths(root):
    return [image.path for image in FolderSource(root).images()]


def test_sub_folders_are_classes_and_images_come_sorted(tmp_path):
    make_tree(tmp_path, {"b": 1, "a": 2})
    images = list(FolderSource(tmp_path).images())
    assert [(i.path, i.label) for i in images] == [
        ("a/0001.jpg", "a"),
        ("a/0002.jpg", "a"),
        ("b/0000.jpg", "b"),
    ]
    assert images[2].read() == photo(0)


def test_files_anywhere_below_a_class_belong_to_it(tmp_path):
    make_tree(tmp_path / "a" / "2026" / "may", {"x": 1})
    (image,) = FolderSource(tmp_path).images()
    assert (image.path, image.label) == ("a/2026/may/x/0000.jpg", "a")


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
        "a/README.md",
        "a/LICENSE",
    ],
)
def test_what_is_no_image_by_its_place_or_kind_is_not_counted(tmp_path, ignored):
    make_tree(tmp_path, {"a": 1})
    (tmp_path / ignored).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / ignored).write_bytes(b"x")
    assert paths(tmp_path) == ["a/0000.jpg"]


@pytest.mark.parametrize("name", ["a/no-suffix", "a/photo.xyz", "a/movie.mp4", "a/licensed.jpg"])
def test_everything_else_below_a_class_is_an_image_file_to_be_checked(tmp_path, name):
    make_tree(tmp_path, {"a": 1})
    (tmp_path / name).write_bytes(b"x")
    assert name in paths(tmp_path)


def test_symbolic_links_are_not_followed(tmp_path):
    outside = make_tree(tmp_path / "outside", {"x": 1})
    root = make_tree(tmp_path / "root", {"a": 1})
    (root / "b").symlink_to(outside / "x")
    (root / "a" / "c").symlink_to(outside)
    (root / "a" / "link.jpg").symlink_to(outside / "x" / "0000.jpg")
    assert paths(root) == ["a/0000.jpg"]


def test_a_pipe_is_no_image_file(tmp_path):
    make_tree(tmp_path, {"a": 1})
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    assert paths(tmp_path) == ["a/0000.jpg"]


def test_no_more_of_a_file_is_read_than_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_FILE_BYTES", 10)
    make_tree(tmp_path, {"a": 1})
    (image,) = FolderSource(tmp_path).images()
    assert len(image.read()) == 11


def test_a_path_that_is_not_utf8_is_refused(tmp_path):
    make_tree(tmp_path, {"a": 1})
    (tmp_path / "a" / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    with pytest.raises(DataError, match=r"is not UTF-8; expected paths in UTF-8.*\. Rename"):
        list(FolderSource(tmp_path).images())


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    make_tree(tmp_path, {"a": 1})

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folder.os, "scandir", refuse)
    with pytest.raises(SpecError, match=r"cannot be listed: Permission denied; expected .*\. Corr"):
        list(FolderSource(tmp_path).images())


def test_the_data_set_is_named_after_the_folder(tmp_path):
    (tmp_path / "Waste Photos").mkdir()
    assert FolderSource(tmp_path / "Waste Photos").dataset_name() == "waste-photos"
    assert FolderSource(tmp_path / "Waste Photos" / ".." / "trashnet6").dataset_name() == (
        "trashnet6"
    )


def test_a_folder_without_a_usable_name_asks_for_one(tmp_path):
    with pytest.raises(SpecError, match=r"no data set name .*; expected .*\. Name .* with --name"):
        FolderSource(tmp_path / "图片").dataset_name()
