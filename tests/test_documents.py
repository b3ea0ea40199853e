"""The documents lead somewhere: links, anchors and the files that they name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.settings import Settings

ROOT = Path(__file__).parents[1]
_NAMED = re.compile(r"([\w.-]+(?:/[\w.-]+)*/?)(?:#[\w-]+|::\w+)?")
_EVIDENCE = re.compile(r"infra/docs/[\w-]+\.md(?:#[\w-]+)?")
_VARIABLE = re.compile(r"\bSORTLINE_[A-Z0-9_]*[A-Z0-9]")
_CONFLICT = re.compile(rb"^(<{7}|\|{7}|>{7}) ", re.MULTILINE)


@cache
def tracked() -> frozenset[str]:
    """The files that git knows, and their folders; paths from the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    files = {path for path in listed.stdout.decode().split("\0") if (ROOT / path).is_file()}
    return frozenset(
        files | {str(folder) for path in files for folder in PurePosixPath(path).parents}
    )


DOCUMENTS = sorted(path for path in tracked() if path.endswith(".md"))


def tokens(text: str) -> Iterator[Token]:
    """Every token of a document, those within lines too."""
    for token in MarkdownIt().enable("table").parse(text):
        yield token
        yield from token.children or ()


@cache
def anchors(document: str) -> set[str]:
    """What `#...` may name in a document: an `id`, or a heading as GitHub makes it."""
    text = (ROOT / document).read_text()
    parsed = MarkdownIt().enable("table").parse(text)
    titles = [inner.content for outer, inner in pairwise(parsed) if outer.type == "heading_open"]
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return made | set(re.findall(r'<a id="([\w-]+)">', text))


def leads_nowhere(target: str, document: str) -> bool:
    """Whether a link in a document of this repository points at nothing."""
    path, _, anchor = target.partition("#")
    found = normpath(str(PurePosixPath(document).parent / path)) if path else document
    return found not in tracked() or bool(anchor and anchor not in anchors(found))


def broken_links(text: str, document: str) -> list[str]:
    """The relative links of a text that point at nothing."""
    linked = [
        str(token.attrs.get("href") or token.attrs.get("src") or "") for token in tokens(text)
    ]
    return [to for to in linked if to and ":" not in to and leads_nowhere(to, document)]


def missing_files(text: str) -> list[str]:
    """The paths in backticks that look like this repository's and are not in it."""
    quoted = [token.content for token in tokens(text) if token.type == "code_inline"]
    named = [found[1].rstrip("/") for code in quoted if (found := _NAMED.fullmatch(code))]
    folders = {path.split("/")[0] for path in tracked() if "/" in path}
    names = {PurePosixPath(path).name for path in tracked()}
    return [
        path
        for path in named
        if (path.split("/")[0] in folders and path not in tracked())
        or ("/" not in path and PurePosixPath(path).suffix in {".py", ".md"} and path not in names)
    ]


def test_what_leads_nowhere_is_found():
    text = "[a](infra/no.md) [b](README.md#no) [c](README.md#two-commands) ![d](no.png) [e](https://x/)"
    assert broken_links(text, "README.md") == ["infra/no.md", "README.md#no", "no.png"]
    assert missing_files("`tasks/no.py` `tasks/judging/gate.py` `no.py` `runs/x` `git`") == [
        "tasks/no.py",
        "no.py",
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    assert broken_links((ROOT / document).read_text(), document) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_is_there(document):
    assert missing_files((ROOT / document).read_text()) == []


def test_the_code_names_documents_and_sections_that_are_there():
    code = [path for path in tracked() if path.endswith(".py")]
    named = {(to, path) for path in code for to in _EVIDENCE.findall((ROOT / path).read_text())}
    assert len(named) > 5
    assert [(to, path) for to, path in sorted(named) if leads_nowhere(to, "README.md")] == []


def test_every_variable_that_the_code_reads_is_on_the_page_of_settings():
    page = set(_VARIABLE.findall((ROOT / "infra/docs/settings.md").read_text()))
    code = [path for path in tracked() if path.endswith(".py") and not path.startswith("tests/")]
    named = {name for path in code for name in _VARIABLE.findall((ROOT / path).read_text())}
    assert named | {f"SORTLINE_{field.upper()}" for field in Settings.model_fields} <= page


def test_no_file_holds_the_marks_of_a_conflict():
    files = [path for path in tracked() if (ROOT / path).is_file()]
    assert [path for path in files if _CONFLICT.search((ROOT / path).read_bytes())] == []
