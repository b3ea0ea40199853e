"""What in a tree is no image, by its name alone."""

from __future__ import annotations

from functools import lru_cache

_PAPER_ENDINGS = {
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt"),
    *(".md", ".rst", ".yaml", ".yml", ".toml"),
}
_PAPERS = {"license", "licence", "copying", "notice", "readme", "authors", "changelog"}
_LITTER = {"thumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}
_PICTURES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".mpo", ".heic", ".heif", ".avif", ".jxl", ".jp2"),
}
_OTHERS = {
    "a film": ".mov .mp4 .m4v .avi .mkv .wmv .mpg .mpeg .3gp .webm .mts",
    "a sound": ".mp3 .m4a .wav .ogg",
    "an edit": ".aae .xmp .thm",
    "a raw photo": ".cr2 .cr3 .nef .nrw .arw .dng .orf .rw2 .raf .pef .srw",
    "a document": ".pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .rtf .htm .html .bib .tex",
    "a drawing": ".svg .svgz .eps .ps .ai .psd .xcf",
    "an archive": ".zip .rar .7z .tar .gz .tgz .bz2 .tbz2 .xz .txz .zst",
    "a program": ".py .pyc .ipynb .lua .m .r .sh .bat .js .ts .css .c .h .cc .cpp .java .go .exe",
    "a table": ".parquet .npy .npz .mat .pkl .pickle .h5 .hdf5 .tfrecord .db .sqlite .lmdb",
    "a model": ".pt .pth .ckpt .pb .onnx .tflite .keras .weights .cfg .names .data",
    "a note": ".log .ini .url .lnk .bak .tmp .part .crdownload",
}
_OTHER_KINDS = {ending: kind for kind, endings in _OTHERS.items() for ending in endings.split()}


def is_litter(path: str) -> bool:
    """Whether it is hidden, or what file managers leave behind, or lies in such a folder.

    >>> [is_litter(path) for path in ("a/.git/x", "a/Thumbs.db", "../x.jpg", "a/x.jpg")]
    [True, True, False, False]
    """
    folder, _, name = path.rpartition("/")
    return _is_litter(name) or _lies_in_litter(folder)


def is_paper(path: str) -> bool:
    """Whether it is a label file, a rule file or a licence.

    >>> [is_paper(path) for path in ("a/labels.CSV", "LICENSE", "paper/notice.jpg")]
    [True, True, False]
    """
    stem, suffix = _parts(path)
    return suffix in _PAPER_ENDINGS or (not suffix and stem in _PAPERS)


def other_kind(path: str) -> str | None:
    """What a file is that its ending says is no picture; None where it may be one.

    >>> [other_kind(path) for path in ("a/x.MOV", "a/x.jpg", "a/x", "a/x.0")]
    ['a film', None, None, None]
    """
    return _OTHER_KINDS.get(_parts(path)[1])


def is_picture_name(path: str) -> bool:
    """Whether it is named like a picture, or has no ending that says otherwise.

    >>> [is_picture_name(path) for path in ("a/x.JPG", "a/x", "a/x.py")]
    [True, True, False]
    """
    ending = _parts(path)[1]
    return not ending or ending in _PICTURES


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


@lru_cache(4096)  # many files lie in each folder
def _lies_in_litter(folder: str) -> bool:
    return any(map(_is_litter, folder.split("/")))


def _is_litter(name: str) -> bool:
    return (name.startswith(".") and name not in {".", ".."}) or name.lower() in _LITTER
