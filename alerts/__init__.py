"""The alarm engine: which rule holds, whom it is told, and the mails that tell it."""
