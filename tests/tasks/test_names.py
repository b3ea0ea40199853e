import pytest

from ray_jobs.contract.errors import SpecError
from tasks.names import dataset_name, slug


@pytest.mark.parametrize("name", ["a", "0", "trashnet6", "a_b-c", "x" * 63])
def test_plain_names_pass(name):
    assert dataset_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a/b", "a.b", "é", "x" * 64, "a\n"])
def test_other_names_are_refused_with_what_a_name_is(name):
    with pytest.raises(SpecError, match=r"is no data set name; expected 1 to 63 of a-z.*\."):
        dataset_name(name)


def test_the_remedy_names_the_nearest_name():
    with pytest.raises(SpecError, match="Name it 'my-photos', say"):
        dataset_name("My photos")


@pytest.mark.parametrize("text", ["Straße 12", "..x..", "x" * 99, "Waste (new)", "a-" * 40])
def test_a_slug_is_a_name(text):
    assert dataset_name(slug(text))


def test_a_slug_of_no_letters_is_empty():
    assert slug("图片") == ""
