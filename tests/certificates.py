"""Certificates for the tests that need them: authorities, servers, clients, valid or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as objects and as PEM files."""

    certificate: x509.Certificate
    private_key: rsa.RSAPrivateKey
    file: str
    key_file: str


@pytest.fixture
def certify(tmp_path: Path) -> Callable[..., Issued]:
    """Makes certificates: self-signed, or signed by `issuer`; valid until `ends` from now."""

    def make(
        name: str,
        *,
        issuer: Issued | None = None,
        is_authority: bool = False,
        hosts: Sequence[str] = ("127.0.0.1",),
        uri: str | None = None,
        ends: timedelta = timedelta(days=1),
    ) -> Issued:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=2))
            .not_valid_after(datetime.now(UTC) + ends)
        )
        signs = is_authority or issuer is None  # OPC UA wants it of one that is signed by itself
        for extension, critical in _extensions(hosts, uri, is_authority=is_authority, signs=signs):
            builder = builder.add_extension(extension, critical)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(own, critical=False)
        signer = issuer.private_key if issuer else key
        theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(theirs, critical=False)
        return _filed(tmp_path / name, builder.sign(signer, hashes.SHA256()), key)

    return make


def _extensions(
    hosts: Sequence[str], uri: str | None, *, is_authority: bool, signs: bool
) -> list[tuple[x509.ExtensionType, bool]]:
    names: list[x509.GeneralName] = [_name(host) for host in hosts]
    if uri is not None:
        names.append(x509.UniformResourceIdentifier(uri))
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    roles = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return [
        (x509.BasicConstraints(ca=is_authority, path_length=None), True),
        (x509.SubjectAlternativeName(names), False),
        (usage, True),
        (x509.ExtendedKeyUsage(roles), False),
    ]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _filed(path: Path, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> Issued:
    file, key_file = path.with_suffix(".pem"), path.with_suffix(".key")
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Issued(certificate, key, str(file), str(key_file))
