"""The configuration is checked once."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config


class ConfigTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """What the board runs with."""
        config = Config()
        self.assertEqual((config.heartbeat_seconds, config.election_seconds_min), (0.1, 0.5))

    def test_refused(self) -> None:
        """Nonsense is named in the sentence."""
        for name, value in (
            ("heartbeat_seconds", 0),
            ("heartbeat_seconds", float("nan")),
            ("election_seconds_min", 0.1),
            ("election_seconds_spread", -1),
            ("append_bytes_max", 0),
            ("entry_bytes_max", 2**40),
            ("gather_seconds_max", float("inf")),
            ("memory_bytes_kept", -1),
        ):
            with self.assertRaisesRegex(ValueError, name):
                Config(**{name: value})
