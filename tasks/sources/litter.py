"""What in a tree is no image, by its name alone."""

from __future__ import annotations

from posixpath import basename, splitext

_PAPER_ENDINGS = {
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt"),
    *(".md", ".rst", ".yaml", ".yml", ".toml"),
}
_PAPERS = {"license", "licence", "copying", "notice", "readme", "authors", "changelog"}
_LITTER = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}
_PICTURE_ENDINGS = {
    "",
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
    stem, ending = splitext(basename(path.lower()))
    return ending in _PAPER_ENDINGS or stem in _PAPERS


def is_picture_name(path: str) -> bool:
    """Whether it is named like a picture, or has no ending that says otherwise.

    >>> [is_picture_name(path) for path in ("a/x.JPG", "a/x", "a/x.py")]
    [True, True, False]
    """
    return splitext(path.lower())[1] in _PICTURE_ENDINGS


def _is_litter(name: str) -> bool:
    return (name.startswith(".") and name not in {".", ".."}) or name.lower() in _LITTER
