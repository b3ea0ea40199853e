"""Who may do what in the object store: an identity a step, with rights by prefix."""

from __future__ import annotations

import configparser
import io
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MLFLOW_BUCKET = "mlflow"


class KeyPair(NamedTuple):
    """An S3 access key and its secret."""

    access_key: str
    secret_key: str


class Rights(NamedTuple):
    """Prefixes of the bucket that an identity may read and write; each may list the bucket."""

    read: tuple[str, ...]
    write: tuple[str, ...]


_INGEST = ("datasets/", "shards/", "raw/", "staging/", "seen/")
_JUDGE = ("datasets/", "runs/", "judged/", "models/", "owners/")

# Training reads neither test shards nor raw photos, nor what was made of them (`judged/`): what
# decides a promotion stays unseen.
RIGHTS: dict[str, Rights] = {
    # Sources that lie in the stack's own bucket; none of its steps writes there.
    "ingest": Rights(read=(*_INGEST, "incoming/"), write=_INGEST),
    "train": Rights(
        read=("datasets/", "shards/train/", "shards/val/", "weights/", "runs/"),
        write=("runs/", "weights/"),
    ),
    "export": Rights(read=("runs/",), write=("runs/",)),
    "evaluate": Rights(
        read=("datasets/", "shards/test/", "runs/", "judged/", "models/"),
        write=("runs/", "judged/"),
    ),
    "judge": Rights(read=_JUDGE, write=_JUDGE),
    "serve": Rights(read=("datasets/", "models/", "runs/", "judged/"), write=()),
}
ADMIN = "admin"
MLFLOW = "mlflow"
IDENTITIES = (*RIGHTS, ADMIN, MLFLOW)


def actions(identity: str, bucket: str) -> list[str]:
    """SeaweedFS's actions for an identity.

    >>> actions("serve", "sortline")[:2]
    ['List:sortline', 'Read:sortline/datasets/*']
    """
    if identity == ADMIN:
        return ["Admin", "Read", "Write", "List", "Tagging"]
    if identity == MLFLOW:
        return [f"{verb}:{MLFLOW_BUCKET}" for verb in ("Read", "Write", "List", "Tagging")]
    rights = RIGHTS[identity]
    reads = [f"Read:{bucket}/{prefix}*" for prefix in rights.read]
    return [f"List:{bucket}", *reads, *(f"Write:{bucket}/{prefix}*" for prefix in rights.write)]


def new_keys() -> dict[str, KeyPair]:
    """Fresh random keys for every identity."""
    return {name: KeyPair(secrets.token_hex(10), secrets.token_hex(20)) for name in IDENTITIES}


def render_seaweedfs(keys: Mapping[str, KeyPair], bucket: str) -> str:
    """The file that `weed mini -s3.config` reads."""
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": pair.access_key, "secretKey": pair.secret_key}],
            "actions": actions(name, bucket),
        }
        for name, pair in keys.items()
    ]
    return json.dumps({"identities": identities}, indent=2) + "\n"


def render_credentials(keys: Mapping[str, KeyPair], names: Iterable[str]) -> str:
    """An AWS shared credentials file with a profile an identity."""
    ini = configparser.ConfigParser(interpolation=None)
    for name in names:
        ini[name] = {
            "aws_access_key_id": keys[name].access_key,
            "aws_secret_access_key": keys[name].secret_key,
        }
    text = io.StringIO()
    ini.write(text)
    return text.getvalue()


def parse_credentials(text: str) -> dict[str, KeyPair]:
    """The keys of an AWS shared credentials file, by profile."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(text)
    return {
        name: KeyPair(ini[name]["aws_access_key_id"], ini[name]["aws_secret_access_key"])
        for name in ini.sections()
    }
