"""Getting into an OPC UA server: certificates, user, and what it means when it says no."""

from __future__ import annotations

from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from db.secret import secret
from ingest.sources.opcua_trust import check_time, read_certificates, trusted
from ingest.words import SourceDown, Words, trouble_of_network
from plant.model import OpcUaSource

NAME = "Taktboard"
_MODES = {
    "basic256sha256_sign": ua.MessageSecurityMode.Sign,
    "basic256sha256_sign_encrypt": ua.MessageSecurityMode.SignAndEncrypt,
}
_LOGIN = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadIdentityTokenInvalid,
)
_CERTIFICATE = (
    ua.uaerrors.BadSecurityChecksFailed,
    ua.uaerrors.BadCertificateInvalid,
    ua.uaerrors.BadCertificateUntrusted,
    ua.uaerrors.BadCertificateTimeInvalid,
    ua.uaerrors.BadCertificateUriInvalid,
    ua.uaerrors.BadCertificateHostNameInvalid,
)


async def login(client: Client, source: OpcUaSource) -> None:
    """Connect and open a session as the plant file says. Raises OSError, UaError, SourceDown."""
    client.name = NAME
    client.description = NAME
    if source.user is not None:
        client.set_user(source.user)
        client.set_password(_password(source))
    if source.security == "none":
        await client.connect()
        return
    await _secure(client, source)
    try:
        await client.connect()
    except ConnectionRefusedError:
        raise
    except ConnectionError as error:  # it answered a moment ago, before it saw our certificate
        raise SourceDown(
            Words.CERTIFICATE, f"the server hangs up on our certificate: does it trust it? {error}"
        ) from error


def _password(source: OpcUaSource) -> str:
    if source.password_env is None:
        return ""
    found = secret(source.password_env)
    if found is None:
        raise SourceDown(Words.NO_PASSWORD, source.password_env)
    return found


async def _secure(client: Client, source: OpcUaSource) -> None:
    if source.certificate is None or source.private_key is None:
        raise SourceDown(Words.CERTIFICATE, "certificate and private_key are not set")
    ours = read_certificates(source.certificate)[0]
    check_time(ours, "our own")
    client.application_uri = _application_uri(ours)
    mode = _MODES[source.security]
    theirs = await trusted(client, source, mode, SecurityPolicyBasic256Sha256.URI)
    try:
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            CertProperties(ours.public_bytes(Encoding.DER), "der"),
            _key(Path(source.private_key)),
            server_certificate=CertProperties(theirs.public_bytes(Encoding.DER), "der"),
            mode=mode,
        )
    except (ValueError, TypeError, OSError) as error:  # the key's file
        raise SourceDown(Words.CERTIFICATE, f"{source.private_key}: {error}") from error


def _key(file: Path) -> CertProperties:
    """PEM or DER by what is in the file: the library looks at its name."""
    body = file.read_bytes()
    return CertProperties(body, "pem" if b"-----BEGIN" in body else "der")


def _application_uri(ours: x509.Certificate) -> str:
    """The URI that the certificate names: the server compares it with what we say we are."""
    try:
        names = ours.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise SourceDown(Words.CERTIFICATE, "our own certificate names no application") from error
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")


def trouble(error: BaseException) -> SourceDown:
    """What a library's error means for the user."""
    if isinstance(error, _LOGIN):
        return SourceDown(Words.LOGIN, str(error))
    if isinstance(error, _CERTIFICATE):
        return SourceDown(Words.CERTIFICATE, str(error))
    if isinstance(error, ua.UaError):
        return SourceDown(Words.REFUSED_BY_SERVER, str(error))
    return trouble_of_network(error)
