"""What schemathesis does not know by itself: how bytes of Wasm are made and sent."""

import schemathesis
from hypothesis import strategies as st

# An empty core module, an empty component, and what only begins like one.
HEADS = [b"", b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"]

schemathesis.openapi.media_type("application/wasm", st.builds(bytes.__add__, st.sampled_from(HEADS), st.binary()))


@schemathesis.serializer("application/wasm")
def wasm(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()


# Lines of an import: keys that are well-formed, and what is none.
LINE = st.one_of(
    st.builds('{{"bucket":"","key":"{}","value":"aGk="}}'.format, st.from_regex(r"[a-z]{1,8}", fullmatch=True)),
    st.text(max_size=64),
)

schemathesis.openapi.media_type("application/x-ndjson", st.lists(LINE, max_size=4).map("\n".join))


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
