"""Where readings and orders come from, as the plant file says: one model a protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from plant.part import Code, Part, Seconds


class _Source(Part):
    name: Code
    stale_after_s: Seconds = 5.0
    """Silence after which its tags count as unknown."""


class OpcUaSource(_Source):
    kind: Literal["opcua"]
    url: str = Field(pattern=r"^opc\.tcp://", examples=["opc.tcp://10.0.0.5:4840"])
    publishing_interval_ms: int = Field(default=250, ge=50, le=60_000)
    queue_size: int = Field(default=600, ge=1)
    """Values the server keeps a tag while we are away: longest outage × rate."""
    security: Literal["none", "basic256sha256_sign", "basic256sha256_sign_encrypt"]
    certificate: str | None = None
    private_key: str | None = None
    server_certificate: str | None = None
    user: str | None = None
    password_env: str | None = None
    """Variable that holds the password; NAME_FILE is read where NAME is not set."""


class _Broker(_Source):
    host: str = Field(examples=["10.0.0.6"])
    port: int = Field(default=1883, ge=1, le=65535)
    tls: bool = False
    ca_file: str | None = None
    client_id: str | None = None
    """Stable across restarts, so that the broker keeps what was sent meanwhile."""
    user: str | None = None
    password_env: str | None = None


class MqttSource(_Broker):
    kind: Literal["mqtt"]
    topics: tuple[str, ...] = Field(min_length=1, examples=[["plant/+/+/status"]])
    timestamp: str | None = "timestamp_ms"
    """JMESPath of the time in a payload: epoch milliseconds or ISO 8601; "": time of arrival."""
    qos: Literal[0, 1, 2] = 1

    @field_validator("timestamp")
    @classmethod
    def _arrival(cls, value: str | None) -> str | None:
        return value or None


class SparkplugSource(_Broker):
    kind: Literal["sparkplug"]
    group: str = Field(examples=["Suzhou1"])
    host_id: str = "taktboard"


class RestSource(_Source):
    kind: Literal["rest"]
    url: str = Field(pattern=r"^https?://", examples=["http://mes.local/api/operations"])
    interval_s: Seconds = 2.0
    items: str = "items"
    """JMESPath of the list in the answer."""
    next_page: str | None = None
    """JMESPath of the address of the next page, where the answer is paged."""
    mark: str = "updated_at"
    """JMESPath, in an item, of what the next poll asks from."""
    mark_parameter: str = "updated_since"
    fields: dict[str, str] = Field(examples=[{"order": "wo_id", "good": "qty_prod"}])
    """Our field ← JMESPath in an item; the fields are those of `plant.orders.Operation`."""
    statuses: dict[str, str] = Field(default_factory=dict, examples=[{"WIP": "running"}])
    """Their status → ours: planned, released, running, held, done, cancelled."""
    token_env: str | None = None


Source = Annotated[
    OpcUaSource | MqttSource | SparkplugSource | RestSource, Field(discriminator="kind")
]
