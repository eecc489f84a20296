"""What to do about a source's trouble: one sentence for each fault that the board can show.

By the first line of the collector's error, by the kind of a source that is silent, by the reason of
what is in quarantine. Tests hold the keys equal to what can occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dashboards.texts import msgid

OF_ERROR: Mapping[str, str] = MappingProxyType(
    {
        "Connecting for the first time.": msgid(
            "Wait a moment. If it stays so, look at the collector's log."
        ),
        "Nobody answers at the address. Is the device on, and the address right?": msgid(
            "Switch the device or the broker on; compare host and port with the plant file; ask for"
            " the firewall between."
        ),
        "The host name is not known. Is it spelled right?": msgid(
            "Correct the host in the plant file, or write its IP address there."
        ),
        "No answer in time. Is the network up?": msgid(
            "Look at cable, switch and firewall; try to reach the address from this computer."
        ),
        "The connection was cut. It is being made again.": msgid(
            "If it stays away: is the device or the broker running, and the network up?"
        ),
        "The server stopped sending. The connection is being made again.": msgid(
            "If it comes again: restart the server's publishing, or look at how busy it is."
        ),
        "User name or password is not accepted. Check the source's user and password.": msgid(
            "Correct the user in the plant file and the password in the variable it names."
        ),
        "The certificate is not accepted. Check the certificates on both sides.": msgid(
            "Compare the fingerprint below with the server's; name its certificate in the plant"
            " file, and have the server trust ours."
        ),
        "The password is not set. Set the variable that the plant file names.": msgid(
            "Set the variable, or the file that it names with _FILE, and restart the collector."
        ),
        "Another client uses the same client id. Give each its own in the plant file.": msgid(
            "Stop the other collector, or change client_id in one of the plant files."
        ),
        "The server refuses. See its own words.": msgid(
            "Look at the rights of our user at the server; its own words stand below."
        ),
        "The server answers with an error. It is asked again.": msgid(
            "Show the server's words to those who run it."
        ),
        "The answer can't be read. See the quarantine.": msgid(
            "Compare the answer in the quarantine with the fields of the plant file."
        ),
        "Some addresses are unknown to the server. Check the tags' addresses.": msgid(
            "Correct the addresses named below in the plant file; the other tags are read."
        ),
        "The source's settings can't be used. See the details.": msgid(
            "Correct the plant file as said below, and apply it."
        ),
        "The database is away. The source is asked again when it is back.": msgid(
            "Bring the database back; nothing has to be done about the source."
        ),
        "The collector was stopped. Start it again.": msgid(
            "Start the collector: python app.py ingest, or its service."
        ),
        "Something unexpected happened. It is tried again.": msgid(
            "Look at the collector's log, and report what stands below."
        ),
    }
)
OF_SILENCE: Mapping[str, str] = MappingProxyType(
    {
        "opcua": msgid("The server is there and sends nothing: do its values still change?"),
        "mqtt": msgid(
            "The broker is there and nothing comes: do the machines publish, and on these topics?"
        ),
        "sparkplug": msgid(
            "The broker is there and no edge node speaks: are they on, and in this group?"
        ),
        "rest": msgid("The system answers no more: is it busy, or is the interval too long?"),
    }
)
"""Connected, and not heard for longer than it may be silent."""
NEVER = msgid("Start the collector: python app.py ingest, or its service.")
BAD_VALUES = msgid("Some values come marked as bad: look at the sensors of these machines.")
LATE = msgid("Its values come late: compare the clocks, and look at the way between.")
IN_QUARANTINE: Mapping[str, str] = MappingProxyType(
    {
        "bad_answer": msgid("Correct the path to the orders in the plant file."),
        "bad_json": msgid("Look at what the device sends, and at the largest size it may have."),
        "bad_order": msgid("Map the field or the status that is named in the plant file."),
        "bad_sparkplug": msgid("Keep other payloads off the topics of Sparkplug."),
        "bad_text": msgid("Have the device send the text as UTF-8."),
        "bad_time": msgid("Have the device send times with a zone, or leave them out."),
        "bad_type": msgid("Point the tag's path at the number itself."),
        "in_future": msgid("Set the device's clock; have it follow a time server."),
        "not_a_number": msgid("Point the tag at a number, or map its words as states."),
        "not_finite": msgid("Have the device send a bad quality instead."),
        "out_of_range": msgid("Scale the value at the device."),
        "overflow": msgid("Raise queue_size of the source, or the publishing interval."),
        "refused": msgid("Report it: the database's words stand with it."),
        "too_large": msgid("Have the device send less at once."),
        "too_old": msgid(
            "Set the device's clock; what is older than raw readings live is kept here."
        ),
        "unexpected": msgid("Report it with the payload."),
        "unknown_address": msgid("Correct the tags' addresses in the plant file."),
        "unmapped": msgid("Add a tag for it to the plant file, or subscribe to fewer topics."),
    }
)
