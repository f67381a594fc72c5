"""A server and the directory that it is started on."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.raft.ready import HardState, Restored
from bulletin.core.server.identity import identity_refusal
from bulletin.core.store.port import Opened

OWN, OTHER = b"a" * 16, b"b" * 16
DOCUMENT = FoundingDocument(
    b"c" * 16, (Member(OWN, "s1", "tcp://127.0.0.1:1", 1), Member(OTHER, "s2", "tcp://127.0.0.1:2", 2))
)
RESTORED = Restored(DOCUMENT, HardState(1), 1, (), 1, NO_HASH, ((1, 1),), 1)
OPENED = Opened(OWN, RESTORED, None)


class IdentityTests(SynchronousTestCase):
    def test_its_own(self):
        self.assertIsNone(identity_refusal(OPENED, "s1"))

    def test_an_empty_one_is_anybodys(self):
        self.assertIsNone(identity_refusal(Opened(OWN, None, None), "s7"))

    def test_another_servers(self):
        self.assertIn("'s1'", identity_refusal(OPENED, "s2"))

    def test_of_a_cluster_without_it(self):
        self.assertIn("among its members", identity_refusal(attrs.evolve(OPENED, member=b"x" * 16), "s1"))
