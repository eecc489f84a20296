"""Encrypted and with a login; a server that can't prove who it is gets nothing."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.smtp import Mailbox, TransportError
from plant.model import Mail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(key.private_bytes(encoding, form, plain) + signed.public_bytes(encoding))
    return path


@dataclass
class Strict:
    """Takes mails from eva alone."""

    logins: list[bytes]
    mails: int = 0

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == b"secret", handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails += 1
        return "250 OK"


@pytest.fixture
def strict(certificate: Path, port: int) -> Iterator[tuple[Strict, int]]:
    """A server that wants STARTTLS and a login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = Strict([])
    controller = Controller(
        handler, hostname="127.0.0.1", port=port, tls_context=context,
        require_starttls=True, auth_required=True, authenticator=handler.login,
    )  # fmt: skip
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["From"] = "s", "a@example.com", "taktboard@example.com"
    mail.set_content("text")
    return mail


def mail(port: int) -> Mail:
    return Mail(
        host="127.0.0.1", port=port, sender="taktboard@example.com", user="eva",
        password_env="MAIL_SECRET", boards_url="http://boards",
    )  # fmt: skip


def test_encrypted_and_logged_in(
    strict: tuple[Strict, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, port = strict
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("MAIL_SECRET", "secret")
    with Mailbox(mail(port), 5) as mailbox:
        mailbox.send(message(), "a@example.com")
        mailbox.send(message(), "b@example.com")
    assert handler.mails == 2
    assert handler.logins == [b"eva"]


def test_an_unknown_certificate_gets_nothing(
    strict: tuple[Strict, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, port = strict
    monkeypatch.setenv("MAIL_SECRET", "secret")
    with (
        Mailbox(mail(port), 5) as mailbox,
        pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED") as refused,
    ):
        mailbox.send(message(), "a@example.com")
    assert refused.value.is_server
    assert handler.logins == []


@pytest.mark.parametrize(("password", "words"), [("wrong", "535"), ("", "set MAIL_SECRET")])
def test_a_login_that_fails_waits_for_the_plant_file(
    strict: tuple[Strict, int],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    words: str,
) -> None:
    handler, port = strict
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("MAIL_SECRET", password)
    with Mailbox(mail(port), 5) as mailbox, pytest.raises(TransportError, match=words) as refused:
        mailbox.send(message(), "a@example.com")
    assert refused.value.is_server
    assert not refused.value.is_permanent
    assert handler.mails == 0
