"""What is made of what clients wrote down."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.record import WRONG_MAX, Record


class RecordTests(SynchronousTestCase):
    def test_the_longest_pause(self):
        record = Record()
        self.assertEqual(record.longest_pause(), float("inf"))
        record.acknowledged += [5.0, 1.0, 2.0]
        self.assertEqual(record.longest_pause(), 3.0)

    def test_not_every_wrong_page_is_told(self):
        record = Record()
        for number in range(2 * WRONG_MAX):
            record.found_wrong(str(number))
        self.assertEqual(record.wrong, [str(number) for number in range(WRONG_MAX)])
