"""The simulated mail server: takes every mail, keeps it as a file. Never sends one on."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from ingest.simulator.faults import port_trouble
from plant.model import Mail

log = logging.getLogger(__name__)

KEPT = 500


class Mailbox:
    """The mails as `.eml` files in a directory, the newest `KEPT` of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.stem) for path in self.paths()]
        self._next = max(numbers, default=0) + 1

    def paths(self) -> list[Path]:
        """The kept mails, oldest first."""
        found = [path for path in self._directory.glob("*.eml") if path.stem.isdigit()]
        return sorted(found, key=lambda path: int(path.stem))

    def keep(self, body: bytes) -> Path:
        """Store one mail whole, or not at all."""
        path = self._directory / f"{self._next}.eml"
        self._next += 1
        part = path.with_suffix(".part")
        part.write_bytes(body)
        part.replace(path)
        for old in self.paths()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Called by the server for each mail."""
        content = envelope.content
        body = content.encode() if isinstance(content, str) else bytes(content or b"")
        to = ", ".join(envelope.rcpt_tos)
        self.keep(f"X-Envelope-To: {to}\r\n".encode() + body)
        return "250 kept"


async def start(mail: Mail, mailbox: Mailbox) -> asyncio.Server:
    """Listen for mails. Raises CannotSimulate."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            lambda: SMTP(mailbox, hostname="taktboard-simulator", enable_SMTPUTF8=True, loop=loop),
            mail.host,
            mail.port,
        )
    except OSError as error:
        raise port_trouble("mail server", mail.host, mail.port, error) from error
