"""Why something is in quarantine, in the reader's language, by the collector's reason code.

The codes are the collector's: its tests hold both lists equal. The technical detail stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dashboards.texts import msgid

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "bad_answer": msgid("The answer holds no list of orders where the plant file says."),
        "bad_json": msgid("This is no JSON. Was it cut on its way?"),
        "bad_order": msgid("The order can't be mapped. Check the source's fields and statuses."),
        "bad_sparkplug": msgid("This is no Sparkplug B message."),
        "bad_text": msgid("The text is empty, too long or not printable."),
        "bad_time": msgid("Its time can't be read. Times need a time zone."),
        "bad_type": msgid("Neither a number nor a text."),
        "in_future": msgid("Its time is in the future. Is the device's clock right?"),
        "not_a_number": msgid("A number is expected here."),
        "not_finite": msgid("The value is infinite."),
        "out_of_range": msgid("The number is too large to be kept exactly."),
        "overflow": msgid("The server dropped values: its queue was full. Raise queue_size."),
        "refused": msgid("The database refused this value."),
        "too_large": msgid("The message is too large to be read."),
        "too_old": msgid("Its time is too long ago. Is the device's clock right?"),
        "unexpected": msgid("Something about it was not expected."),
        "unknown_address": msgid("The server does not know these addresses. Check the tags."),
        "unmapped": msgid("No tag of the plant file is in it."),
    }
)
