"""What in a tree is no image, by its name alone."""

from __future__ import annotations

_LABELS = {".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt"}
_TEXTS = {".md", ".rst", ".yaml", ".yml", ".toml"}
_PAPERS = {"license", "licence", "copying", "notice", "readme", "authors", "changelog"}
_LITTER = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}
_PICTURES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".mpo", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg"),
}


def is_litter(path: str) -> bool:
    """Whether it is hidden, or what file managers leave behind, or lies in such a folder.

    >>> [is_litter(path) for path in ("a/.git/x", "a/Thumbs.db", "../x.jpg", "a/x.jpg")]
    [True, True, False, False]
    """
    return any(_is_litter(part) for part in path.split("/"))


def is_paper(path: str) -> bool:
    """Whether it is a label file, a rule file or a licence.

    >>> [is_paper(path) for path in ("a/labels.CSV", "LICENSE", "a/licensed.jpg")]
    [True, True, False]
    """
    stem, suffix = _parts(path)
    return suffix in _LABELS | _TEXTS or stem in _PAPERS


def is_picture_name(path: str) -> bool:
    """Whether it is named like a picture, or has no ending that says otherwise.

    >>> [is_picture_name(path) for path in ("a/x.JPG", "a/x", "a/x.py")]
    [True, True, False]
    """
    return _parts(path)[1] in _PICTURES | {""}


def has_picture_ending(path: str) -> bool:
    """Whether its ending is that of a picture.

    >>> [has_picture_ending(path) for path in ("a/x.JPG", "a/x", "a/x.py")]
    [True, False, False]
    """
    return _parts(path)[1] in _PICTURES


def _parts(path: str) -> tuple[str, str]:
    """A file's name and its ending, in small letters; a hundred thousand are asked several times.

    >>> _parts("a/Photo.JPG"), _parts("a/Photo")
    (('photo', '.jpg'), ('photo', ''))
    """
    stem, dot, ending = path.rpartition("/")[2].lower().rpartition(".")
    return (stem, dot + ending) if dot else (ending, "")


def _is_litter(name: str) -> bool:
    return (name.startswith(".") and name not in {".", ".."}) or name.lower() in _LITTER
