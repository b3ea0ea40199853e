"""Which class each photo of a tree has, whoever built the tree."""

import json

import pytest

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError
from tasks.sources.registry import open_source
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import folder_of, huawei_of, images_of, labels_of

PHOTO = photo(1)


def tree(root, *paths, **texts):
    """Photos at the paths, and texts under their names (`__` stands for `/`, `_dot_` for `.`)."""
    return folder_of(root, dict.fromkeys(paths, PHOTO) | texts)


def format_of(root):
    return open_source(str(root)).describe().format


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["glass/1.jpg", "metal/2.JPG"], ["glass", "metal"]),
        (["data/glass/1.jpg", "data/metal/2.jpg"], ["glass", "metal"]),
        (["a b/images/玻璃/1.jpg", "a b/images/Métal/2.png"], ["玻璃", "Métal"]),
        (["x/y/z/glass/2026/1.jpg", "x/y/z/metal/deep/er/2.jpg"], ["glass", "metal"]),
        (["repo/data/glass/1.jpg", "repo/data/metal/2.jpg", "repo/logo.png"], ["glass", "metal"]),
        (["glass/1", "metal/2"], ["glass", "metal"]),
        ([" glass /1.jpg", "metal/2.jpg"], ["glass", "metal"]),
        (["gla\u0308s/1.jpg", "metal/2.jpg"], ["gl\u00e4s", "metal"]),
    ],
)
def test_the_class_is_the_first_folder_below_the_wrappers(tmp_path, paths, labels):
    found = labels_of(tree(tmp_path / "t", *paths))
    assert [found[path] for path in paths if path in found] == labels
    assert format_of(tmp_path / "t") == "folder"


def test_folders_without_a_picture_are_no_classes(tmp_path):
    root = tree(tmp_path, "repo/data/glass/1.jpg", "repo/data/metal/2.jpg")
    folder_of(root, {"repo/scripts/train.lua": b"x", "repo/docs/paper.ps": b"x"})
    assert set(labels_of(root).values()) == {"glass", "metal"}


def test_photos_whose_names_have_odd_endings_are_counted(tmp_path):
    root = tree(tmp_path, "glass/photo.0", "glass/x.jpg?w=640", "paper/notice.jpg", "license.png/1")
    folder_of(root, {"paper/README": b"x"})
    assert list(labels_of(root).values()) == ["glass", "glass", "license.png", "paper"]


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Training", "VALIDATION", "Testing"),
        ("train_set", "dev", "test-images"),
    ],
)
def test_a_pre_split_tree_has_the_classes_of_its_splits(tmp_path, names):
    paths = [f"waste/{name}/glass/{n}.jpg" for n, name in enumerate(names)]
    paths += [f"waste/{name}/metal/{n}.jpg" for n, name in enumerate(names)]
    images = images_of(tree(tmp_path, *paths), keep_test=True)
    assert {image.label for image in images} == {"glass", "metal"}
    assert [i.path for i in images if i.pinned is Split.TEST] == [p for p in paths if names[2] in p]
    assert {image.pinned for image in images} == {None, Split.TEST}
    assert format_of(tmp_path) == "split"


def test_splits_may_lie_below_the_classes(tmp_path):
    root = tree(tmp_path, "a/train/1.jpg", "a/test/2.jpg", "b/train/3.jpg", "b/test/4.jpg")
    images = images_of(root, keep_test=True)
    assert [image.label for image in images] == ["a", "a", "b", "b"]
    assert [i.path for i in images if i.pinned is Split.TEST] == ["a/test/2.jpg", "b/test/4.jpg"]


def test_a_source_s_own_test_split_means_nothing_unless_asked(tmp_path):
    root = tree(tmp_path, "train/a/1.jpg", "test/a/2.jpg")
    assert {image.pinned for image in images_of(root)} == {None}


def test_a_test_split_that_is_not_there_cannot_be_kept(tmp_path):
    with pytest.raises(DataError, match=r"no test split that could be kept; expected .*\. Leave"):
        images_of(tree(tmp_path, "a/1.jpg", "b/2.jpg"), keep_test=True)


def test_photos_of_a_split_without_class_have_no_label(tmp_path):
    root = tree(tmp_path, "train/glass/1.jpg", "train/metal/2.jpg", "test/3.jpg")
    assert labels_of(root)["test/3.jpg"] == "NO_LABEL"


def test_a_single_split_is_looked_through(tmp_path):
    root = tree(tmp_path, "train/glass/1.jpg", "train/metal/2.jpg")
    assert labels_of(root) == {"train/glass/1.jpg": "glass", "train/metal/2.jpg": "metal"}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ["train/a/1.jpg", "val/a/2.jpg", "glass/3.jpg"],
            r"mixes two formats: split folders \(train, val\), and other folders .*\(glass\); ",
        ),
        (
            ["pairs/img_1.jpg", "glass/3.jpg"],
            r"mixes two formats: 1 photos with a label file in Huawei's .* \(glass\); ",
        ),
    ],
)
def test_a_tree_that_mixes_two_formats_is_refused_with_what_was_found(tmp_path, paths, message):
    root = tree(tmp_path, *paths)
    if "pairs/img_1.jpg" in paths:
        folder_of(root, {"pairs/img_1.txt": b"img_1.jpg, 0"})
    with pytest.raises(DataError, match=message + r"expected one way.*\. Ingest a part"):
        images_of(root)


def test_a_mixed_tree_is_read_by_the_format_that_is_named(tmp_path):
    root = tree(tmp_path, "train/a/1.jpg", "val/a/2.jpg", "glass/3.jpg")
    assert set(labels_of(root, "folder").values()) == {"train", "val", "glass"}


def test_huawei_pairs_take_their_names_from_the_rules(tmp_path):
    files = {"可回收物/易拉罐/1.jpg": photo(1), "其他垃圾/烟蒂/2.jpg": photo(2)}
    rules = {"0": "其他垃圾/烟蒂", "1": "可回收物/易拉罐"}
    root = folder_of(
        tmp_path,
        {
            "garbage_classify/garbage_classify_rule.json": json.dumps(rules).encode(),
            "garbage_classify/train_data/img_1.jpg": files["可回收物/易拉罐/1.jpg"],
            "garbage_classify/train_data/img_1.txt": b"\xef\xbb\xbfimg_1.jpg, 1\r\n",
            "garbage_classify/train_data/img_2.jpg": files["其他垃圾/烟蒂/2.jpg"],
            "garbage_classify/train_data/img_2.txt": b"img_2.jpg,0",
        },
    )
    assert list(labels_of(root).values()) == ["可回收物/易拉罐", "其他垃圾/烟蒂"]
    assert format_of(root) == "huawei"


def test_without_rules_a_huawei_class_is_its_number(tmp_path):
    root = folder_of(tmp_path, {"img_1.jpg": PHOTO, "img_1.txt": b"img_1.jpg, 07"})
    assert labels_of(root) == {"img_1.jpg": "7"}


@pytest.mark.parametrize(
    ("files", "path", "reason"),
    [
        ({"i_9.jpg": PHOTO, "i_9.txt": b"i_9.jpg 0"}, "i_9.jpg", "LABEL_FILE"),
        ({"i_9.jpg": PHOTO, "i_9.txt": b"\xff\xfe"}, "i_9.jpg", "LABEL_FILE"),
        ({"i_9.txt": b"nonsense"}, "i_9.txt", "LABEL_FILE"),
        ({"i_9.txt": b"i_9.jpg, 0"}, "i_9.jpg", "MISSING"),
        ({"i_9.jpg": PHOTO, "i_9.txt": b"i_9.jpg, 40"}, "i_9.jpg", "UNKNOWN_CLASS"),
        ({"i_9.jpg": PHOTO}, "i_9.jpg", "NO_LABEL"),
        ({"i_9.txt": b"i_1.jpg, 1"}, "i_1.jpg", "TWO_LABELS"),
    ],
)
def test_what_is_wrong_with_a_huawei_pair_is_told_of_its_photo(tmp_path, files, path, reason):
    good = {f"i_{n}.jpg": photo(n) for n in range(1, 4)}
    good |= {f"i_{n}.txt": f"i_{n}.jpg, 0".encode() for n in range(1, 4)}
    rules = {"garbage_classify_rule.json": b'{"0": "glass", "1": "metal"}'}
    found = labels_of(folder_of(tmp_path, good | rules | files))
    assert found.pop(path) == reason
    assert set(found.values()) == {"glass"}


@pytest.mark.parametrize("rules", [b"[]", b"{", b'{"a": "b"}', b'{"0": 1}', b"\xff"])
def test_a_rule_file_that_cannot_be_read_is_refused(tmp_path, rules):
    files = {"1.jpg": PHOTO, "1.txt": b"1.jpg, 0", "garbage_classify_rule.json": rules}
    with pytest.raises(DataError, match=r"the rule file garbage.* cannot be read.*\. Repair it"):
        images_of(folder_of(tmp_path, files))


def test_text_files_of_another_kind_make_no_huawei_pairs(tmp_path):
    files = {f"{label}/{n}.txt": b"0 0.5 0.5 0.1 0.1" for label in "ab" for n in range(3)}
    files |= {f"{label}/{n}.jpg": PHOTO for label in "ab" for n in range(3)}
    assert set(labels_of(folder_of(tmp_path, files)).values()) == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("labels.csv", "path,label\nimages/1.jpg,glass\nimages/2.jpg,metal\n"),
        ("labels.csv", "\ufeffFilename;Note;Class\r\n1.jpg;x;glass\r\nimages\\2.jpg;;metal\r\n"),
        ("labels.tsv", "image\tcategory\n./images/1.jpg\tglass\n2\tmetal\n"),
        ("labels.csv", "images/1.jpg,glass\nimages/2.jpg,metal\n"),
        ("images/labels.csv", 'file,target\n1.jpg,"glass"\n2.jpg,metal\n\n'),
        (
            "labels.csv",
            'Image File;Weight, kg;Waste Type\n1.jpg;"2,5";glass\n2.jpg;;metal\n',
        ),
        ("labels.csv", "image-id|Class Name\n1|glass\n2|metal\n"),
        ("labels.csv", "Datei,Sorte\n1.jpg,glass\n2.jpg,metal\n"),
        ("labels.csv", "path,label\nC:\\me\\images\\1.JPG,glass\n../data/2.Jpg,metal\n"),
        ("l.jsonl", '{"Path": "1.jpg", "Label": "glass"}\n{"image": "2.jpg", "class": "metal"}\n'),
    ],
)
def test_a_table_gives_each_photo_its_class(tmp_path, name, table):
    root = folder_of(tmp_path, {"images/1.jpg": PHOTO, "images/2.jpg": PHOTO})
    folder_of(root, {name: table.encode()})
    expected = {"images/1.jpg": "glass", "images/2.jpg": "metal"}
    assert labels_of(root) == expected
    assert list(labels_of(root / name).values()) == ["glass", "metal"]
    assert format_of(root) == ("jsonl" if name.endswith("jsonl") else "csv")


AGREEING = [
    b"path,label\na/1.jpg,A\nb/2.jpg, b \n",
    b"path,class_name\n1.jpg,0\n2.jpg,1\n",
    b"path,site\na/1.jpg,north\nb/2.jpg,north\n",
    b"path,type\na/1.jpg,photo\nb/2.jpg,photo\n",
    b"path,label\ngone.jpg,glass\n",
    "path,label\na/1.jpg,M\u00e9tal\n".encode("latin-1"),
]


@pytest.mark.parametrize("table", AGREEING)
def test_a_table_that_contradicts_no_class_folder_changes_nothing(tmp_path, table):
    root = folder_of(tmp_path, {"a/1.jpg": PHOTO, "b/2.jpg": PHOTO, "labels.csv": table})
    assert labels_of(root) == {"a/1.jpg": "a", "b/2.jpg": "b"}
    assert format_of(root) == "folder"


@pytest.mark.parametrize("label", ["glass", "b"])
def test_a_table_that_contradicts_the_class_folders_is_refused_until_one_is_named(tmp_path, label):
    root = folder_of(tmp_path, {"a/1.jpg": PHOTO, "b/2.jpg": PHOTO})
    folder_of(root, {"labels.csv": f"path,label\na/1.jpg,{label}\nb/2.jpg,metal\n".encode()})
    told = rf"class folders \(a/1.jpg is of 'a'\), and labels.csv says '{label}'; .*--format folder"
    with pytest.raises(DataError, match=told):
        images_of(root)
    assert set(labels_of(root, "folder").values()) == {"a", "b"}
    assert set(labels_of(root, "csv").values()) == {label, "metal"}
    assert set(labels_of(root / "labels.csv").values()) == {label, "metal"}


def test_a_table_that_gives_a_photo_two_classes_contradicts_no_folder_by_it(tmp_path):
    root = folder_of(tmp_path, {"a/1.jpg": PHOTO, "b/2.jpg": PHOTO})
    folder_of(root, {"labels.csv": b"path,label\na/1.jpg,a\na/1.jpg,glass\nb/2.jpg,b\n"})
    assert labels_of(root) == {"a/1.jpg": "a", "b/2.jpg": "b"}


def test_the_images_of_a_source_can_be_gone_through_again(tmp_path):
    images = open_source(str(tree(tmp_path, "b/2.jpg", "a/1.jpg", "a-b/3.jpg"))).images()
    paths = ["a-b/3.jpg", "a/1.jpg", "b/2.jpg"]
    assert [[image.path for image in images] for _ in range(2)] == [paths, paths]
    assert len(images) == 3


def test_a_table_beside_folders_that_are_no_classes_is_refused_until_one_is_named(tmp_path):
    root = tree(tmp_path, "site_A/1.jpg", "site_B/2.jpg")
    folder_of(root, {"labels.csv": ROWS})
    told = r"folders \(site_A, site_B\), and labels.csv; .*--format folder .* pass the table itself"
    with pytest.raises(DataError, match=told):
        images_of(root)
    assert set(labels_of(root / "labels.csv").values()) == {"glass", "metal"}


ROWS = b"path,label\n1.jpg,glass\n2.jpg,metal\n"


@pytest.mark.parametrize(
    ("rows", "path", "reason"),
    [
        (b"gone.jpg,glass\n", "gone.jpg", "MISSING"),
        (b"../x.jpg,glass\n", "../x.jpg", "OUTSIDE"),
        (b"/etc/x.jpg,glass\n", "/etc/x.jpg", "OUTSIDE"),
        (b"1.jpg,metal\n", "images/1.jpg", "TWO_LABELS"),
        (b"3.jpg\n", "labels.csv#4", "LABEL_FILE"),
        (b"3.jpg,\n", "labels.csv#4", "LABEL_FILE"),
        (b"1.jpg,glass\n", "images/3.jpg", "NO_LABEL"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(tmp_path, rows, path, reason):
    root = tree(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg")
    folder_of(root, {"labels.csv": ROWS + rows})
    assert labels_of(root)[path] == reason


def test_a_line_that_is_no_json_is_told(tmp_path):
    root = tree(tmp_path, "1.jpg", "2.jpg")
    folder_of(root, {"l.jsonl": b'{"path": "1.jpg", "label": 3}\n[1]\n{"path": "2.jpg"\n'})
    told = {"1.jpg": "3", "2.jpg": "NO_LABEL", "l.jsonl#2": "LABEL_FILE", "l.jsonl#3": "LABEL_FILE"}
    assert labels_of(root) == told


def test_what_a_named_table_does_not_name_is_no_part_of_the_source(tmp_path):
    root = tree(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    folder_of(root, {"labels.csv": ROWS})
    assert labels_of(root / "labels.csv") == {"1.jpg": "glass", "2.jpg": "metal"}


def test_a_table_may_say_the_split(tmp_path):
    root = tree(tmp_path, "1.jpg", "2.jpg")
    folder_of(root, {"l.csv": b"path,label,split\n1.jpg,a,train\n2.jpg,b,Testing\n"})
    assert [image.pinned for image in images_of(root, keep_test=True)] == [None, Split.TEST]


def test_a_table_a_split_is_one_source(tmp_path):
    root = tree(tmp_path, "img/1.jpg", "img/2.jpg", "img/3.jpg")
    folder_of(root, {"train.csv": b"path,label\n1.jpg,a\n2.jpg,b\n", "Test.csv": b"3.jpg,a\n"})
    found = {image.path: (image.label, image.pinned) for image in images_of(root, keep_test=True)}
    assert found == {
        "img/1.jpg": ("a", None),
        "img/2.jpg": ("b", None),
        "img/3.jpg": ("a", Split.TEST),
    }


def test_tables_of_two_kinds_are_refused(tmp_path):
    root = tree(tmp_path, "1.jpg", "2.jpg")
    folder_of(root, {"a.csv": ROWS, "b.jsonl": b'{"path": "1.jpg", "label": "a"}\n'})
    with pytest.raises(DataError, match=r"mixes two formats: tables in CSV, and tables in JSONL"):
        images_of(root)


def test_two_tables_are_refused_by_name(tmp_path):
    root = tree(tmp_path, "1.jpg", "2.jpg")
    folder_of(root, {"a.csv": ROWS, "b.csv": ROWS})
    with pytest.raises(DataError, match=r"2 tables .*\(a.csv, b.csv\); expected one.*\. Pass the"):
        images_of(root)


def test_a_table_is_one_though_its_first_rows_name_no_file(tmp_path):
    gone = "".join(f"gone{n}.jpg,glass\n" for n in range(300)).encode()
    root = tree(tmp_path, "images/1.jpg", "images/2.jpg")
    folder_of(root, {"l.csv": b"path,label\n" + gone + b"1.jpg,glass\n2.jpg,metal\n"})
    found = labels_of(root)
    assert (found["images/1.jpg"], found["images/2.jpg"]) == ("glass", "metal")


def test_a_row_without_ending_means_the_photo_and_not_its_film(tmp_path):
    root = tree(tmp_path, "images/1.jpg", "images/1.MOV")
    folder_of(root, {"l.csv": b"path,label\n1,glass\n"})
    assert labels_of(root) == {"images/1.MOV": "OTHER_KIND", "images/1.jpg": "glass"}


def test_a_first_row_that_names_a_picture_is_no_header(tmp_path):
    root = tree(tmp_path, "images/1.jpg")
    folder_of(root, {"l.csv": b"gone.jpg,glass\n1.jpg,metal\n"})
    assert labels_of(root) == {"gone.jpg": "MISSING", "images/1.jpg": "metal"}


def test_a_row_of_another_folder_of_the_tree_means_no_file_of_its_name(tmp_path):
    root = tree(tmp_path, "new/1.jpg", "old/2.jpg")
    folder_of(root, {"l.csv": b"path,label\nold/1.jpg,glass\nold/2.jpg,metal\n"})
    assert labels_of(root / "l.csv") == {"old/1.jpg": "MISSING", "old/2.jpg": "metal"}


def test_a_table_beside_each_split_is_one_source(tmp_path):
    root = tree(tmp_path, "train/1.jpg", "test/1.jpg")
    tables = {f"{s}/metadata.csv": b"file_name,label\n1.jpg,glass\n" for s in ("train", "test")}
    images = images_of(folder_of(root, tables), keep_test=True)
    assert [(i.path, i.label) for i in images] == [
        ("test/1.jpg", "glass"),
        ("train/1.jpg", "glass"),
    ]
    assert [i.pinned for i in images] == [Split.TEST, None]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (b"filename,weight,note\n1.jpg,3,x\n", r"has no columns .* \(filename,weight,note\)"),
        (b"filename,label\ngone.jpg,x\n", r"\(filename,label\) names 'gone.jpg', which is no file"),
        (b"filename,label\n1.jpg,\n", r"\(filename,label\) has no row with both"),
        ("path,label\n1.jpg,é".encode("latin-1"), r"cannot be read: byte 17 is no UTF-8"),
    ],
)
def test_a_table_that_is_no_use_is_told_with_what_is_wrong_with_it(tmp_path, table, fault):
    root = tree(tmp_path, "images/1.jpg", "images/2.jpg")
    folder_of(root, {"l.csv": table})
    with pytest.raises(DataError, match=r"no table that names the photos: .*l.csv " + fault):
        images_of(root)
    with pytest.raises(DataError, match=r"0 tables that name its photos \(.*l.csv " + fault):
        images_of(root, "csv")


@pytest.mark.parametrize("table", [b"", b"a,b,c\n1.jpg,x,y\n", b"path\n1.jpg\n"])
def test_a_table_without_the_two_columns_is_refused(tmp_path, table):
    root = tree(tmp_path, "1.jpg")
    folder_of(root, {"l.csv": table})
    with pytest.raises(
        DataError, match=r"l.csv is no table of photos: its columns are .*; exp.*\. Name"
    ):
        images_of(root / "l.csv")


def test_a_table_that_is_no_utf8_is_refused(tmp_path):
    root = tree(tmp_path, "1.jpg")
    folder_of(root, {"l.csv": "path,label\n1.jpg,易拉罐".encode("gb18030")})
    with pytest.raises(DataError, match=r"l.csv cannot be read: byte 17 is no UTF-8; .*\. Repair"):
        images_of(root / "l.csv")


@pytest.mark.parametrize("format_", ["split", "csv", "jsonl"])
def test_a_format_that_a_tree_has_not_is_refused(tmp_path, format_):
    with pytest.raises(DataError, match=r"the source has (no pre-split tree|0 tables)"):
        images_of(tree(tmp_path, "a/1.jpg", "b/2.jpg"), format_)


def test_the_huawei_form_of_a_tree_has_its_photos_and_classes(tmp_path):
    files = {f"{label}/{n}.jpg": photo(10 * n) for n, label in enumerate(["b", "a", "c"])}
    root = folder_of(tmp_path, huawei_of(files))
    found = {image.read(): image.label for image in images_of(root)}
    assert found == {data: name.partition("/")[0] for name, data in files.items()}
