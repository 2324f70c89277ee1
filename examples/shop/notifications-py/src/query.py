"""The query of an address, read as strictly as the services in Rust read it."""

import re
from urllib.parse import quote, unquote


class BadEncoding(ValueError):
    def __init__(self, text: str):
        super().__init__(f'The percent-encoding of "{text}" is broken')


def decode(text: str) -> str:
    """Undoes percent-encoding."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise BadEncoding(text)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadEncoding(text) from None


def parse(query: str) -> list[tuple[str, str]]:
    """The pairs of a query, in their order."""
    pairs = [pair.partition("=") for pair in query.replace("+", " ").split("&") if pair]
    return [(decode(name), decode(value)) for name, _, value in pairs]


def encode(pairs: list[tuple[str, str]]) -> str:
    """A query of these pairs; all is encoded but the unreserved characters of RFC 3986."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
