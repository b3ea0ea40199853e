"""Where the one-machine stack keeps what: the folders of one home."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ray_jobs.contract.errors import ClusterError, SpecError, disk_full

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600
PRIVATE_UMASK = 0o077


@dataclass(frozen=True)
class Home:
    """The folders and files of one home; nothing is made before `make`."""

    root: Path

    @property
    def stack_id(self) -> str:
        """The id that marks every process of this home: it outlives the folder itself."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]

    @property
    def secrets(self) -> Path:
        """Keys, tokens and passwords, a file each."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """A log file a part, rotated."""
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        """What was chosen at `up`: ports, external parts, code version."""
        return self.root / "stack.json"

    @property
    def run(self) -> Path:
        """Sockets and session files; gone after `down`."""
        return self.root / "run"

    @property
    def short_run(self) -> Path:
        """A short name of `run`: the path of a unix socket ends at 107 bytes."""
        return Path("/tmp") / f"sortline-{self.stack_id}"

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord takes its orders."""
        return self.short_run / "supervisor.sock"

    @property
    def scratch(self) -> Path:
        """Where the parts put temporary files, so that `down` finds them."""
        return self.short_run / "tmp"

    def data(self, part: str) -> Path:
        """What a part keeps from one start to the next."""
        return self.root / part

    def log_of(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Make the folders, for their owner alone.

        Raises:
          SpecError: the home cannot be a folder of this user.
          ClusterError: somebody else holds the short name.
        """
        with using(self):
            for folder in (self.root, self.secrets, self.logs, self.run):
                folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIR)
                folder.chmod(PRIVATE_DIR)
        with suppress(FileExistsError):  # whose it is, and what, is checked now
            self.short_run.symlink_to(self.run)
        self._check_short_run()
        self.scratch.mkdir(exist_ok=True, mode=PRIVATE_DIR)

    def _check_short_run(self) -> None:
        # Links in a sticky folder are safe as long as they are ours and lead home.
        if not self._is_our_link() or self.short_run.readlink() != self.run:
            raise ClusterError(
                f"{self.short_run} is not ours",
                f"a link of this user to {self.run}",
                "Remove it, or name another home with --home",
            )

    def remove_short_run(self) -> None:
        """Remove the short name, if it is ours."""
        if self._is_our_link():
            self.short_run.unlink()

    def _is_our_link(self) -> bool:
        return self.short_run.is_symlink() and self.short_run.lstat().st_uid == os.getuid()


@contextmanager
def using(home: Home) -> Generator[None]:
    """Tell the user where the system refuses the home itself: a file, a folder of somebody else's.

    Raises:
      SpecError: in place of an OSError, but for that of a full disk.
    """
    try:
        yield
    except OSError as error:
        if disk_full(error) is not None:
            raise
        raise SpecError(
            f"the home {home.root} cannot be used: {error.strerror}",
            "a folder that this user may write to, or a place where one can be made",
            "Name another with --home",
        ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, made whole by a rename; several may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIR)
    with TemporaryDirectory(dir=path.parent, prefix=".partial-") as own:
        partial = Path(own, path.name)
        partial.touch(mode=PRIVATE_FILE)
        partial.write_text(text, encoding="utf-8")
        partial.rename(path)
