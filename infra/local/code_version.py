"""Which code a run was made with: the commit, and a hash of what was changed since (ADR 0002)."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

# What decides how a model comes out; the stack's own code and the documents do not.
FOLDERS = ("dags", "tasks", "ray_jobs")
_DIGITS = 12


def code_version(root: Path, env: Mapping[str, str]) -> str:
    """The code version of a work tree: `COMMIT`, or `COMMIT-dirty-HASH` where it was changed.

    Args:
      root: folder that holds `dags`, `tasks` and `ray_jobs`.
      env: `SORTLINE_CODE_VERSION` wins where it is set (an image's build label).

    Returns:
      The version; `VERSION-files-HASH` of the package where there is no git.
    """
    if label := env.get("SORTLINE_CODE_VERSION"):
        return label
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        files = (path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
        installed = importlib.metadata.version("sortline")
        return f"{installed}-files-{_hash(b'', files, root)}"
    difference = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--", *FOLDERS) or b""
    untracked = list(_untracked(root))
    name = commit.decode().strip()
    if not difference and not untracked:
        return name
    return f"{name}-dirty-{_hash(difference, iter(untracked), root)}"


def _untracked(root: Path) -> Iterator[Path]:
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *FOLDERS) or b""
    return (root / name.decode() for name in listed.split(b"\0") if name)


def _hash(difference: bytes, files: Iterator[Path], root: Path) -> str:
    digest = hashlib.sha256(difference)
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_DIGITS]


def _git(root: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
