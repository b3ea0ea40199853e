"""Folders that are no classes: splits and containers are looked into, or refused."""

import logging

import pytest

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import folder_of, images_of, labels_of

PHOTO = photo(1)


def tree(root, *folders):
    """Two photos in each folder."""
    return folder_of(root, {f"{at}/{n}.jpg": PHOTO for at in folders for n in range(2)})


def crossed(outer, inner=("glass", "metal")):
    return [f"{one}/{other}" for one in outer for other in inner]


@pytest.mark.parametrize(
    "names",
    [
        ("train2017", "val2017"),
        ("seg_train", "seg_test"),
        ("obj_train_data", "obj_test_data"),
        ("waste_train", "waste_test"),
        ("dev", "eval"),
        ("TrainSet", "Test set"),
    ],
)
def test_a_split_is_known_by_a_word_of_its_name(tmp_path, names):
    root = tree(tmp_path, *crossed(names))
    assert set(labels_of(root).values()) == {"glass", "metal"}


def test_the_test_split_of_such_a_name_can_be_kept(tmp_path):
    images = images_of(tree(tmp_path, *crossed(["seg_train", "seg_test"])), keep_test=True)
    assert {i.path.partition("/")[0] for i in images if i.pinned is Split.TEST} == {"seg_test"}


def test_a_word_of_a_split_alone_makes_no_split_of_a_class(tmp_path):
    names = ["test tube", "training shoe", "glass"]
    assert set(labels_of(tree(tmp_path, *names)).values()) == set(names)


@pytest.mark.parametrize(
    "outer",
    [
        ("site_A", "site_B"),
        ("Site A - Nord", "Site B"),
        ("2023-05-01", "2023-05-02"),
        ("fold0", "fold_1"),
        ("original", "standardized_256"),
    ],
)
def test_the_classes_are_the_folders_that_all_containers_share(tmp_path, caplog, outer):
    caplog.set_level(logging.WARNING)
    root = tree(tmp_path, *crossed(outer), f"{outer[0]}/paper")
    assert set(labels_of(root).values()) == {"glass", "metal", "paper"}
    assert f"(glass, metal, paper) are told by the folders in each of {outer[0]}" in caplog.text
    assert set(labels_of(root, "folder").values()) == set(outer)


def test_folders_of_unknown_names_are_classes_and_what_they_share_is_told(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    root = tree(tmp_path, *crossed(["Nord", "Ost"]))
    assert set(labels_of(root).values()) == {"Nord", "Ost"}
    assert "the classes are Nord, Ost, though each of them holds the folders glass" in caplog.text


@pytest.mark.parametrize(
    "inner",
    [("site_A", "site_B"), ("2023-05-01", "2023-05-02"), ("images", "raw"), ("train", "val")],
)
def test_containers_below_class_folders_are_no_classes(tmp_path, caplog, inner):
    root = tree(tmp_path, *crossed(["glass", "metal"], inner))
    assert set(labels_of(root).values()) == {"glass", "metal"}
    assert not caplog.text


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        (
            ["train", "val"],
            r"photos lie directly in train, val; there is no class folder, and no",
        ),
        (["train"], r"photos lie directly in train; there is no class"),
        (["images", "masks"], r"photos lie directly in images, masks; there is no class"),
        (
            ["."],
            r"photos lie in no folder \(2: 0.jpg, 1.jpg\); there is no class folder",
        ),
        (["data/images"], r"photos lie directly in images; there is no class"),
        (["batch_1", "batch_2", "batch_3"], r"photos lie directly in batch_1, batch_2, batch_3;"),
        (
            ["site_A/glass", "site_B/metal"],
            r"site_A, site_B are .* same ones \(glass, metal\);",
        ),
        (crossed(["images", "masks"]), r"images, masks are .* the same ones \(glass, metal\);"),
        (["train/images", "val/images"], r"the split folders \(train, val\) hold .* named images;"),
    ],
)
def test_a_tree_without_class_folders_is_refused_until_its_folders_are_named(
    tmp_path, folders, found
):
    root = tree(tmp_path, *folders)
    with pytest.raises(DataError, match=found + r".*; expected one class a photo.*--format folder"):
        images_of(root)


@pytest.mark.parametrize("folders", [["train", "val"], ["images", "masks"], ["images"]])
def test_such_folders_are_classes_where_the_user_says_so(tmp_path, folders):
    assert set(labels_of(tree(tmp_path, *folders), "folder").values()) == set(folders)


@pytest.mark.parametrize("names", [("train", "val", "glass", "metal"), ("train", "val", "glass")])
def test_splits_without_classes_beside_class_folders_are_refused(tmp_path, names):
    with pytest.raises(DataError, match=r"mixes two formats: split folders \(train, val\), and "):
        images_of(tree(tmp_path, *names))


def test_some_odd_folders_beside_class_folders_stay_classes(tmp_path):
    names = ["glass", "metal", "images"]
    assert set(labels_of(tree(tmp_path, *names)).values()) == set(names)


YOLO = {f"{s}/images/{n}.jpg": PHOTO for s in ("train", "val") for n in range(2)}
YOLO_LABELS = {
    name.replace("images", "labels").replace(".jpg", ".txt"): b"0 .5 .5 .1 .1" for name in YOLO
}
COCO = b'{"images": [], "annotations": [], "categories": []}'
FLAT = {f"train/{n}.jpg": PHOTO for n in range(3)}
VOC = {f"train/{n}.xml": b"<annotation/>" for n in range(2)}


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (YOLO | {"data.yaml": b"nc: 1\nnames: [glass]\n"}, r"data.yaml with `names:`"),
        (YOLO | YOLO_LABELS, r"a folder labels/ with a file for each photo of images/"),
        (FLAT | {"a/instances.json": COCO}, r"a/instances.json with `annotations` and"),
        (FLAT | VOC, r"an .xml beside most photos"),
        (FLAT | {f"train/{n}.txt": b"0 .5 .5 .1 .1" for n in range(3)}, r"a .txt beside most"),
    ],
)
def test_a_tree_that_says_where_things_are_is_refused_by_what_shows_it(tmp_path, files, what):
    told = r"labelled for detection or segmentation, not by class: " + what + r".*\. Cut the"
    with pytest.raises(DataError, match=told):
        images_of(folder_of(tmp_path, files))


def test_class_folders_with_label_files_of_detection_are_classes(tmp_path):
    root = tree(tmp_path, "glass", "metal")
    texts = {f"{c}/{n}{e}": b"names:" for c in ("glass", "metal") for n in "01" for e in (".xml",)}
    folder_of(root, texts | {"data.yaml": b"names: [a]", "coco.json": COCO})
    assert set(labels_of(root).values()) == {"glass", "metal"}
