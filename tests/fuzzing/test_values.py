"""Any value that is encoded comes back the same: all conversations, the log, the disks, the tables that travel."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.founding import FoundingDocument
from bulletin.core.reference.ranks import Record
from bulletin.core.store import parts, records
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.wire import broker, peers, publications, reference
from bulletin.core.wire.publications import Election, Heads, Published
from bulletin.storage.hard_state import decode_slot, encode_slot
from tests.fuzzing import values

ANY = settings(deadline=None, max_examples=60, derandomize=True, database=None)


class Wire(SynchronousTestCase):
    @ANY
    @given(values.PEER_FRAMES)
    def test_peers(self, frame):
        self.assertEqual(peers.decode(peers.encode(frame)), frame)

    @ANY
    @given(values.BROKER_MESSAGES)
    def test_broker(self, message):
        self.assertEqual(broker.decode(broker.encode(message)), message)

    @ANY
    @given(values.addressed(values.REFERENCE_REQUESTS))
    def test_reference_requests(self, message):
        self.assert_same(reference.decode_request(reference.encode(message)), message)

    @ANY
    @given(values.addressed(values.REFERENCE_REPLIES))
    def test_reference_replies(self, message):
        self.assert_same(reference.decode_reply(reference.encode(message)), message)

    def assert_same(self, read, written):
        """All but the operation's name, which only what was read has."""
        for field in ("body", "dialect", "clock", "timestamp", "nonce", "encoding"):
            self.assertEqual(getattr(read, field), getattr(written, field), field)

    @ANY
    @given(values.PUBLICATIONS)
    def test_publications(self, publication):
        match publication:
            case Published():
                frames = publications.write_post(publication)
            case Heads(heads, clock, timestamp):
                (frames,) = publications.write_heads(heads, clock, timestamp)
            case Election(coordinator, clock, timestamp):
                frames = publications.write_election(coordinator, clock, timestamp)
        self.assertEqual(publications.read(*frames), publication)


class Disks(SynchronousTestCase):
    @ANY
    @given(values.documents())
    def test_founding(self, document):
        self.assertEqual(FoundingDocument.decode(document.encode()), document)
        self.assertEqual(records.decode_founding(records.encode_founding(document)), document)

    @ANY
    @given(values.rank_records())
    def test_ranks(self, record):
        self.assertEqual(Record.decode(record.encode()), record)

    @ANY
    @given(values.HARD_RECORDS)
    def test_hard_state(self, record):
        self.assertEqual(HardRecord.decode(record.encode()), record)
        self.assertEqual(decode_slot(encode_slot(record)), record)

    @ANY
    @given(values.POSTS, st.integers(1, 2**22 - 1))
    def test_posts(self, post, number):
        row = records.encode_post(number, post)
        self.assertEqual(records.decode_post(post.kind, post.stream, number, post.seq, row), post)
        self.assertRaises(
            records.Damaged, records.decode_post, post.kind, post.stream, number + 1, post.seq, row
        )
        head = records.decode_head(number, records.encode_head(number, post))
        self.assertEqual(head, (post.seq, post.chain, post.received))

    @ANY
    @given(values.OPERATIONS, values.SESSIONS, values.MARKS, values.ANCHORS, values.LOG_ENTRIES)
    def test_rows(self, block, sessions, marks, anchor, entry):
        self.assertEqual(records.decode_operations(block.number, records.encode_operations(block)), block)
        key = records.sessions_key(sessions.user)
        self.assertEqual(records.decode_sessions(key, records.encode_sessions(sessions)), sessions)
        self.assertEqual(records.decode_marks(records.encode_marks(marks)), marks)
        self.assertEqual(records.decode_anchor(records.encode_anchor(anchor)), anchor)
        self.assertEqual(records.decode_entry(entry.index, records.encode_entry(entry)), entry)


class Tables(SynchronousTestCase):
    @ANY
    @given(values.ASKS)
    def test_questions(self, ask):
        self.assertEqual(parts.decode_ask(parts.encode_ask(ask)), ask)

    @ANY
    @given(values.manifests(), values.ROWS, st.integers(1, 2**63 - 1))
    def test_parts(self, manifest, rows, number):
        self.assertEqual(parts.decode_part(parts.encode_manifest(manifest)), manifest)
        self.assertEqual(parts.decode_part(parts.encode_posts(rows)), rows)
        self.assertEqual(parts.unpack_rows(parts.pack_rows(rows)), rows)
        chunk = parts.pack_rows(rows)
        self.assertEqual(
            parts.decode_part(parts.encode_chunk(manifest.name, number, chunk)),
            parts.ChunkPart(manifest.name, number, chunk),
        )
