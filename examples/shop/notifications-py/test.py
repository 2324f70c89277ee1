import sys
import unittest

sys.path.insert(0, "src")
from domain import parse, sent, write
from query import BadEncoding, decode, encode
from query import parse as parse_query


class Messages(unittest.TestCase):
    def test_a_message_shows_braces_or_hundredths(self):
        event = {"order_id": "7", "total_cents": 1290, "late": True, "none": None, "of": [1, {"b": "ä", "a": 2}]}
        for text, written in [
            ("Order {order_id}: {total_cents} EUR", "Order 7: 12.90 EUR"),
            ("{late}{none}{unknown}.", "true."),
            ("{of}", '[1,{"a":2,"b":"ä"}]'),
            ("a { b", "a { b"),
            ("", ""),
        ]:
            self.assertEqual(write(text, event), written)

    def test_a_message_is_sent_twice(self):
        self.assertEqual(sent(sent({}, "first"), "second"), {"sent_at": "first"})

    def test_an_event_comes_again_that_nobody_can_read(self):
        self.assertEqual(parse(b'{"user_id": "ada"}'), {"user_id": "ada"})
        deep = b"[" * 100_000
        for payload in [b"", b"[]", b"no JSON", b'{"a": NaN}', b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}", b"\xff", deep]:
            self.assertRaises(ValueError, parse, payload)


class Queries(unittest.TestCase):
    def test_a_value_arrives_encoded(self):
        self.assertEqual(parse_query("q=gr%C3%BCn+tea&q=b&flag"), [("q", "grün tea"), ("q", "b"), ("flag", "")])
        self.assertEqual(encode([("q", "grün tea"), ("c", "~/")]), "q=gr%C3%BCn%20tea&c=~%2F")

    def test_broken_encoding_is_taken_for_text(self):
        for broken in ["%", "%zz", "a%f", "%ff"]:
            self.assertRaises(BadEncoding, decode, broken)


if __name__ == "__main__":
    unittest.main()
