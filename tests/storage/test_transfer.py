"""A server takes over another's tables: whichever store either has, whatever gets lost, and whatever goes on meanwhile."""

import os
from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.log.entry import Anchor
from bulletin.core.raft.log import ENTRY_OVERHEAD
from bulletin.core.raft.ready import Fetch, HardState
from bulletin.core.store import parts
from bulletin.core.store.records import POST_USER, seal, unseal
from bulletin.storage import database
from bulletin.storage.files import SystemFile
from bulletin.storage.scrub import Scrubber
from bulletin.storage.server_directory import DATABASE
from tests.storage.scribe import Scribe, document
from tests.storage.stores import MemoryHarness, SqliteHarness

MEMBERS = (b"member--16-bytes", b"another-16-bytes")
WINDOW = 40
STEPS_MAX = 10_000
DOCUMENT = document(*MEMBERS)


class Feed:
    """Parts from a sender into a receiver, one question after the other."""

    def __init__(self, sender, receiver):
        self.sender = sender
        self.receiver = receiver
        self.asked = []
        self.taken = None

    def begin(self):
        self.taken = self.receiver.ask(self.receiver.store.take, None)

    def step(self, spoil=None):
        """One question, its answer, and what becomes of that; False: nothing was missing."""
        if self.taken is None:
            self.begin()
        if not self.taken.ask:
            return False
        self.asked.append(self.taken.ask)
        body = self.give(self.taken.ask)
        self.taken = self.receiver.ask(self.receiver.store.take, spoil(body) if spoil else body)
        return True

    def give(self, ask):
        got = []
        self.sender.store.give(ask, lambda *given: got.append(given))
        self.sender.loop.run(lambda: got)
        return got[0][0]

    def run(self):
        for _ in range(STEPS_MAX):
            if not self.step():
                return self.taken.index
        raise AssertionError("it does not come to an end")

    def install(self):
        got = []
        self.receiver.store.install(lambda *found: got.append(found))
        self.receiver.loop.run(lambda: got or self.receiver.failures)
        return got[0]


class Transfers:
    """The tests; a case says which stores the two have."""

    def harnesses(self):
        raise NotImplementedError

    def setUp(self):
        self.random = Random(7)
        self.sender, self.receiver = self.harnesses()
        self.fellows = (self.sender, self.receiver)
        for fellow in self.fellows:
            fellow.window = WINDOW
            fellow.fellows = ()
            fellow.start()
        paper = []
        for fellow in self.fellows:
            got = []
            fellow.store.found(DOCUMENT, lambda *found, got=got: got.append(found))
            fellow.loop.run(lambda got=got: got)
            paper.append(got[0])
        self.scribe = Scribe(*paper[0], WINDOW)
        self.addCleanup(self.close)

    def close(self):
        for fellow in self.fellows:
            if fellow.store is not None:
                fellow.stop()
            self.assertEqual(fellow.failures, [])

    def write(self, *fellows, count=1):
        """Entries with a bit of everything, applied, on some servers."""
        for _ in range(count):
            commands = self.commands()
            persist = self.scribe.persist(commands)
            applied = self.scribe.apply()
            for fellow in fellows:
                self.assertTrue(fellow.write(persist, applied), fellow.failures)

    def commands(self):
        scribe, random = self.scribe, self.random
        users = ["ana", "rui", "eva", f"u{random.randrange(30)}"]
        commands = [scribe.login(random.choice(users)), scribe.channel(f"c{random.randrange(6)}")]
        for number in range(random.randrange(6)):
            user = random.choice(users)
            id_ = f"{random.randrange(20):x}:{scribe.sequence * 10 + number}"
            text = "x" * random.choice((1, 50, 3000))
            if random.random() < 0.5:
                commands.append(scribe.post(f"c{random.randrange(6)}", text, user=user, id_=id_))
            else:
                commands.append(scribe.send(random.choice(users), text, user=user, id_=id_))
        return commands

    def trim(self, fellow, index):
        entry = self.scribe.log[index]
        persist = self.scribe.persist()
        fellow.write(attrs.evolve(persist, anchor=Anchor(index, entry.term, entry.hash)))

    def assert_same(self, one, other):
        """Two servers say the same of everything."""
        for query in self.queries():
            self.assertEqual(one.page(query), other.page(query), query)

    def queries(self):
        for head in list(self.scribe.board.heads(StreamKind.CHANNEL)):
            for since in (None, 0, 3):
                yield PageQuery(StreamKind.CHANNEL, head.name, None, since, None, 500)
        users = [head.name for head in self.scribe.board.heads(StreamKind.INBOX)]
        for user in users:
            yield PageQuery(StreamKind.INBOX, user, None, None, None, 500)
            for partner in users[:4]:
                for cursors in ((None, None), (0, None), (None, 200), (100, 300)):
                    yield PageQuery(StreamKind.INBOX, user, partner, *cursors, 50)

    def install_and_compare(self, feed):
        restored, tables = feed.install()
        board = Board(tables, WINDOW)
        self.assertEqual(board.marks(), self.scribe.board.marks())
        self.assertEqual(restored.applied, self.scribe.last_index)
        self.assertEqual(restored.anchor.index, restored.applied)
        self.assertEqual(
            attrs.evolve(tables, sessions=frozenset(tables.sessions)),
            attrs.evolve(self.reopened(self.sender).board, sessions=frozenset(tables.sessions)),
        )
        self.assertEqual(set(tables.sessions), set(self.opened.board.sessions))
        self.assert_same(self.sender, self.receiver)
        return restored, tables

    def reopened(self, fellow):
        fellow.stop()
        self.opened = fellow.start()
        return self.opened

    # The way it should go

    def test_all_of_it(self):
        """A receiver that has nothing but the founding gets everything, and goes on like the sender."""
        self.write(self.sender, count=60)
        self.trim(self.sender, 50)
        feed = Feed(self.sender, self.receiver)
        self.assertEqual(feed.run(), self.scribe.last_index)
        restored, _ = self.install_and_compare(feed)
        self.assertEqual(restored.incarnation, 2)
        self.write(self.sender, self.receiver, count=30)
        self.assert_same(self.sender, self.receiver)
        again = self.reopened(self.receiver)
        self.assertEqual(again.restored.anchor, restored.anchor)
        self.assertEqual(again.restored.incarnation, 3)
        self.assertEqual(Board(again.board, WINDOW).marks(), self.scribe.board.marks())
        fetched = self.receiver.fetch(Fetch(1, restored.applied + 1, restored.applied + 30, 1 << 30))
        self.assertEqual(fetched, [self.scribe.log[restored.applied + n] for n in range(1, 31)])
        self.assertEqual(list(self.receiver.fetch(Fetch(2, 5, 9, 1 << 20))), [])

    def test_what_is_there_already_is_not_asked_for(self):
        self.write(self.sender, self.receiver, count=60)
        whole = sum(len(body) for body in self.parts())
        self.write(self.sender, count=3)
        few = sum(len(body) for body in self.parts())
        self.assertLess(few, whole / 3)
        self.install_and_compare(self.feed)

    def parts(self):
        """The parts of a transfer of what the receiver lacks, or would lack if it had nothing."""
        if self.scribe.last_index == 61:
            names = parts.decode_ask(parts.BEGIN)
            self.assertIsNone(names)
            ranges = tuple(
                parts.Range(head.number, 0, head.seq)
                for kind in StreamKind
                for head in self.scribe.board.heads(kind)
                if head.seq
            )
            feed = Feed(self.sender, self.receiver)
            return [feed.give(parts.encode_ask(parts.AskPosts((item,)))) for item in ranges]
        self.feed = Feed(self.sender, self.receiver)
        bodies = []
        while self.feed.step(spoil=lambda body: bodies.append(body) or body):
            pass
        return [body for body in bodies if body[1:2] == b"\x02"]

    def test_the_tables_are_those_of_one_index_though_writes_go_on(self):
        """Between any two parts the sender writes; what is put in place is as it was when the transfer began."""
        self.write(self.sender, count=40)
        marks = self.scribe.board.marks()
        feed = Feed(self.sender, self.receiver)
        feed.step()
        later = 0
        while feed.step():
            self.write(self.sender)
            later += 1
        self.assertGreater(later, 3)
        self.assertEqual(feed.taken.index, marks.applied)
        _, tables = feed.install()
        self.assertEqual(Board(tables, WINDOW).marks(), marks)
        for index in range(marks.applied + 1, self.scribe.last_index + 1):
            self.assertIn(index, self.scribe.log)

    def test_nothing_is_written_while_tables_are_put_in_place(self):
        """What a node had applied before is among them."""
        self.write(self.receiver, self.sender, count=2)
        persist, applied = self.scribe.persist([self.scribe.login("late")]), self.scribe.apply()
        self.sender.write(persist, applied)
        self.receiver.write(persist)
        self.write(self.sender, count=5)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        got = []
        self.receiver.store.install(lambda *found: got.append(found))
        self.assertRaises(AssertionError, self.receiver.store.write, None, applied, self.fail)
        self.receiver.loop.run(lambda: got)
        self.write(self.sender, self.receiver, count=2)
        self.assert_same(self.sender, self.receiver)

    def test_two_in_a_row(self):
        self.write(self.sender, count=30)
        Feed(self.sender, self.receiver).run()
        feed = Feed(self.sender, self.receiver)
        feed.run()
        feed.install()
        self.write(self.sender, count=30)
        self.trim(self.sender, self.scribe.last_index - 5)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        self.install_and_compare(feed)

    def test_one_that_is_not_needed(self):
        """The receiver has come as far meanwhile: there is nothing to put in place."""
        self.write(self.sender, self.receiver, count=5)
        feed = Feed(self.sender, self.receiver)
        self.assertEqual(feed.run(), self.scribe.last_index)

    def test_one_that_was_begun_long_ago(self):
        """The log has brought what was to come, and more; then it is too short again: the old copy is of no use."""
        work = []
        for _ in range(20):
            work.append((self.scribe.persist(self.commands()), self.scribe.apply()))
            self.sender.write(*work[-1])
        feed = Feed(self.sender, self.receiver)
        for _ in range(3):
            feed.step()
        for persist, applied in work:
            self.receiver.write(persist, applied)
        self.write(self.sender, count=20)
        self.trim(self.sender, self.scribe.last_index - 2)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        self.assertEqual(feed.asked[0], parts.BEGIN)
        self.install_and_compare(feed)

    # What gets lost

    def test_the_receiver_starts_anew_at_any_moment(self):
        self.write(self.sender, count=50)
        feed = Feed(self.sender, self.receiver)
        steps = 0
        while feed.step():
            steps += 1
            self.receiver.stop()
            self.receiver.start()
            feed.begin()
            self.assertLess(steps, 100)
        self.assertEqual(len(feed.asked), len(set(feed.asked)), "something was asked for twice")
        self.install_and_compare(feed)

    def test_the_sender_starts_anew_or_changes(self):
        """Its copy is gone; the posts that came stay."""
        self.write(self.sender, count=50)
        feed = Feed(self.sender, self.receiver)
        for step in range(STEPS_MAX):
            if step in (1, 4, 9):
                self.reopened(self.sender)
            if not feed.step():
                break
        self.assertGreater(feed.asked.count(parts.BEGIN), 1)
        posts = [ask for ask in feed.asked if isinstance(parts.decode_ask(ask), parts.AskPosts)]
        self.assertEqual(len(posts), len(set(posts)), "posts were asked for twice")
        self.install_and_compare(feed)

    def test_parts_that_are_damaged_late_or_doubled(self):
        self.write(self.sender, count=50)
        feed = Feed(self.sender, self.receiver)
        bodies = []

        def spoil(body):
            bodies.append(body)
            chance = self.random.random()
            if chance < 0.15 and body:
                at = self.random.randrange(len(body))
                return body[:at] + bytes([body[at] ^ 1 << self.random.randrange(8)]) + body[at + 1 :]
            if chance < 0.3:
                return self.random.choice(bodies)
            return b"" if chance < 0.35 else body

        while feed.step(spoil):
            self.assertLess(len(bodies), 3000)
        self.install_and_compare(feed)

    def test_a_manifest_with_a_flipped_bit(self):
        """What it says of the log and the board is checked by nothing that comes later: a server could never start again."""
        self.write(self.sender, count=2)
        feed = Feed(self.sender, self.receiver)
        body = feed.give(parts.BEGIN)
        for at in range(len(body)):
            spoilt = body[:at] + bytes([body[at] ^ 1 << self.random.randrange(8)]) + body[at + 1 :]
            taken = self.receiver.ask(self.receiver.store.take, spoilt)
            self.assertEqual((taken.ask, taken.anew), (parts.BEGIN, True), at)

    def test_a_chunk_that_was_damaged_where_it_lay(self):
        """It is noticed before anything is put in place, and asked for again."""
        self.write(self.sender, count=30)
        feed = Feed(self.sender, self.receiver)
        while isinstance(
            parts.decode_ask(feed.taken.ask if feed.taken else parts.BEGIN), parts.AskChunk | None
        ):
            feed.step()
        self.receiver.stop()
        self.receiver.spoil_incoming(5)
        self.receiver.start()
        asked = len(feed.asked)
        feed.begin()
        feed.run()
        again = [parts.decode_ask(ask) for ask in feed.asked[asked:]]
        self.assertIn(5, [ask.number for ask in again if isinstance(ask, parts.AskChunk)])
        self.assertNotIn(None, again)
        self.install_and_compare(feed)

    def test_a_post_of_another_history(self):
        """Its checksum is right, and it stands where it should; but it is not what its stream's chain says."""
        self.write(self.sender, count=20)
        feed = Feed(self.sender, self.receiver)
        spoilt = []

        def spoil(body):
            part = parts.decode_part(body)
            if not isinstance(part, list) or spoilt:
                return body
            key, sealed = part[0]
            values = unseal("posts", key, sealed)
            values[POST_USER] = "somebody else"
            spoilt.append(key)
            return parts.encode_posts([(key, seal("posts", key, tuple(values))), *part[1:]])

        while feed.step(spoil):
            pass
        self.assertTrue(spoilt)
        self.assertEqual(feed.asked.count(parts.BEGIN), 2)
        self.install_and_compare(feed)

    def test_any_bytes_do_no_harm(self):
        self.write(self.sender, count=5)
        feed = Feed(self.sender, self.receiver)
        for body in (
            b"x",
            b"\xc1",
            b"\x90",
            b"\x93\x02\x91\x92\x01\x02\xc4\x02ab",
            bytes(100),
            b"\x94\x01\x01\x01\x01",
        ):
            self.assertEqual(feed.give(body), b"")
            self.receiver.ask(self.receiver.store.take, body)
        feed.run()
        self.install_and_compare(feed)

    # The log

    def work(self, count):
        """So many writes that the sender has, and the receiver has not."""
        work = []
        for _ in range(count):
            persist = self.scribe.persist(self.commands())
            work.append((persist, self.scribe.apply()))
            self.sender.write(*work[-1])
        return work

    def feed_to_posts(self):
        """A transfer that has come as far as to ask for posts."""
        feed = Feed(self.sender, self.receiver)
        feed.begin()
        while not isinstance(parts.decode_ask(feed.taken.ask), parts.AskPosts):
            feed.step()
        return feed

    def test_the_log_goes_on_after_all(self):
        """Posts have come ahead of the log; the log brings the same ones, and nobody sees them before."""
        self.write(self.sender, self.receiver, count=10)
        before = [(query, self.receiver.page(query)) for query in self.queries()]
        work = self.work(30)
        Feed(self.sender, self.receiver).run()
        for query, page in before:
            self.assertEqual(self.receiver.page(query), page, query)
        for persist, applied in work:
            self.assertTrue(self.receiver.write(persist, applied), self.receiver.failures)
        self.assert_same(self.sender, self.receiver)
        self.write(self.sender, self.receiver, count=3)
        self.assert_same(self.sender, self.receiver)

    def test_the_log_brings_the_posts_that_are_asked_for(self):
        """They come a second time, then: they are there, private ones under the number that they have."""
        self.write(self.sender, self.receiver, count=10)
        work = self.work(30)
        feed = self.feed_to_posts()
        for persist, applied in work[:10]:
            self.assertTrue(self.receiver.write(persist, applied), self.receiver.failures)
        feed.run()
        self.assertEqual(feed.asked.count(parts.BEGIN), 1)
        for persist, applied in work[10:20]:
            self.assertTrue(self.receiver.write(persist, applied), self.receiver.failures)
        self.install_and_compare(feed)
        self.write(self.sender, self.receiver, count=5)
        self.assert_same(self.sender, self.receiver)

    def test_the_log_brings_more_than_is_asked_for(self):
        self.write(self.sender, self.receiver, count=10)
        work = self.work(10)
        feed = self.feed_to_posts()
        for persist, applied in work:
            self.assertTrue(self.receiver.write(persist, applied), self.receiver.failures)
        self.write(self.sender, self.receiver, count=10)
        feed.run()
        self.assertEqual(feed.asked.count(parts.BEGIN), 1)
        self.assert_same(self.sender, self.receiver)

    def test_a_suffix_stays(self):
        self.write(self.sender, count=30)
        index = self.scribe.last_index
        tail = [self.scribe.persist([self.scribe.login("late")]) for _ in range(4)]
        for number in range(2, index + 1):
            self.receiver.write(attrs.evolve(tail[0], entries=(self.scribe.log[number],)))
        for persist in tail:
            self.receiver.write(persist)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        restored, _ = feed.install()
        self.assertEqual(
            restored.log_size, sum(len(entry.body) + ENTRY_OVERHEAD for entry in restored.entries)
        )
        self.assertEqual(restored.anchor.index, index)
        self.assertEqual([entry.index for entry in restored.entries], list(range(index + 1, index + 5)))
        self.assertEqual(restored.last_hash, self.scribe.last_hash)
        self.assertEqual(self.reopened(self.receiver).restored.entries, restored.entries)

    def test_a_suffix_of_another_history_goes(self):
        self.write(self.sender, count=10)
        index, last_hash = self.scribe.last_index, self.scribe.last_hash
        opened = self.reopened(self.receiver)
        other = Scribe(opened.restored, opened.board, WINDOW)
        for _ in range(20):
            self.receiver.write(other.persist([other.login("x")]))
        feed = Feed(self.sender, self.receiver)
        feed.run()
        restored, _ = feed.install()
        self.assertEqual((restored.last_index, restored.last_hash), (index, last_hash))
        self.assertEqual(restored.entries, ())
        self.assertEqual(restored.terms, ((index, 1),))

    def test_term_and_vote_stay(self):
        self.write(self.sender, count=10)
        self.receiver.write(attrs.evolve(self.scribe.persist(), hard_state=HardState(5, MEMBERS[0])))
        feed = Feed(self.sender, self.receiver)
        feed.run()
        restored, _ = feed.install()
        self.assertEqual(restored.hard_state, HardState(5, MEMBERS[0]))
        self.assertEqual(self.reopened(self.receiver).restored.hard_state, HardState(5, MEMBERS[0]))

    def test_trimming(self):
        """What is trimmed is not found again; the rest is, and its chain begins at the anchor."""
        self.write(self.sender, count=20)
        self.trim(self.sender, 12)
        self.assertEqual(list(self.sender.fetch(Fetch(1, 12, 20, 1 << 20))), [])
        self.assertEqual(len(self.sender.fetch(Fetch(1, 13, 20, 1 << 30))), 8)
        restored = self.reopened(self.sender).restored
        self.assertEqual(restored.anchor.index, 12)
        self.assertEqual(restored.terms, ((12, 1),))
        self.assertEqual(restored.document, DOCUMENT)
        self.trim(self.sender, 21)
        restored = self.reopened(self.sender).restored
        self.assertEqual((restored.anchor.index, restored.last_index, restored.entries), (21, 21, ()))
        self.write(self.sender, count=2)
        self.assertEqual(len(self.sender.fetch(Fetch(1, 22, 30, 1 << 30))), 2)

    def test_what_is_not_applied_is_not_trimmed(self):
        self.write(self.sender, count=3)
        persist = self.scribe.persist([self.scribe.login("x")])
        self.sender.write(persist)
        anchor = Anchor(5, persist.entries[0].term, persist.entries[0].hash)
        self.assertRaises(
            AssertionError,
            self.sender.store.write,
            attrs.evolve(self.scribe.persist(), anchor=anchor),
            None,
            self.fail,
        )

    def test_a_full_window_and_many_streams(self):
        """More streams than go into one question; operations that the receiver has are long forgotten by the sender."""
        self.write(self.sender, self.receiver, count=3)
        for number in range(parts.RANGES_MAX // 12 + 1):
            users = [f"n{number}-{place}" for place in range(12)]
            persist = self.scribe.persist([self.scribe.post("c1", "x", user=user) for user in users])
            self.sender.write(persist, self.scribe.apply())
            persist = self.scribe.persist([self.scribe.send(user, "y", user="ana") for user in users])
            self.sender.write(persist, self.scribe.apply())
        feed = Feed(self.sender, self.receiver)
        feed.run()
        self.install_and_compare(feed)


class MemoryTests(Transfers, SynchronousTestCase):
    def harnesses(self):
        return MemoryHarness(WINDOW), MemoryHarness(WINDOW)


class SqliteTests(Transfers, SynchronousTestCase):
    def harnesses(self):
        return [self.hasty(), self.hasty()]

    def hasty(self):
        harness = SqliteHarness.hasty(self)
        harness.tuning["window"] = WINDOW
        return harness

    def test_a_copy_that_was_damaged_where_it_lay(self):
        """The sender gives it up, so that there is another one when the receiver begins anew."""
        self.write(self.sender, count=30)
        feed = Feed(self.sender, self.receiver)
        feed.step()
        giver = self.sender.store._reader.giver
        giver._file.write(b"?", giver._places[1][0] + 9)
        feed.run()
        self.assertEqual(feed.asked.count(parts.BEGIN), 2)
        self.install_and_compare(feed)

    def test_no_room_for_a_copy(self):
        """The receiver asks again later; the sender goes on with all else."""
        self.write(self.sender, count=3)
        feed = Feed(self.sender, self.receiver)
        patch = self.patch(
            self.sender.files, "temporary", lambda _: SystemFile(os.open("/dev/full", os.O_RDWR))
        )
        self.assertEqual(feed.give(parts.BEGIN), b"")
        patch.restore()
        feed.run()
        self.install_and_compare(feed)

    def test_scrubbing_while_posts_come_that_nobody_can_see_yet(self):
        self.write(self.sender, count=20)
        feed = Feed(self.sender, self.receiver)
        feed.run()
        connection = database.open_reader(self.receiver.directory / DATABASE, self.receiver.files)
        self.addCleanup(connection.close)
        self.assertGreater(connection.execute("SELECT count(*) FROM posts").get, 0)
        self.assertEqual(connection.execute("SELECT count(*) FROM streams").get, 0)
        scrubber = Scrubber(DOCUMENT.identity, 1)
        while not scrubber.rounds:
            scrubber.step(connection)


class FromMemoryTests(Transfers, SynchronousTestCase):
    def harnesses(self):
        return MemoryHarness(WINDOW), SqliteTests.hasty(self)


class ToMemoryTests(Transfers, SynchronousTestCase):
    def harnesses(self):
        return SqliteTests.hasty(self), MemoryHarness(WINDOW)
