"""Who votes, and in which order they lose their patience."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.membership import Configuration
from tests.core.raft.making import IDS, ONE, THREE


class ConfigurationTests(SynchronousTestCase):
    def test_order(self) -> None:
        """From the highest rank to the lowest."""
        configuration = Configuration.of(THREE)
        self.assertEqual(configuration.voters, IDS[::-1])
        self.assertEqual(configuration.majority, 2)
        self.assertEqual(configuration.peers_of(IDS[1]), (IDS[2], IDS[0]))

    def test_patience(self) -> None:
        """None is added for the highest rank, all for the lowest; the leader is left out; nobody divides by zero."""
        configuration = Configuration.of(THREE)
        self.assertEqual([configuration.patience_of(member, None) for member in IDS], [1.0, 0.5, 0.0])
        self.assertEqual([configuration.patience_of(member, IDS[2]) for member in IDS], [1.0, 0.0, 0.0])
        self.assertEqual([configuration.patience_of(member, IDS[0]) for member in IDS], [0.0, 1.0, 0.0])
        for leader in (None, IDS[0]):
            self.assertEqual(Configuration.of(ONE).patience_of(IDS[0], leader), 0.0)
