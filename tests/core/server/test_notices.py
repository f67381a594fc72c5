from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.server.notices import EVERY, NOTICES_MAX, Notices
from bulletin.core.server.work import Event


class NoticesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notices = Notices()

    def test_repeated_ones_are_said_once_in_a_while_with_their_number(self) -> None:
        for at in (0.0, 1.0, 2.0, EVERY, EVERY + 1):
            self.notices.repeat("kind", "it happened", Instant(at, 0.0))
        self.notices.repeat("other", "something else", Instant(3.0, 0.0), urgent=True)
        self.assertEqual(
            [(event.text, event.urgent) for event in self.notices.take()],
            [
                ("it happened", False),
                ("it happened (2 more since the last such line)", False),
                ("something else", True),
            ],
        )
        self.assertEqual(self.notices.take(), ())

    def test_bounded(self) -> None:
        for _ in range(NOTICES_MAX + 5):
            self.notices.say("more")
        taken = self.notices.take()
        self.assertEqual(len(taken), NOTICES_MAX + 1)
        self.assertEqual(taken[-1], Event("5 further lines were dropped"))
