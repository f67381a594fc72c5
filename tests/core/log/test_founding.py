"""The founding document: the same bytes everywhere, or none."""

import attrs
import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH, EntryKind, intact
from bulletin.core.log.founding import FoundingDocument, Member

DOCUMENT = FoundingDocument(
    b"c" * 16,
    (Member(b"1" * 16, "a", "tcp://127.0.0.1:1", 1), Member(b"2" * 16, "b", "tcp://127.0.0.1:2", 2)),
)


class FoundingTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """Bytes and document are one and the same."""
        self.assertEqual(FoundingDocument.decode(DOCUMENT.encode()), DOCUMENT)

    def test_entry(self) -> None:
        """It is entry 1 of term 1 of the log that it names."""
        entry = DOCUMENT.entry()
        self.assertEqual((entry.index, entry.term, entry.kind), (1, 1, EntryKind.FOUNDING))
        self.assertTrue(intact(entry, NO_HASH, DOCUMENT.identity))

    def test_implausible(self) -> None:
        """No members, two of a kind, a short id: refused."""
        one = DOCUMENT.members[0]
        for document in (
            attrs.evolve(DOCUMENT, members=()),
            attrs.evolve(DOCUMENT, members=(one, one)),
            attrs.evolve(DOCUMENT, members=(one, attrs.evolve(one, member=b"9" * 16))),
            attrs.evolve(DOCUMENT, cluster=b"c"),
            attrs.evolve(DOCUMENT, members=(attrs.evolve(one, member=b"1"),)),
        ):
            with self.assertRaises(ValueError):
                FoundingDocument.decode(document.encode())

    def test_fields_of_another_kind(self) -> None:
        """What equals its own bytes need not be a document: a stranger could send the reference one with any limits."""
        one, two = DOCUMENT.members
        for document in (
            *(attrs.evolve(DOCUMENT, users_max=wrong) for wrong in ("x", 0, -1, True, None, 1.5, 2**63, [])),
            *(attrs.evolve(DOCUMENT, channels_max=wrong) for wrong in ("x", 0, b"")),
            *(attrs.evolve(DOCUMENT, epoch=wrong) for wrong in ("x", 0, True)),
            *(attrs.evolve(DOCUMENT, group=wrong) for wrong in ("x", -1, None)),
            *(
                attrs.evolve(DOCUMENT, members=(attrs.evolve(one, rank=wrong), two))
                for wrong in (0, 2, True, 2**31)
            ),
            *(
                attrs.evolve(DOCUMENT, members=(attrs.evolve(one, name=wrong), two))
                for wrong in ("n" * 65, "b", 7)
            ),
            *(
                attrs.evolve(DOCUMENT, members=(attrs.evolve(one, endpoint=wrong), two))
                for wrong in ("e" * 257, b"e")
            ),
            attrs.evolve(DOCUMENT, members=tuple(Member(b"%016d" % n, f"s{n}", "", n) for n in range(1, 66))),
        ):
            with self.assertRaises(ValueError, msg=document):
                FoundingDocument.decode(document.encode())

    def test_another_format(self) -> None:
        """A version that is not known is not guessed at."""
        fields = msgpack.unpackb(DOCUMENT.encode())
        fields[0] = 2
        with self.assertRaises(ValueError):
            FoundingDocument.decode(msgpack.packb(fields))
