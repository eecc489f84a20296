"""Whether an OPC UA server is the one that the plant file means: its certificate, before a secret.

The file named as `server_certificate` holds the server's own certificate, or that of the authority
that issued it; then the certificate must be for the host we ask. Never trusts on first use: without
a named file the refusal tells the fingerprint, and the user decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import Client, ua
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from ingest.words import SourceDown, Words
from plant.model import OpcUaSource


async def trusted(
    client: Client, source: OpcUaSource, mode: ua.MessageSecurityMode, policy_uri: str
) -> x509.Certificate:
    """Ask the server for its certificate and check it.

    Raises SourceDown where it is not to be trusted or the server has no such endpoint; OSError and
    UaError where it can't be asked.
    """
    endpoints = await client.connect_and_get_server_endpoints()
    for endpoint in endpoints:
        if (endpoint.SecurityMode, endpoint.SecurityPolicyUri) == (mode, policy_uri):
            return _checked(endpoint.ServerCertificate, source)
    offers = f"the server offers {_offers(endpoints)}, not {mode.name}"
    raise SourceDown(Words.CONFIGURATION, offers)


def read_certificates(path: str) -> list[x509.Certificate]:
    """Of a DER file its one, of a PEM file all. Raises SourceDown where there is none."""
    try:
        body = Path(path).read_bytes()
        if b"-----BEGIN" in body:
            return x509.load_pem_x509_certificates(body)
        return [x509.load_der_x509_certificate(body)]
    except (ValueError, OSError) as error:
        raise SourceDown(Words.CERTIFICATE, f"{path}: {error}") from error


def check_time(certificate: x509.Certificate, whose: str) -> None:
    """Raises SourceDown where it is not valid now, by the wall clock."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= datetime.now(UTC) <= end:
        valid = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        raise SourceDown(Words.CERTIFICATE, f"{whose} certificate is valid from {valid}")


def _checked(shown: bytes | None, source: OpcUaSource) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(_first_of(shown or b""))
    except ValueError as error:
        raise SourceDown(Words.CERTIFICATE, f"the server shows no certificate: {error}") from error
    check_time(certificate, "the server's")
    named = source.server_certificate
    if named is None:
        raise SourceDown(Words.CERTIFICATE, f"server_certificate is not set; {_print(certificate)}")
    anchors = read_certificates(named)
    if certificate not in anchors and not _is_issued(certificate, anchors, source.url):
        raise SourceDown(
            Words.CERTIFICATE, f"{named} does not vouch for the server; {_print(certificate)}"
        )
    return certificate


def _first_of(chain: bytes) -> bytes:
    """The server's own of a chain: DER says its length in the bytes after the first."""
    head, length = 2, chain[1] if len(chain) > 1 else 0
    if length > 0x7F:
        head += length & 0x7F
        length = int.from_bytes(chain[2:head])
    return chain[: head + length]


def _is_issued(
    certificate: x509.Certificate, anchors: Iterable[x509.Certificate], url: str
) -> bool:
    """By an authority among the anchors, and for the host of the address."""
    return _is_for(certificate, urlsplit(url).hostname or "") and any(
        _is_authority(anchor) and _has_signed(anchor, certificate) for anchor in anchors
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _has_signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    known = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    try:
        return ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        return host.lower() in known


def _print(certificate: x509.Certificate) -> str:
    return f"the server's has the SHA-256 {certificate.fingerprint(SHA256()).hex(':')}"


def _offers(endpoints: Sequence[ua.EndpointDescription]) -> str:
    found = {
        f"{(endpoint.SecurityPolicyUri or '').rpartition('#')[2]} {endpoint.SecurityMode.name}"
        for endpoint in endpoints
    }
    return ", ".join(sorted(found)) or "no endpoints"
