"""What `sortline ingest` says to the DAG, and what it refuses before anything starts."""

import pytest

from infra.commands.ingest import Wanted, check_source
from ray_jobs.contract.errors import DataError, SpecError
from tests.tasks.ingest.pictures import make_tree
from tests.tasks.sources.trees import folder_of, zip_of


def test_the_dag_gets_absolute_paths_and_the_class_map_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(make_tree(tmp_path, {"a": 1, "b": 1}))
    (tmp_path / "map.yaml").write_text("rename: {a: 瓶}\n", encoding="utf-8")
    wanted = Wanted("a/..", class_map="map.yaml", keep_test=True, strict=True)
    assert wanted.conf("waste") == {
        "source": str(tmp_path),
        "name": "waste",
        "format": "auto",
        "class_map": "rename: {a: 瓶}\n",
        "keep_test": True,
        "strict": True,
    }


def test_a_map_of_ours_goes_by_its_name():
    assert Wanted("sample:", class_map="huawei-4").conf("x")["class_map"] == "huawei-4"
    assert Wanted("sample:").conf("x")["class_map"] is None


@pytest.mark.parametrize("uri", ["https://x/" + "y" * 5000, "s3://b/" + "y" * 900])
def test_an_address_may_be_longer_than_a_path(uri):
    assert Wanted(uri).conf("x")["source"] == uri


def test_the_name_is_that_of_the_option_or_of_the_source(tmp_path):
    zipped = zip_of(tmp_path / "Waste.zip", {"a/1.jpg": b"x", "b/2.jpg": b"x"})
    assert check_source(Wanted(str(zipped))) == "waste"
    assert check_source(Wanted(str(zipped), name="other")) == "other"
    assert check_source(Wanted("s3://photos/2026/")) == "2026"


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        (
            {"class_map": "no.yaml"},
            SpecError,
            r"'no.yaml' cannot be read: .*\. Correct --class-map",
        ),
        (
            {"class_map": "bad.yaml"},
            SpecError,
            "'renam' is not a key of it; .* Did you mean 'renam",
        ),
        ({"name": "Waste!"}, SpecError, "'Waste!' is no data set name"),
        ({"source_format": "huawi"}, SpecError, "is not a source format; .* Did you mean 'huawei'"),
        ({"source_format": "csv"}, DataError, "the source has 0 tables"),
        ({"keep_test": True}, DataError, "no test split that could be kept"),
    ],
)
def test_what_cannot_be_ingested_is_refused_at_once(tmp_path, monkeypatch, wanted, error, message):
    monkeypatch.chdir(make_tree(tmp_path, {"a": 1, "b": 1}))
    folder_of(tmp_path, {"bad.yaml": b"renam: {a: b}"})
    with pytest.raises(error, match=message):
        check_source(Wanted(str(tmp_path), **wanted))
