from tasks.ingest.class_names import name_warnings
from tests.tasks.ingest.books import book_of
from tests.tasks.ingest.pictures import entry


def test_names_that_differ_by_little_are_warned_of_once():
    names = ("Glass", "glass", "GLASS ", "tin-can", "tin can", "paper", "")
    files = [entry(f"{name}/{n}") for n in (1, 2) for name in names]
    assert name_warnings(book_of(files)) == [
        "classes 'GLASS ', 'Glass', 'glass' differ in case, blanks, '_' or '-' alone:"
        " a class map can merge them",
        "classes 'tin can', 'tin-can' differ in case, blanks, '_' or '-' alone:"
        " a class map can merge them",
    ]


def test_class_names_that_are_shown_by_their_bytes_are_warned_of():
    entries = [
        entry(r"gr\x81n/1", notes="name-not-utf8,palette"),
        entry("blue/2", notes="name-not-utf8"),
        entry(r"an honest \x81/3"),
    ]
    (warning,) = name_warnings(book_of(entries))
    assert warning.startswith(
        r"class names are no UTF-8, and shown by their bytes ('gr\x81n'): pack"
    )
