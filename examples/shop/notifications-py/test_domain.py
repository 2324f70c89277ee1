import sys
import unittest

sys.path.insert(0, "src")
from domain import sent, write


class Messages(unittest.TestCase):
    def test_a_message_shows_braces_or_hundredths(self):
        event = {"order_id": "7", "total_cents": 1290, "late": True, "none": None, "of": [1, "ä"]}
        for text, written in [
            ("Order {order_id}: {total_cents} EUR", "Order 7: 12.90 EUR"),
            ("{late}{none}{unknown}.", "true."),
            ("{of}", '[1,"ä"]'),
            ("a { b", "a { b"),
            ("", ""),
        ]:
            self.assertEqual(write(text, event), written)

    def test_a_message_is_sent_twice(self):
        self.assertEqual(sent(sent({}, "first"), "second"), {"sent_at": "first"})


if __name__ == "__main__":
    unittest.main()
