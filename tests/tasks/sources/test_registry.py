import os

import pytest

from ray_jobs.contract.errors import DataError, SpecError
from tasks.sources.formats import FORMATS
from tasks.sources.registry import open_source
from tasks.sources.sample import SampleSource
from tests.tasks.ingest.pictures import make_tree
from tests.tasks.sources.trees import labels_of


def test_the_address_decides_the_format(tmp_path):
    assert isinstance(open_source("sample:"), SampleSource)
    make_tree(tmp_path, {"a": 1})
    assert open_source(str(tmp_path)).describe().format == "folder"


def test_the_formats_are_listed():
    assert FORMATS == ("auto", "folder", "split", "csv", "jsonl", "huawei", "sample")


def test_a_source_says_where_its_images_come_from(tmp_path):
    make_tree(tmp_path, {"a": 1})
    assert open_source(str(tmp_path)).describe().uri == tmp_path.as_posix()
    sample = open_source("sample:").describe()
    assert (sample.uri, sample.format) == ("sample:", "sample")


def test_a_folder_may_hold_a_colon(tmp_path, monkeypatch):
    make_tree(tmp_path / "waste:2026", {"a": 1})
    monkeypatch.chdir(tmp_path)
    assert open_source("waste:2026").dataset_name() == "waste-2026"
    assert labels_of("waste:2026") == {"a/0000.jpg": "a"}


@pytest.mark.parametrize(
    ("uri", "format_", "message"),
    [
        ("/no/such", "auto", r"'/no/such' does not exist on the machine where .*; .*\. Correct"),
        ("", "auto", r"the source '' does not exist .*; expected .*\. Correct"),
        ("file:///tmp", "auto", r"scheme 'file:' are not read; expected a folder.*\. Copy the"),
        ("ftp://x/y", "auto", r"scheme 'ftp:' are not read; expected .*\. Copy the"),
        ("sample:x", "auto", r"'sample:x' is not the address .*; expected .*\. Pass sample:"),
        ("/tmp", "sample", r"'/tmp' is not of the format 'sample'; .*\. Leave the format"),
        ("sample:", "folder", r"'sample:' is not of the format 'folder'; .*\. Leave the format"),
        ("sample:", "foldr", r"'foldr' is not a source format; expected .*\. Did you mean 'folder"),
        ("sample:", "zip", r"'zip' is not a source format; .*\. Known: auto, csv, folder"),
        ("s3://", "auto", r"'s3://' names no bucket and no host; expected .*\. Correct"),
        ("https://x:y/z.zip", "auto", r"is no address: Port .*; expected .*\. Correct"),
        ("https://u:pass@x/z.zip", "auto", r"at 'x' carries a login; .*\. Put the keys"),
        ("s3://key:secret@bucket/x", "auto", r"at 'bucket' carries a login; .*\. Put the keys"),
        ("s3://bucket/x?y", "auto", r"is followed by '\?' or '#'; expected .*\. Name the"),
        ("https://x/z.zip#sha256=12", "auto", r"followed by '#sha256=12'; .*64 hex.*\. Correct"),
        ("https://x/labels.csv", "auto", r"labels.csv is a table alone; .*\. Pack both"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(uri, format_, message):
    with pytest.raises(SpecError, match=message):
        open_source(uri, format_)


@pytest.mark.parametrize("uri", ["https://u:hidden@x/z.zip", "s3://key:hidden@bucket/x"])
def test_a_refused_login_is_not_shown(uri):
    with pytest.raises(SpecError) as raised:
        open_source(uri)
    assert "hidden" not in str(raised.value)


def test_what_signs_an_address_is_not_written_down():
    source = open_source("https://example.org/waste.zip?signature=hidden")
    assert source.dataset_name() == "waste"
    with pytest.raises(SpecError) as raised:
        open_source("https://example.org/waste.csv?signature=hidden")
    assert "hidden" not in str(raised.value)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "photos.bin").write_bytes(b"x" * 600)
    with pytest.raises(SpecError, match=r"is a file, and no archive; expected .*\. Pass the"):
        open_source(str(tmp_path / "photos.bin"))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match=r"'pipe' cannot be read: it is no regular file; .*\. Corr"):
        open_source(str(tmp_path / "pipe"))


def test_the_sample_has_no_test_split_to_keep():
    with pytest.raises(SpecError, match="sample: has no test split"):
        open_source("sample:", keep_test=True)


@pytest.mark.parametrize("content", [[], ["LICENSE"], ["a/labels.csv"]])
def test_a_source_without_an_image_is_refused(tmp_path, content):
    for name in content:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds no image; expected photos in one.*\. Put the"):
        open_source(str(tmp_path)).check()
