"""What every store does: the same tests for the one on a disk and for its twin in memory."""

import os

import attrs
import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import RestoredBoard, StreamKind
from bulletin.core.log.entry import NO_HASH
from bulletin.core.raft.ready import Fetch, HardState
from bulletin.core.store.port import StoreBusy
from tests.storage.scribe import Scribe, document
from tests.storage.stores import MemoryHarness, SqliteHarness


def channel(name, since=None, before=None, limit=50):
    return PageQuery(StreamKind.CHANNEL, name, None, since, before, limit)


def inbox(name, partner=None, since=None, before=None, limit=50):
    return PageQuery(StreamKind.INBOX, name, partner, since, before, limit)


class Conformance:
    """The tests; a case says how its store is made."""

    def harness(self, window=131_072):
        raise NotImplementedError

    def setUp(self):
        self.disk = self.harness()
        self.addCleanup(self.close)

    def close(self):
        if self.disk.store is not None:
            self.disk.stop()
        self.assertEqual(self.disk.failures, [])

    def reopen(self):
        self.disk.stop()
        return self.disk.start()

    # Starts

    def test_an_empty_server_keeps_its_member_id(self):
        opened = self.disk.start()
        self.assertEqual((len(opened.member), opened.restored, opened.board), (16, None, None))
        self.assertEqual(self.reopen().member, opened.member)

    def test_founding(self):
        opened = self.disk.start()
        restored, board = self.disk.found(opened.member)
        paper = document(opened.member, *self.disk.fellows)
        self.assertEqual(restored.document, paper)
        self.assertEqual(restored.entries, (paper.entry(),))
        self.assertEqual(restored.hard_state, HardState(1, None))
        self.assertEqual((restored.last_index, restored.applied, restored.terms), (1, 0, ((1, 1),)))
        self.assertEqual(restored.last_hash, paper.entry().hash)
        self.assertEqual(board, RestoredBoard.empty(paper.users_max, paper.channels_max))
        again = self.reopen()
        self.assertEqual(again.restored, attrs.evolve(restored, incarnation=restored.incarnation + 1))
        self.assertEqual(again.board, board)

    def test_each_start_raises_the_incarnation(self):
        self.disk.begin()
        numbers = [self.reopen().restored.incarnation for _ in range(3)]
        self.assertEqual(numbers, [2, 3, 4])

    def test_where_fellows_are_is_kept_for_the_next_start(self):
        self.assertEqual(self.disk.start().learnt, {})
        self.disk.found(self.reopen().member)
        learnt = {fellow: f"tcp://10.0.0.{number}:1" for number, fellow in enumerate(self.disk.fellows)}
        answers = []
        self.disk.store.remember(learnt, answers.append)
        self.disk.loop.run(lambda: answers)
        self.assertEqual(answers, [None])
        self.assertEqual(self.reopen().learnt, learnt)

    def test_a_directory_is_one_process_s(self):
        self.disk.start()
        second = self.disk.make()
        self.assertRaises(StoreBusy, second.open)

    # The log

    def test_term_vote_log_and_incarnations_are_found_again(self):
        scribe = self.disk.begin()
        peer = b"another-16-bytes"
        self.disk.write(scribe.hard_state(3, peer))
        first = scribe.persist([scribe.login("ana")], incarnations=[(peer, 7)])
        second = scribe.persist([scribe.login("rui")], incarnations=[(peer, 8), (b"third---16-bytes", 2)])
        self.disk.write(first)
        self.disk.write(second)
        restored = self.reopen().restored
        self.assertEqual(restored.hard_state, HardState(3, peer))
        self.assertEqual(restored.entries[1:], first.entries + second.entries)
        self.assertEqual((restored.last_index, restored.last_hash), (3, second.entries[0].hash))
        self.assertEqual(restored.terms, ((1, 1), (2, 3)))
        self.assertEqual(restored.incarnations, ((peer, 8), (b"third---16-bytes", 2)))
        self.assertIsNone(restored.trusted_from)

    def test_a_loss_is_made_good_when_the_node_says_so(self):
        """However far the tables have come: how much was lost, only the node can find out."""
        self.disk.begin()
        self.disk.stop()
        self.disk.lose_hard_state()
        opened = self.disk.start()
        self.assertEqual(opened.restored.trusted_from, 2)
        scribe = Scribe(opened.restored, opened.board)
        for name in "abc":
            self.disk.write(scribe.persist([scribe.login(name)]), scribe.apply())
        self.assertEqual(self.reopen().restored.trusted_from, 2)
        self.disk.write(scribe.persist(None, trusted=True))
        self.disk.write(scribe.persist([scribe.login("d")]))
        self.assertIsNone(self.reopen().restored.trusted_from)

    def test_an_only_server_has_nobody_to_wait_for(self):
        self.disk.fellows = ()
        self.disk.begin()
        self.disk.stop()
        self.disk.lose_hard_state()
        self.assertIsNone(self.disk.start().restored.trusted_from)

    def test_truncation_and_replacement(self):
        scribe = self.disk.begin()
        for name in "abcd":
            self.disk.write(scribe.persist([scribe.login(name)]))
        scribe.term = 2
        self.disk.write(scribe.persist([scribe.login("e")], truncate_after=3))
        restored = self.reopen().restored
        self.assertEqual([entry.index for entry in restored.entries], [1, 2, 3, 4])
        self.assertEqual(restored.entries[3].term, 2)
        self.assertEqual(restored.terms, ((1, 1), (4, 2)))
        self.assertEqual(restored.last_hash, scribe.last_hash)

    def test_truncation_alone(self):
        scribe = self.disk.begin()
        scribe.term = 2
        for name in "abc":
            self.disk.write(scribe.persist([scribe.login(name)]))
        self.disk.write(scribe.persist(truncate_after=1))
        restored = self.reopen().restored
        self.assertEqual((restored.last_index, restored.last_hash), (1, scribe.log[1].hash))
        self.assertEqual(restored.terms, ((1, 1),))

    def test_writes_that_gather_are_stored_as_if_one_by_one(self):
        """Truncations, hard states and entries of one batch: the last word counts."""
        scribe = self.disk.begin()
        done = []

        def write(persist):
            self.disk.store.write(persist, None, lambda: done.append(persist.sequence))

        write(scribe.persist([scribe.login("a")]))
        write(scribe.persist([scribe.login("b")]))
        write(scribe.hard_state(2, b"another-16-bytes"))
        write(scribe.persist([scribe.login("c")], truncate_after=2))
        write(scribe.persist([scribe.login("d")]))
        write(scribe.hard_state(4))
        write(scribe.persist([scribe.login("e")], truncate_after=3))
        self.disk.loop.run(lambda: len(done) == 7)
        self.assertEqual(done, sorted(done))
        restored = self.reopen().restored
        self.assertEqual([entry.index for entry in restored.entries], [1, 2, 3, 4])
        self.assertEqual(restored.terms, ((1, 1), (3, 2), (4, 4)))
        self.assertEqual(restored.hard_state, HardState(4, None))
        self.assertEqual({entry.index: entry for entry in restored.entries}, scribe.log)

    def test_a_write_of_nothing_is_done_in_its_turn(self):
        scribe = self.disk.begin()
        done = []
        self.disk.store.write(scribe.persist([scribe.login("a")]), None, lambda: done.append(1))
        self.disk.store.write(None, None, lambda: done.append(2))
        self.disk.loop.run(lambda: len(done) == 2)
        self.assertEqual(done, [1, 2])

    def test_a_broken_chain_is_not_stored(self):
        scribe = self.disk.begin()
        good = scribe.persist([scribe.login("a")])
        (entry,) = good.entries
        for bad in (
            attrs.evolve(entry, body=entry.body + b"x"),
            attrs.evolve(entry, hash=NO_HASH),
            attrs.evolve(entry, index=3),
            attrs.evolve(entry, term=0),
        ):
            self.assertRaises(
                AssertionError, self.disk.store.write, attrs.evolve(good, entries=(bad,)), None, self.fail
            )
        self.disk.write(good)

    def test_what_is_applied_is_not_truncated(self):
        scribe = self.disk.begin()
        self.disk.write(scribe.persist([scribe.login("a")]), scribe.apply())
        persist = attrs.evolve(scribe.persist(), truncate_after=1)
        self.assertRaises(AssertionError, self.disk.store.write, persist, None, self.fail)

    def test_the_backlog_comes_and_goes(self):
        scribe = self.disk.begin()
        self.assertEqual(self.disk.store.backlog, 0)
        done = []
        self.disk.store.write(scribe.persist(body=bytes(5000)), None, lambda: done.append(1))
        self.assertGreater(self.disk.store.backlog, 5000)
        self.disk.loop.run(lambda: done)
        self.assertEqual(self.disk.store.backlog, 0)

    # Fetches

    def test_fetch(self):
        scribe = self.disk.begin()
        for size in (10, 20, 3000, 40):
            self.disk.write(scribe.persist(body=os.urandom(size)))

        def indexes(first, last, bytes_max):
            entries = self.disk.fetch(Fetch(1, first, last, bytes_max))
            self.assertEqual([scribe.log[entry.index] for entry in entries], list(entries))
            return [entry.index for entry in entries]

        self.assertEqual(indexes(1, 5, 1 << 20), [1, 2, 3, 4, 5])
        self.assertEqual(indexes(2, 3, 1 << 20), [2, 3])
        self.assertEqual(indexes(2, 5, 30), [2, 3])
        self.assertEqual(indexes(2, 5, 29), [2])
        self.assertEqual(indexes(4, 5, 1), [4])
        self.assertEqual(indexes(4, 9, 1 << 20), [4, 5])
        self.assertEqual(indexes(6, 9, 1 << 20), [])

    # The board

    def test_the_board_is_found_again(self):
        scribe = self.disk.begin()
        commands = [
            scribe.login("ana"),
            scribe.channel("geral"),
            scribe.post("geral", "bom dia"),
            scribe.post("geral", "olá \u0000 \U0001f600", user="rui", sent=2**63 + 5, bound=None),
            scribe.post("nenhum", "para ninguém"),
            scribe.send("ana", "segredo", user="rui", id_="ab:1", sent="ontem"),
            scribe.send("ana", "segredo", user="rui", id_="ab:1", sent="ontem"),
        ]
        self.disk.write(scribe.persist(commands[:3]))
        self.disk.write(scribe.persist(commands[3:]), scribe.apply(2))
        self.disk.write(None, scribe.apply())
        opened = self.reopen()
        self.assertEqual(opened.restored.applied, 3)
        self.assertEqual(opened.restored.entries, ())
        self.assertEqual(opened.board.marks, scribe.board.marks())
        again = Board(opened.board)
        for kind in StreamKind:
            self.assertEqual(list(again.heads(kind)), list(scribe.board.heads(kind)))
        scribe_again = Scribe(opened.restored, opened.board)
        scribe_again.random = scribe.random
        more = [scribe.post("geral", "outra vez"), commands[3]]
        for one in (scribe, scribe_again):
            one.persist(more)
        self.assertEqual(scribe_again.apply(), scribe.apply())

    def test_operations_and_sessions_are_forgotten(self):
        self.disk = self.harness(window=4)
        scribe = self.disk.begin()
        self.disk.write(scribe.persist([scribe.login("ana"), scribe.channel("geral")]), scribe.apply())
        for number in range(40):
            session = f"{number // 2:x}"
            command = scribe.post("geral", "x", id_=f"{session}:{number}")
            self.disk.write(scribe.persist([command]), scribe.apply())
        opened = self.reopen()
        self.assertEqual([block.number for block in opened.board.operations], [2])
        (sessions,) = opened.board.sessions
        self.assertEqual(len(msgpack.unpackb(sessions.packed)), 16)
        self.assertEqual(Board(opened.board, 4).marks(), scribe.board.marks())

    # Pages

    def posts(self, count=12):
        scribe = self.disk.begin()
        self.disk.write(
            scribe.persist([scribe.login("ana"), scribe.channel("geral"), scribe.channel("outro")])
        )
        for number in range(1, count + 1):
            self.disk.write(
                scribe.persist([scribe.post("geral", f"texto {number}"), scribe.post("outro", "x")])
            )
        applied = scribe.apply()
        self.disk.write(None, applied)
        return [row.post for row in applied.rows if hasattr(row, "post") and row.post.stream == "geral"]

    def test_pages_of_a_channel(self):
        posts = self.posts()

        def page(**query):
            page = self.disk.page(channel("geral", **query))
            self.assertEqual([posts[post.seq - 1] for post in page.posts], list(page.posts))
            return [post.seq for post in page.posts], page.more

        self.assertEqual(page(limit=50), (list(range(1, 13)), False))
        self.assertEqual(page(limit=3), ([10, 11, 12], True))
        self.assertEqual(page(since=0, limit=3), ([1, 2, 3], True))
        self.assertEqual(page(since=9, limit=3), ([10, 11, 12], False))
        self.assertEqual(page(since=12), ([], False))
        self.assertEqual(page(since=2**53), ([], False))
        self.assertEqual(page(before=4), ([1, 2, 3], False))
        self.assertEqual(page(before=5, limit=2), ([3, 4], True))
        self.assertEqual(page(since=2, before=9, limit=4), ([3, 4, 5, 6], True))

    def test_a_page_of_what_has_no_posts(self):
        self.posts(1)
        for query in (channel("nenhum"), inbox("ana"), inbox("ana", "rui"), inbox("x", "y")):
            self.assertEqual((self.disk.page(query).posts, self.disk.page(query).more), ((), False))

    def test_a_page_ends_early_where_it_is_large(self):
        scribe = self.disk.begin()
        text = "é" * 30_000
        self.disk.write(scribe.persist([scribe.login("ana"), scribe.channel("geral")]))
        self.disk.write(scribe.persist([scribe.post("geral", text) for _ in range(40)]), scribe.apply())
        page = self.disk.page(channel("geral"))
        self.assertEqual([post.seq for post in page.posts], list(range(33, 41)))
        self.assertTrue(page.more)
        page = self.disk.page(channel("geral", since=0))
        self.assertEqual([post.seq for post in page.posts], list(range(1, 9)))
        self.assertTrue(page.more)

    def test_a_page_sees_what_is_done(self):
        scribe = self.disk.begin()
        self.disk.write(scribe.persist([scribe.login("ana"), scribe.channel("geral")]), scribe.apply())
        for number in range(1, 20):
            persist = scribe.persist([scribe.post("geral", str(number))])
            self.disk.write(persist, scribe.apply())
            self.assertEqual(self.disk.page(channel("geral", limit=1)).posts[0].seq, number)

    def test_conversations(self):
        scribe = self.disk.begin()
        commands = [scribe.login(user) for user in ("ana", "rui", "eva")]
        for number in range(6):
            commands += [
                scribe.send("ana", f"de rui {number}", user="rui"),
                scribe.send("rui", f"de ana {number}", user="ana"),
                scribe.send("ana", f"de eva {number}", user="eva"),
                scribe.send("ana", f"para mim {number}", user="ana"),
            ]
        self.disk.write(scribe.persist(commands), scribe.apply())

        def texts(query):
            page = self.disk.page(query)
            clocks = [post.clock for post in page.posts]
            self.assertEqual(clocks, sorted(clocks))
            return [post.message for post in page.posts], page.more, clocks

        both, more, clocks = texts(inbox("ana", "rui"))
        expected = [text for number in range(6) for text in (f"de rui {number}", f"de ana {number}")]
        self.assertEqual((both, more), (expected, False))
        self.assertEqual(texts(inbox("rui", "ana"))[0], expected)
        self.assertEqual(texts(inbox("ana", "rui", limit=3))[:2], (expected[-3:], True))
        self.assertEqual(texts(inbox("ana", "rui", since=clocks[2], limit=4))[:2], (expected[3:7], True))
        self.assertEqual(texts(inbox("ana", "rui", before=clocks[4]))[:2], (expected[:4], False))
        self.assertEqual(texts(inbox("ana", "ana"))[0], [f"para mim {number}" for number in range(6)])
        self.assertEqual(texts(inbox("rui", "eva"))[:2], ([], False))
        self.assertEqual(len(texts(inbox("ana"))[0]), 18)

    def test_names_that_need_escapes(self):
        """None of them is valid today; the store does not rely on it."""
        self.disk = self.harness(window=2)
        names = ["joão", 'a"b\\c', "\U0001f600", "tab\tnul\0x", "nul\0y", "[1]"]
        scribe = self.disk.begin()
        self.disk.write(scribe.persist([scribe.login(name) for name in names]), scribe.apply())
        for number in (1, 2):
            commands = [scribe.send(names[0], name, user=name, id_=f"{number}:7") for name in names]
            self.disk.write(scribe.persist(commands), scribe.apply())
        for name in names:
            page = self.disk.page(inbox(names[0], name))
            self.assertEqual([post.user for post in page.posts], [name, name])
        opened = self.reopen()
        self.assertEqual(sorted({row.user for row in opened.board.sessions}), sorted(names))
        self.assertEqual([stream.name for stream in opened.board.streams], names)

    # The end

    def test_close_finishes_what_was_asked(self):
        scribe = self.disk.begin()
        done = []
        for number in range(20):
            self.disk.store.write(scribe.persist(body=bytes([number])), None, lambda n=number: done.append(n))
        restored = self.reopen().restored
        self.assertEqual(done, list(range(20)))
        self.assertEqual(restored.last_index, 21)


class MemoryConformanceTests(Conformance, SynchronousTestCase):
    def harness(self, window=131_072):
        return MemoryHarness(window)


class SqliteConformanceTests(Conformance, SynchronousTestCase):
    def harness(self, window=131_072):
        return SqliteHarness(self, window)
