"""The time, and ids that follow it."""

import os
from datetime import datetime, timezone

from wit_world.imports import wall_clock


def now() -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(wall_clock.now().seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): those that are made later sort after those made earlier."""
    at = wall_clock.now()
    time = (at.seconds * 1_000 + at.nanoseconds // 1_000_000).to_bytes(6, "big")
    chance = bytearray(os.urandom(10))
    chance[0] = 0x70 | chance[0] & 0x0F
    chance[2] = 0x80 | chance[2] & 0x3F
    text = (time + chance).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
