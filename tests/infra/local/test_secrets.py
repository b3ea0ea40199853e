"""Secrets: what is generated, for whom, and that nothing generated is lost or shared."""

from __future__ import annotations

import json
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet

from infra.local.certificates import new_certificates
from infra.local.generate import fill_vault, write_connections
from infra.local.identities import (
    ADMIN,
    IDENTITIES,
    RIGHTS,
    actions,
    new_keys,
    parse_credentials,
    render_credentials,
)
from infra.local.vault import GRPC_FILES, Vault
from ray_jobs.contract import keys


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    made = Vault(tmp_path / "secrets")
    fill_vault(made, bucket="sortline")
    return made


def contents(vault: Vault) -> dict[str, str]:
    return {path.name: path.read_text() for path in vault.folder.iterdir()}


def test_every_secret_is_for_its_owner_alone(vault: Vault):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in vault.folder.iterdir()}

    assert set(modes.values()) == {0o600}


def test_a_second_start_changes_no_secret(vault: Vault):
    before = contents(vault)

    fill_vault(vault, bucket="sortline")

    assert contents(vault) == before


def test_two_homes_have_no_secret_in_common(vault: Vault, tmp_path: Path):
    other = Vault(tmp_path / "other")
    fill_vault(other, bucket="sortline")

    assert set(contents(vault).values()) & set(contents(other).values()) == set()


def test_a_new_identity_gets_a_key_and_the_old_ones_keep_theirs(vault: Vault):
    pairs = parse_credentials(vault.aws_credentials.read_text())
    older = {name: pair for name, pair in pairs.items() if name != "serve"}
    vault.aws_credentials.write_text(render_credentials(older, older))

    fill_vault(vault, bucket="sortline")

    now = parse_credentials(vault.aws_credentials.read_text())
    assert older.items() <= now.items()
    assert "serve" in now


def test_ray_jobs_hold_no_key_that_moves_a_champion_or_ingests(vault: Vault):
    names = set(parse_credentials(vault.ray_aws_credentials.read_text()))

    assert names == {"train", "export", "evaluate"}
    writers = {name for name, rights in RIGHTS.items() if "models/" in rights.write}
    assert writers & names == set()


def test_the_object_store_knows_every_identity_with_its_own_key(vault: Vault):
    known = json.loads(vault.s3_identities.read_text())["identities"]

    assert [identity["name"] for identity in known] == list(IDENTITIES)
    assert len({identity["credentials"][0]["secretKey"] for identity in known}) == len(IDENTITIES)


def test_only_who_evaluates_or_ingests_reads_test_shards():
    readers = {
        name
        for name in IDENTITIES
        for action in actions(name, "sortline")
        if action in ("Read", "Read:sortline/shards/*", "Read:sortline/shards/test/*")
    }

    assert readers == {"ingest", "evaluate", ADMIN}


@pytest.mark.parametrize("identity", ["train", "export"])
def test_who_makes_a_model_reads_nothing_that_was_made_of_test_images(identity: str):
    judged = keys.judged("abc", "predictions.parquet")

    assert not any(judged.startswith(prefix) for prefix in RIGHTS[identity].read)
    assert any(judged.startswith(prefix) for prefix in RIGHTS["judge"].read)


@pytest.mark.parametrize(
    ("identity", "prefixes"),
    [
        ("export", {"runs/"}),
        ("evaluate", {"datasets/", "shards/test/", "runs/", "judged/", "models/"}),
    ],
)
def test_who_ships_or_judges_a_model_reads_no_images_but_those_that_judge(
    identity: str, prefixes: set[str]
):
    assert set(RIGHTS[identity].read) == prefixes


def test_keys_survive_the_credentials_file():
    pairs = new_keys()

    assert parse_credentials(render_credentials(pairs, pairs)) == pairs


def test_the_fernet_key_is_one(vault: Vault):
    Fernet(vault.read("airflow-fernet-key"))


def test_airflow_finds_ray_with_its_token(vault: Vault):
    address = "http://127.0.0.1:8265"
    write_connections(vault, ray_address=address, token_file=vault.ray_token)

    connection = json.loads(vault.airflow_connections.read_text())["ray_default"]
    token = vault.read("ray-token")
    assert connection == {"conn_type": "ray", "host": address, "password": token}


def test_a_ray_without_token_gets_none(vault: Vault):
    write_connections(vault, ray_address="http://ray:8265", token_file=None)

    assert "password" not in json.loads(vault.airflow_connections.read_text())["ray_default"]


def test_the_leaf_is_known_to_the_authority_for_loopback_alone(vault: Vault):
    authority, leaf, key = (vault.path(name) for name in GRPC_FILES)
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(leaf, key)

    certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.1", "localhost"]


def test_the_certificates_hold_for_ten_years():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    leaf = x509.load_pem_x509_certificate(new_certificates(now).leaf.encode())

    assert leaf.not_valid_before_utc < now
    assert leaf.not_valid_after_utc.year == 2035
