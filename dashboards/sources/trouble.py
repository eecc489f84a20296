"""What the collector says of a source's trouble, in the reader's language.

The first line of a source's error is one of these sentences; the library's own words follow as
they are. The sentences are the collector's: its tests hold both lists equal.
"""

from __future__ import annotations

from dashboards.texts import Texts, msgid

STOPPED = msgid("The collector was stopped. Start it again.")
SENTENCES = frozenset(
    (
        msgid("Connecting for the first time."),
        msgid("Nobody answers at the address. Is the device on, and the address right?"),
        msgid("The host name is not known. Is it spelled right?"),
        msgid("No answer in time. Is the network up?"),
        msgid("The connection was cut. It is being made again."),
        msgid("The server stopped sending. The connection is being made again."),
        msgid("User name or password is not accepted. Check the source's user and password."),
        msgid("The certificate is not accepted. Check the certificates on both sides."),
        msgid("The password is not set. Set the variable that the plant file names."),
        msgid("Another client uses the same client id. Give each its own in the plant file."),
        msgid("The server refuses. See its own words."),
        msgid("The server answers with an error. It is asked again."),
        msgid("The answer can't be read. See the quarantine."),
        msgid("Some addresses are unknown to the server. Check the tags' addresses."),
        msgid("The source's settings can't be used. See the details."),
        msgid("The database is away. The source is asked again when it is back."),
        STOPPED,
        msgid("Something unexpected happened. It is tried again."),
    )
)


def in_words(error: str | None, t: Texts) -> str:
    """A source's error: its first line translated, then the details."""
    if not error:
        return ""
    sentence, *details = error.splitlines()
    return "\n".join([t.text(sentence), *details])
