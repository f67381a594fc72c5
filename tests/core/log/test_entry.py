"""Entries: the chain hash covers everything."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH, EntryKind, LogIdentity, intact, make_entry

IDENTITY = LogIdentity(b"c" * 16)


class EntryTests(SynchronousTestCase):
    def test_a_new_entry_is_intact(self) -> None:
        """What was made with a hash verifies against it."""
        entry = make_entry(NO_HASH, IDENTITY, 1, 1, EntryKind.OPERATIONS, b"body")
        self.assertTrue(intact(entry, NO_HASH, IDENTITY))

    def test_any_change_is_noticed(self) -> None:
        """Each field, the predecessor and the log that it belongs to are covered."""
        entry = make_entry(NO_HASH, IDENTITY, 1, 1, EntryKind.OPERATIONS, b"body")
        for changes in (
            {"index": 2},
            {"term": 2},
            {"kind": EntryKind.NOOP},
            {"body": b"bodz"},
            {"format": 2},
            {"level": 2},
            {"hash": b"h" * 32},
        ):
            self.assertFalse(intact(attrs.evolve(entry, **changes), NO_HASH, IDENTITY), changes)
        self.assertFalse(intact(entry, b"p" * 32, IDENTITY))
        for identity in (LogIdentity(b"d" * 16), LogIdentity(b"c" * 16, 2), LogIdentity(b"c" * 16, 1, 1)):
            self.assertFalse(intact(entry, NO_HASH, identity))

    def test_canonical_bytes(self) -> None:
        """Two servers hash the same bytes: the hash of a given entry never changes between versions."""
        entry = make_entry(NO_HASH, IDENTITY, 7, 3, EntryKind.OPERATIONS, b"body")
        self.assertEqual(
            entry.hash.hex(),
            "29367906c0a475b1e5e1697846ca665434f3e56b9762877a0d51326774369a72",
        )
