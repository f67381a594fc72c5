"""Slow links hold packets back, lose some, and bring some twice."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.lag import HELD_MAX, Held, Quality


def quality(**fields):
    return Quality(**({"delay": 0.1, "jitter": 0.0, "loss": 0.0, "twice": 0.0, "seed": 1} | fields))


class HeldTests(SynchronousTestCase):
    def test_a_packet_comes_after_the_delay(self):
        held = Held(quality())
        self.assertIsNone(held.patience(5.0))
        held.push(b"a", 5.0)
        self.assertAlmostEqual(held.patience(5.0), 0.1)
        self.assertEqual(list(held.pop(5.09)), [])
        self.assertEqual(list(held.pop(5.11)), [b"a"])
        self.assertEqual(len(held), 0)

    def test_those_of_one_delay_keep_their_order(self):
        held = Held(quality())
        packets = [bytes([number]) for number in range(50)]
        for packet in packets:
            held.push(packet, 1.0)
        self.assertEqual(list(held.pop(2.0)), packets)

    def test_jitter_has_them_overtake_each_other(self):
        held = Held(quality(jitter=1.0))
        packets = [bytes([number]) for number in range(50)]
        for packet in packets:
            held.push(packet, 1.0)
        arrived = list(held.pop(3.0))
        self.assertNotEqual(arrived, packets)
        self.assertEqual(sorted(arrived), packets)

    def test_shares(self):
        for fields, low, high in (
            ({"loss": 1.0}, 0, 0),
            ({"loss": 0.3}, 600, 800),
            ({"twice": 1.0}, 2000, 2000),
            ({"twice": 0.1}, 1050, 1150),
        ):
            held = Held(quality(**fields))
            for _ in range(1000):
                held.push(b"x", 0.0)
            self.assertTrue(low <= len(held) <= high, (fields, len(held)))

    def test_its_queue_is_bounded(self):
        held = Held(quality())
        for _ in range(HELD_MAX + 10):
            held.push(b"x", 0.0)
        self.assertEqual(len(held), HELD_MAX)
