"""What a source's trouble is called: sentences that the boards translate. Never more than that."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum


class Words(StrEnum):
    """The first line of a source's error; the library's own words may follow on the next ones."""

    STARTING = "Connecting for the first time."
    REFUSED = "Nobody answers at the address. Is the device on, and the address right?"
    UNKNOWN_HOST = "The host name is not known. Is it spelled right?"
    TIMEOUT = "No answer in time. Is the network up?"
    CUT = "The connection was cut. It is being made again."
    SILENT = "The server stopped sending. The connection is being made again."
    LOGIN = "User name or password is not accepted. Check the source's user and password."
    CERTIFICATE = "The certificate is not accepted. Check the certificates on both sides."
    NO_PASSWORD = "The password is not set. Set the variable that the plant file names."  # noqa: S105
    TAKEN = "Another client uses the same client id. Give each its own in the plant file."
    REFUSED_BY_SERVER = "The server refuses. See its own words."
    SERVER_ERROR = "The server answers with an error. It is asked again."
    NOT_UNDERSTOOD = "The answer can't be read. See the quarantine."
    ADDRESSES = "Some addresses are unknown to the server. Check the tags' addresses."
    CONFIGURATION = "The source's settings can't be used. See the details."
    DATABASE = "The database is away. The source is asked again when it is back."
    STOPPED = "The collector was stopped. Start it again."
    UNEXPECTED = "Something unexpected happened. It is tried again."


class SourceDown(Exception):
    """A connection is over or was never made: what to tell the user, and the library's words."""

    def __init__(self, words: Words, detail: str = "") -> None:
        super().__init__(f"{words} {detail}".strip())
        self.words = words
        self.detail = detail


def trouble_of_network(error: BaseException) -> SourceDown:
    """What an error of the operating system or of TLS means for the user."""
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, TimeoutError):
        return SourceDown(Words.TIMEOUT, detail)
    if isinstance(error, ConnectionRefusedError):
        return SourceDown(Words.REFUSED, detail)
    if isinstance(error, socket.gaierror):
        return SourceDown(Words.UNKNOWN_HOST, detail)
    if isinstance(error, ssl.SSLError):
        return SourceDown(Words.CERTIFICATE, detail)
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return SourceDown(Words.REFUSED, detail)
    if isinstance(error, OSError):
        return SourceDown(Words.CUT, detail)
    return SourceDown(Words.UNEXPECTED, detail)
