"""What a process of the stack finds in its environment: a short list of the user's, and ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.home import Home
from infra.local.ports import LOOPBACK

STACK_MARK = "SORTLINE_STACK"
PART_MARK = "SORTLINE_PART"
HOME_VARIABLE = "SORTLINE_HOME"

# Nothing else of the user's shell reaches a part: a stray RAY_ADDRESS, AIRFLOW__* or AWS key
# would silently point it elsewhere.
_PASSED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "CI", "LD_LIBRARY_PATH"),
        *("LANG", "LANGUAGE", "TZ"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
        *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
        *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
    )
)
_PASSED_PREFIX = "LC_"
_NO_PROXY = (LOOPBACK, "localhost")


def base_environment(user: Mapping[str, str]) -> dict[str, str]:
    """The part of the user's environment that a child may see.

    >>> base_environment({"RAY_ADDRESS": "http://else", "no_proxy": "a"})["no_proxy"]
    'a,127.0.0.1,localhost'
    """
    kept = {
        name: value
        for name, value in user.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIX)
    }
    return kept | {"PATH": _path(user)} | no_proxy(user)


def _path(user: Mapping[str, str]) -> str:
    # A Ray job says `python`: the one of this environment, whether or not it is activated.
    own = str(Path(sys.executable).parent)
    others = user.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([own, *(folder for folder in others if folder != own)])


def no_proxy(user: Mapping[str, str]) -> dict[str, str]:
    """The user's exceptions from the proxy, with loopback among them."""
    given = user.get("no_proxy") or user.get("NO_PROXY") or ""
    hosts = [host for host in given.split(",") if host]
    value = ",".join([*hosts, *(host for host in _NO_PROXY if host not in hosts)])
    return {"no_proxy": value, "NO_PROXY": value}


def marked_environment(home: Home, part: str, user: Mapping[str, str]) -> dict[str, str]:
    """The environment of one part's process, with the mark by which the sweep knows it."""
    return base_environment(user) | {
        HOME_VARIABLE: str(home.root),
        STACK_MARK: home.stack_id,
        PART_MARK: part,
        # A process that sets its own title writes over the memory that holds the mark, else.
        "SPT_NOENV": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(home.scratch),
    }
