from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.server.addresses import Addresses, Reach
from bulletin.core.server.notices import Notices
from bulletin.core.wire.reference import ListedServer

ME, BETA, GAMMA = (letter * 16 for letter in (b"m", b"b", b"g"))
DOCUMENT = FoundingDocument(
    b"k" * 16,
    tuple(
        Member(member, name, f"tcp://{name}:1", rank)
        for rank, (member, name) in enumerate(((ME, "alfa"), (BETA, "beta"), (GAMMA, "gama")), 1)
    ),
)


def listed(member, name, endpoint):
    return ListedServer(name, 1, endpoint, member)


class AddressesTests(SynchronousTestCase):
    def make(self, learnt=None):
        self.notices = Notices()
        return Addresses(DOCUMENT, ME, learnt or {}, self.notices)

    def test_at_first_all_fellows_are_where_the_document_has_them(self):
        addresses = self.make()
        self.assertEqual(
            addresses.take(), (Reach(BETA, "beta", "tcp://beta:1"), Reach(GAMMA, "gama", "tcp://gama:1"))
        )
        self.assertEqual(addresses.take(), ())
        self.assertIsNone(addresses.take_learnt())

    def test_what_an_earlier_start_learnt_counts_for_fellows(self):
        addresses = self.make({BETA: "tcp://b:2", ME: "tcp://m:2", b"x" * 16: "tcp://x:2", GAMMA: ""})
        self.assertEqual([reach.endpoint for reach in addresses.take()], ["tcp://b:2", "tcp://gama:1"])

    def test_a_fellow_that_moved_is_reached_elsewhere_and_remembered_once(self):
        addresses = self.make()
        addresses.take()
        for _ in range(2):
            addresses.hear([listed(BETA, "beta", "tcp://b:2"), listed(GAMMA, "gama", "tcp://gama:1")])
        self.assertEqual(addresses.take(), (Reach(BETA, "beta", "tcp://b:2"),))
        self.assertEqual(addresses.take_learnt(), {BETA: "tcp://b:2", GAMMA: "tcp://gama:1"})
        self.assertIsNone(addresses.take_learnt())
        self.assertEqual(len(self.notices.take()), 1)

    def test_two_that_change_places(self):
        addresses = self.make()
        addresses.take()
        addresses.hear([listed(BETA, "beta", "tcp://gama:1"), listed(GAMMA, "gama", "tcp://beta:1")])
        self.assertEqual([reach.endpoint for reach in addresses.take()], ["tcp://gama:1", "tcp://beta:1"])

    def test_strangers_and_oneself_move_nobody(self):
        addresses = self.make()
        addresses.take()
        addresses.hear(
            [
                listed(None, "beta", "tcp://b:2"),
                listed(b"x" * 16, "beta", "tcp://b:2"),
                listed(BETA, "gama", "tcp://b:2"),
                listed(BETA, "beta", ""),
                listed(ME, "alfa", "tcp://m:2"),
            ]
        )
        self.assertEqual(addresses.take(), ())
        self.assertIsNone(addresses.take_learnt())
