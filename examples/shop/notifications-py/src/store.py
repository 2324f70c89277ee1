"""Where messages are kept: one JSON value a message, under `message/{id}`, as the notifications in Rust keep them. So
either goes on where the other has stopped."""

import json
from typing import Callable, Optional

from wit_world.imports import batch, wasi_keyvalue_store

PREFIX = "message/"
CHUNK = 100


def bucket() -> wasi_keyvalue_store.Bucket:
    return wasi_keyvalue_store.open("default")


def find(message_id: str) -> Optional[dict]:
    value = bucket().get(PREFIX + message_id)
    return None if value is None else json.loads(value)


def save(message: dict) -> None:
    bucket().set(PREFIX + message["id"], as_json(message))


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def page(limit: int, after: str, wanted: Callable[[dict], bool]) -> tuple[list[dict], Optional[str]]:
    """So many of those that are wanted after an id, and the id that the next page comes after."""
    kept = bucket()
    keys = sorted(key for key in all_keys(kept) if key.startswith(PREFIX) and key > PREFIX + after)
    items: list[dict] = []
    for start in range(0, len(keys), CHUNK):
        for _, value in batch.get_many(kept, keys[start : start + CHUNK]):
            message = json.loads(value) if value is not None else None
            if message is None or not wanted(message):
                continue
            if len(items) == limit:
                return items, items[-1]["id"]
            items.append(message)
    return items, None


def all_keys(kept: wasi_keyvalue_store.Bucket) -> list[str]:
    keys, cursor = [], None
    while True:
        answer = kept.list_keys(cursor)
        keys += answer.keys
        cursor = answer.cursor
        if cursor is None:
            return keys
