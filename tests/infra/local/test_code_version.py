"""The code version: the commit, and what was changed since in what decides a model."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.local.code_version import code_version

DIRTY = re.compile(r"[0-9a-f]{40}-dirty-[0-9a-f]{12}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("dags", "tasks", "ray_jobs", "docs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    return tmp_path


def git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=tree, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_clean_tree_is_named_by_its_commit(tree: Path):
    assert code_version(tree, {}) == git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["tasks/a.py", "ray_jobs/new.py"])
def test_a_change_is_part_of_the_name_whether_tracked_or_not(tree: Path, name: str):
    (tree / name).write_text("2\n")
    one = code_version(tree, {})
    (tree / name).write_text("3\n")

    assert DIRTY.fullmatch(one)
    assert one != code_version(tree, {})


def test_the_same_change_has_the_same_name(tree: Path):
    (tree / "dags" / "a.py").write_text("2\n")

    assert code_version(tree, {}) == code_version(tree, {})


def test_a_staged_change_counts(tree: Path):
    (tree / "dags" / "a.py").write_text("2\n")
    git(tree, "add", ".")

    assert DIRTY.fullmatch(code_version(tree, {}))


def test_what_does_not_decide_a_model_does_not_count(tree: Path):
    (tree / "docs" / "a.py").write_text("2\n")
    (tree / ".gitignore").write_text("*.pyc\n")
    (tree / "tasks" / "a.pyc").write_text("compiled")

    assert code_version(tree, {}) == git(tree, "rev-parse", "HEAD")


def test_a_label_of_an_image_wins(tree: Path):
    assert code_version(tree, {"SORTLINE_CODE_VERSION": "v7"}) == "v7"


def test_without_git_the_files_name_the_version(tmp_path: Path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.py").write_text("1\n")
    one = code_version(tmp_path, {})
    (tmp_path / "tasks" / "a.py").write_text("2\n")

    assert re.fullmatch(r".+-files-[0-9a-f]{12}", one)
    assert one != code_version(tmp_path, {})
