import pytest

from ray_jobs.contract.errors import DataError, SpecError
from tasks.sources.folder import FolderSource
from tasks.sources.registry import FORMATS, open_source
from tasks.sources.sample import SampleSource
from tests.tasks.ingest.pictures import make_tree


def test_the_address_decides_the_format(tmp_path):
    assert isinstance(open_source("sample:"), SampleSource)
    assert isinstance(open_source(str(make_tree(tmp_path, {"a": 1}))), FolderSource)


def test_the_formats_are_listed():
    assert FORMATS == ("auto", "folder", "sample")


def test_a_source_says_where_its_images_come_from(tmp_path):
    make_tree(tmp_path, {"a": 1})
    assert open_source(str(tmp_path)).describe().uri == tmp_path.as_posix()
    assert open_source("sample:").describe().model_dump() == {"uri": "sample:", "format": "sample"}


def test_a_folder_may_hold_a_colon(tmp_path, monkeypatch):
    make_tree(tmp_path / "waste:2026", {"a": 1})
    monkeypatch.chdir(tmp_path)
    assert open_source("waste:2026").dataset_name() == "waste-2026"


@pytest.mark.parametrize(
    ("uri", "format_", "message"),
    [
        ("/no/such", "auto", r"'/no/such' does not exist; expected a folder of.*\. Correct"),
        ("", "auto", r"the source '' does not exist; expected .*\. Correct"),
        ("s3://x/y", "auto", r"scheme 's3:' are not read; expected 'sample:' or .*\. Copy the"),
        ("https://x/y.zip", "auto", r"scheme 'https:' are not read; expected .*\. Copy the"),
        ("file:///tmp", "auto", r"scheme 'file:' are not read; expected .*\. Copy the"),
        ("sample:x", "auto", r"'sample:x' is not the address .*; expected .*\. Pass sample:"),
        ("/tmp", "sample", r"'/tmp' is not the address .*; expected .*\. Pass sample:"),
        ("sample:", "foldr", r"'foldr' is not a source format; expected .*\. Did you mean 'folder"),
        ("sample:", "zip", r"'zip' is not a source format; .*\. Known: auto, folder, sample"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(uri, format_, message):
    with pytest.raises(SpecError, match=message):
        open_source(uri, format_)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(SpecError, match=r"is a file; expected a folder .*\. Unpack it"):
        open_source(str(tmp_path / "photos.zip"))


@pytest.mark.parametrize("content", [[], ["LICENSE"], ["a/labels.csv"], ["photo.jpg"]])
def test_a_source_without_an_image_is_refused(tmp_path, content):
    for name in content:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds no image; expected photos in one.*\. Put the"):
        open_source(str(tmp_path))
