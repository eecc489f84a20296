"""paho's client as a source's settings want it: identity, TLS, user, will. Never connects."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from db.secret import secret
from ingest.words import SourceDown, Words
from plant.model import MqttSource, SparkplugSource

CONNECT_S = 4.0


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone."""

    topic: str
    payload: bytes


def client_of(
    source: MqttSource | SparkplugSource, *, persistent: bool, will: Will | None
) -> Client:
    """A client for one connection. Raises SourceDown where a file or a password is missing."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=source.client_id or f"taktboard-{source.name}",
        clean_session=not persistent,
        protocol=MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
    )
    client.connect_timeout = CONNECT_S
    if source.tls:
        _secure(client, source.ca_file)
    if source.user is not None:
        client.username_pw_set(source.user, _password(source))
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    return client


def _secure(client: Client, ca_file: str | None) -> None:
    """Verify the broker: by the authorities of the file, else by those of the system."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SourceDown(Words.CERTIFICATE, f"{ca_file}: {error}") from error
    context.sslsocket_class = _Socket
    client.tls_set_context(context)


class _Socket(ssl.SSLSocket):
    """Closed where the handshake fails: paho leaves it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        """See ssl.SSLSocket."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _password(source: MqttSource | SparkplugSource) -> str | None:
    if source.password_env is None:
        return None
    found = secret(source.password_env)
    if found is None:
        raise SourceDown(Words.NO_PASSWORD, source.password_env)
    return found
