"""Taking in what another server says: what it cannot mean is refused, and asked for anew."""

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import NO_DIGEST, Marks
from bulletin.core.raft.ready import Taken
from bulletin.core.store import parts
from bulletin.core.store.intake import Intake
from bulletin.core.store.records import seal
from bulletin.simulation.memory_tables import MemoryDisk, MemoryShelf

NAME = b"n" * 16


class Heads(SynchronousTestCase):
    def take_head(self, stream, values):
        """What comes of tables with one head, whose checksum is right."""
        disk = MemoryDisk(b"m" * 16)
        disk.written.marks = Marks(0, 0, 0, NO_DIGEST)
        intake = Intake(MemoryShelf(disk))
        chunk = parts.pack_rows([(stream, seal("heads", stream, values))])
        told = parts.Chunk("heads", stream, hashlib.sha256(chunk).digest())
        manifest = parts.Manifest(NAME, 7, 2, b"h" * 32, Marks(7, 9, 3, b"d" * 32), (told,))
        asked = intake.take(parts.encode_manifest(manifest))
        self.assertEqual(parts.decode_ask(asked.ask), parts.AskChunk(NAME, 1))
        return intake.take(parts.encode_chunk(NAME, 1, chunk))

    def test_its_posts_are_asked_for(self):
        taken = self.take_head(3, (5, b"c" * 32, 1.5))
        self.assertEqual(parts.decode_ask(taken.ask), parts.AskPosts((parts.Range(3, 0, 5),)))

    def test_one_that_has_no_place_in_the_tables(self):
        """SQLite takes no key of more than 63 bits: asked for such a post it raised what stopped the server."""
        anew = Taken(parts.BEGIN, anew=True)
        for stream in (0, -1, 2**22, 2**23, 2**62, 2**63 - 1):
            self.assertEqual(self.take_head(stream, (5, b"c" * 32, 1.5)), anew)
        for seq in (0, -1, 2**40, 2**63, 1.5, "5", None, True):
            self.assertEqual(self.take_head(3, (seq, b"c" * 32, 1.5)), anew)

    def test_one_that_is_no_row(self):
        for values in ((), (5,), (5, b"c" * 32, 1.5, 7)):
            self.assertEqual(self.take_head(3, values), Taken(parts.BEGIN, anew=True))
