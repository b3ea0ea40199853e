"""The certificates with which SeaweedFS's own gRPC ports know each other."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.local.ports import LOOPBACK

_VALID_FOR = timedelta(days=3650)


class Certificates(NamedTuple):
    """PEM texts: the authority, and one leaf that is server and client alike.

    The authority's key is thrown away: nobody can issue another leaf.
    """

    authority: str
    leaf: str
    leaf_key: str


def new_certificates(now: datetime | None = None) -> Certificates:
    """An authority of our own and one certificate for 127.0.0.1, valid for ten years."""
    now = now or datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Sortline stack")
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name(LOOPBACK), issuer, leaf_key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(_subjects()), critical=False)
        .add_extension(x509.ExtendedKeyUsage(_USAGES), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Certificates(_pem(authority), _pem(leaf), _key_pem(leaf_key))


_USAGES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def _subjects() -> list[x509.GeneralName]:
    return [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), x509.DNSName("localhost")]


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID_FOR)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
