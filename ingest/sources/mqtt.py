"""MQTT with JSON payloads, in the style of a unified namespace. Never publishes anything.

A persistent session under a stable client id: the broker keeps what comes while we are away, and
each message is acknowledged when what it says is durable. Only where the broker lost the session
is the stretch unknown.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from functools import partial

from paho.mqtt.client import MQTTMessage

from db.quarantine import Form
from ingest.feed import Feed
from ingest.reading import Channel, Quality, Reason, Refusal, Sample
from ingest.sources.mqtt_link import Link
from ingest.sources.mqtt_takeovers import Takeovers
from ingest.sources.payload import ABSENT, Find, finder, parsed, time_us
from ingest.words import SourceDown, Words
from plant.model import MqttSource

log = logging.getLogger(__name__)

UNMAPPED_TOLD = 100
"""Topics without a tag that are reported, each once, until the next start."""


class Mqtt:
    """One broker."""

    def __init__(self, source: MqttSource, feed: Feed) -> None:
        self._source = source
        self._feed = feed
        self._takeovers = Takeovers()
        self._tags: dict[str, list[tuple[Channel, Find]]] = defaultdict(list)
        self._unmapped: set[str] = set()
        try:
            self._time = finder(source.timestamp) if source.timestamp else None
            for channel in feed.channels:
                self._tags[channel.address].append((channel, finder(channel.path)))
        except ValueError as error:
            raise SourceDown(Words.CONFIGURATION, str(error)) from error

    async def session(self) -> None:
        """Connect, subscribe and deliver until the connection is over. Raises SourceDown."""
        await self._feed.room()
        began_s = time.monotonic()
        missed_from = self._feed.last_heard
        lasts = self._source.qos > 0  # of QoS 0 a broker keeps nothing for us
        link = Link(self._source, self._feed, lambda m: self._take(link, m), persistent=lasts)
        try:
            kept = await link.open()
            if not kept:
                self._feed.missed(missed_from)
            await link.subscribe(self._source.topics, self._source.qos)
            self._feed.up()
            await link.run()
        except SourceDown as down:
            raise self._takeovers.judged(down, time.monotonic() - began_s) from None
        finally:
            await link.close()

    def _take(self, link: Link, message: MQTTMessage) -> None:
        """Whatever a message holds, it is taken or refused: an exception here would block all."""
        ack = partial(link.ack, message.mid, message.qos)
        try:
            samples = self._samples(message.topic, bytes(message.payload), message.retain)
        except Exception as error:  # a payload that no one thought of
            log.exception("%s: a message on %s", self._source.name, message.topic)
            samples = Refusal(Reason.UNEXPECTED, f"{type(error).__name__}: {error}")
        if isinstance(samples, Refusal):
            body = bytes(message.payload)
            # What a broker retained may be of any age: taken later, it would pass for that moment.
            form: Form | None = None if message.retain else "message"
            self._feed.refuse(*samples, message.topic, body, ack, form=form)
        else:
            self._feed.take(samples, ack)

    def again(self, topic: str, body: bytes) -> list[Sample] | Refusal:
        """What a refused message says now."""
        if topic not in self._tags:
            return Refusal(Reason.UNMAPPED, "no tag has this topic as its address")
        return self._samples(topic, body, retained=False)

    def _samples(self, topic: str, body: bytes, retained: bool) -> list[Sample] | Refusal:
        tags = self._tags.get(topic)
        if tags is None:
            return self._without_tags(topic)
        payload = self._payload(tags, body)
        if isinstance(payload, Refusal):
            return payload
        ts_us = self._time_of(payload)
        if isinstance(ts_us, Refusal):
            return ts_us
        if ts_us is None and retained:
            return []  # of unknown age: it must not pass for the present
        found = [(channel, find(payload)) for channel, find in tags]
        samples = [
            Sample(channel, ts_us, raw, Quality.GOOD) for channel, raw in found if raw is not ABSENT
        ]
        return samples or Refusal(Reason.UNMAPPED, "none of the tags' paths is in the payload")

    def _payload(self, tags: list[tuple[Channel, Find]], body: bytes) -> object | Refusal:
        found = parsed(body)
        if not isinstance(found, Refusal) or found.reason is not Reason.BAD_JSON:
            return found
        if any(channel.path for channel, _ in tags):
            return found
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            return Refusal(Reason.BAD_TEXT, str(error))

    def _time_of(self, payload: object) -> int | Refusal | None:
        """None where the payload is to be dated by its arrival."""
        if self._time is None:
            return None
        raw = self._time(payload)
        return None if raw is ABSENT or raw is None else time_us(raw)

    def _without_tags(self, topic: str) -> list[Sample] | Refusal:
        """Reported once a topic: a shared namespace holds much that is not ours."""
        if topic in self._unmapped or len(self._unmapped) >= UNMAPPED_TOLD:
            return []
        self._unmapped.add(topic)
        return Refusal(Reason.UNMAPPED, "no tag has this topic as its address")
