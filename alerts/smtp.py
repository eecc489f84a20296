"""Speaks to the mail server: one connection for the mails that are due, then closed.

Says of every failure whether the server or this one mail is to blame, and whether it makes sense to
try again. Never decides when.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from socket import gethostname
from types import TracebackType
from typing import Self

from db.secret import SecretUnreadable, secret
from plant.model import Mail

FIRST_PERMANENT = 500
LOGIN_WANTED = (530, 534, 535, 538)
"""A matter of the plant file: no mail gets through until it is corrected."""


class TransportError(Exception):
    """A mail was not accepted."""

    def __init__(
        self, message: str, *, is_permanent: bool = False, is_server: bool = False
    ) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        """The server will not take this mail however often it is tried."""
        self.is_server = is_server
        """No mail gets through now, not just this one."""


class Mailbox:
    """A connection to the mail server, made at the first mail."""

    def __init__(self, mail: Mail, timeout_s: float) -> None:
        self._mail = mail
        self._timeout_s = timeout_s
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        smtp = self._smtp
        if smtp is not None and kind is None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
        self._drop()

    def send(self, message: EmailMessage, address: str) -> None:
        """Hand one mail over; returns once the server has accepted it. Raises TransportError."""
        smtp = self._smtp or self._connect()
        try:
            smtp.send_message(message, from_addr=self._mail.sender, to_addrs=[address])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(*error.recipients[address]) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code in LOGIN_WANTED:
                raise TransportError(_words(self._mail, error), is_server=True) from error
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            raise TransportError(str(error), is_permanent=True) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise TransportError(_words(self._mail, error), is_server=True) from error

    def _connect(self) -> smtplib.SMTP:
        try:
            self._smtp = self._opened()
            self._log_in(self._smtp)
        except (OSError, smtplib.SMTPException, SecretUnreadable) as error:
            self._drop()
            raise TransportError(_words(self._mail, error), is_server=True) from error
        return self._smtp

    def _opened(self) -> smtplib.SMTP:
        mail, context = self._mail, ssl.create_default_context()
        if mail.security == "tls":
            return smtplib.SMTP_SSL(
                mail.host, mail.port, gethostname(), timeout=self._timeout_s, context=context
            )
        smtp = smtplib.SMTP(mail.host, mail.port, gethostname(), timeout=self._timeout_s)
        if mail.security == "starttls":
            self._smtp = smtp
            smtp.starttls(context=context)
        return smtp

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        if self._mail.user is None:
            return
        password = secret(self._mail.password_env) if self._mail.password_env else None
        if password is None:
            raise SecretUnreadable(
                f"there is no password for {self._mail.user}: set {self._mail.password_env}"
            )
        smtp.login(self._mail.user, password)

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


def _refused(code: int, reason: bytes | str) -> TransportError:
    words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    return TransportError(f"{code} {words}", is_permanent=code >= FIRST_PERMANENT)


def _words(mail: Mail, error: Exception) -> str:
    return f"{mail.host}:{mail.port}: {str(error) or type(error).__name__}"
