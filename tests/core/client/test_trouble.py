"""What is said of a connection: once that it failed, once that it works again."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.client.trouble import PATIENCE, Changed, Trouble, Troubles
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal

LOST = Changed(Trouble.BROKER, failed=True)
BACK = Changed(Trouble.BROKER, failed=False)


def at(seconds):
    return Instant(seconds, 0.0)


class Told(SynchronousTestCase):
    def setUp(self):
        self.troubles = Troubles(2, at(0.0))

    def said(self):
        return list(self.troubles.changes())

    def test_a_good_start(self):
        """Nothing is said of what works."""
        self.troubles.broker_linked(0, up=True)
        self.troubles.proxy_linked(up=True)
        self.troubles.tick(at(PATIENCE * 2))
        self.assertEqual(self.said(), [])

    def test_never_there(self):
        """Said after a while, each; and once."""
        self.troubles.tick(at(PATIENCE - 0.1))
        self.assertEqual(self.said(), [])
        for _ in range(2):
            self.troubles.tick(at(PATIENCE))
        self.assertEqual(self.said(), [LOST, Changed(Trouble.PROXY, failed=True)])
        self.troubles.broker_linked(1, up=True)
        self.assertEqual(self.said(), [BACK])
        self.assertTrue(self.troubles.lasting(Trouble.PROXY))

    def test_the_last_broker(self):
        """One of two is enough."""
        self.troubles.broker_linked(0, up=True)
        self.troubles.broker_linked(1, up=True)
        self.troubles.broker_linked(0, up=False)
        self.assertEqual(self.said(), [])
        self.troubles.broker_linked(1, up=False)
        self.assertEqual(self.said(), [LOST])
        self.troubles.broker_linked(1, up=True)
        self.assertEqual(self.said(), [BACK])

    def test_silence(self):
        """A broker that is connected and answers nothing is as good as none."""
        self.troubles.broker_linked(0, up=True)
        self.troubles.silence()
        self.troubles.silence()
        self.assertEqual(self.said(), [LOST])
        self.troubles.answered()
        self.assertEqual(self.said(), [BACK])

    def test_silence_and_a_lost_link(self):
        """Both are one trouble; a new link begins anew."""
        self.troubles.broker_linked(0, up=True)
        self.troubles.broker_linked(0, up=False)
        self.troubles.silence()
        self.assertEqual(self.said(), [LOST])
        self.troubles.broker_linked(0, up=True)
        self.assertEqual(self.said(), [BACK])

    def test_the_board(self):
        """Over when none of those who asked is refused any more."""
        why = Refusal(Code.NO_LEADER)
        self.troubles.unable("a", why)
        self.troubles.unable("b", why)
        self.assertEqual(self.said(), [Changed(Trouble.BOARD, failed=True, why=why)])
        self.troubles.able("a")
        self.assertEqual(self.said(), [])
        self.troubles.able("b")
        self.troubles.able("c")
        self.assertEqual(self.said(), [Changed(Trouble.BOARD, failed=False)])
