"""A log that is trimmed, and followers that lack what is gone: who says what to whom."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import Anchor, EntryKind
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.log import RaftLog, Retention
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    SnapshotAsk,
    SnapshotOffer,
    SnapshotPart,
)
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import Give, HardState, Ready, Role, Take, Taken
from tests.core.raft.making import IDS, THREE, Group, at, entries_of, operation, restored_of, runs_of

SHORT = Config(retained_entries=4, held_entries=8, memory_bytes_kept=0)


def log_from(anchor: int, *terms: int) -> RaftLog:
    """A log on the disk, trimmed up to ``anchor``."""
    entries = entries_of(*terms)
    there = entries[anchor - 1]
    runs = runs_of(entries[anchor - 1 :])
    return RaftLog(
        entries[anchor:],
        len(entries),
        entries[-1].hash,
        runs,
        Anchor(anchor, there.term, there.hash),
        Retention(4, 10_000, 8, 20_000),
    )


class TrimmedLogTests(SynchronousTestCase):
    def test_what_is_known_of_what_is_gone(self) -> None:
        log = log_from(3, 1, 1, 2, 2, 4)
        self.assertEqual([log.term_at(index) for index in range(7)], [None, None, None, 2, 2, 4, None])
        self.assertEqual(log.hash_at(3), entries_of(1, 1, 2, 2, 4)[2].hash)
        self.assertIsNone(log.hash_at(2))
        self.assertEqual(log.runs, ((3, 2), (5, 4)))

    def test_where_logs_may_meet_is_not_before_the_anchor(self) -> None:
        log = log_from(3, 1, 1, 2, 2, 4)
        self.assertEqual(log.last_at_most(9, 9), 5)
        self.assertEqual(log.last_at_most(5, 3), 4)
        self.assertEqual(log.last_at_most(2, 1), 3)
        self.assertEqual(log.last_at_most(0, 0), 3)

    def test_it_must_fit_its_anchor(self) -> None:
        entries = entries_of(1, 1, 2)
        good = Anchor(2, 1, entries[1].hash)
        RaftLog(entries[2:], 3, entries[2].hash, ((2, 1), (3, 2)), good)
        for anchor, terms in (
            (attrs.evolve(good, index=3), ((3, 1),)),
            (attrs.evolve(good, term=2), ((2, 1), (3, 2))),
            (good, ((1, 1), (3, 2))),
            (good, ((3, 2),)),
        ):
            self.assertRaises(ValueError, RaftLog, entries[2:], 3, entries[2].hash, terms, anchor)

    def grown(self, count: int, body: bytes = b"") -> RaftLog:
        log = RaftLog((), 0, bytes(32), (), retention=Retention(16, 10_000, 32, 20_000))
        for _ in range(count):
            log.append_new(THREE.identity, 1, EntryKind.NOOP, body)
        log.give(1)
        log.stored(1)
        return log

    def test_old_entries_go_once_they_are_written(self) -> None:
        log = self.grown(100)
        self.assertFalse(log.trim(1, 100))
        self.assertTrue(log.trim(50, 100))
        self.assertEqual(log.anchor.index, 50)
        self.assertTrue(log.trim(100, 100))
        self.assertEqual((log.anchor.index, log.base), (84, 84))
        self.assertFalse(log.trim(100, 100))
        self.assertEqual(log.give_anchor(), log.anchor)
        self.assertIsNone(log.give_anchor())
        log.append_new(THREE.identity, 3, EntryKind.NOOP, b"")
        self.assertEqual((log.term_at(84), log.term_at(101), log.term_at(83)), (1, 3, None))

    def test_bytes_count_too(self) -> None:
        log = self.grown(12, bytes(2000))
        self.assertTrue(log.trim(12, 12))
        self.assertEqual(log.anchor.index, 7)
        self.assertLess(log.size, 12_000)

    def test_what_a_follower_needs_is_held_for_a_while(self) -> None:
        log = self.grown(30)
        self.assertTrue(log.trim(30, 5))
        self.assertEqual(log.anchor.index, 4)
        log = self.grown(100)
        self.assertTrue(log.trim(100, 5))
        self.assertEqual(log.anchor.index, 68)

    def test_what_is_not_synced_stays(self) -> None:
        log = RaftLog((), 0, bytes(32), (), retention=Retention(2, 10_000, 2, 20_000))
        for _ in range(10):
            log.append_new(THREE.identity, 1, EntryKind.NOOP, b"")
        self.assertFalse(log.trim(10, 10))

    def test_many_starts_do_not_make_it_grow(self) -> None:
        """Each adds less than what is retained; what was there at the start goes all the same, in time."""
        entries = entries_of(*[1] * 3)
        size, anchor, last = 0, Anchor(0, 0, bytes(32)), 3
        last_hash, hashes = entries[-1].hash, {}
        for _ in range(20):
            terms = ((max(1, anchor.index), 1),)
            log = RaftLog((), last, last_hash, terms, anchor, Retention(16, 10_000, 16, 10_000), size)
            for _ in range(7):
                hashes[last + 1] = log.append_new(THREE.identity, 1, EntryKind.NOOP, b"").hash
                last += 1
            log.give(1)
            log.stored(1)
            log.trim(last, last)
            last_hash, anchor, size = log.last_hash, log.anchor, log.size
            self.assertLessEqual(last - anchor.index, 2 * 16 + 2)
            self.assertLess(size, (2 * 16 + 3) * 200)


class FollowerTests(SynchronousTestCase):
    """A node whose log is trimmed up to 4, as a follower in term 3."""

    def setUp(self) -> None:
        self.entries = entries_of(1, 1, 2, 2, 2, 3)
        there = self.entries[3]
        self.restored = restored_of(
            1,
            1,
            2,
            2,
            2,
            3,
            hard_state=HardState(3),
            applied=4,
            entries=tuple(self.entries[4:]),
            terms=((4, 2), (6, 3)),
            anchor=Anchor(4, there.term, there.hash),
        )
        self.node = self.follower()

    def follower(self) -> Node:
        node = Node(SHORT, IDS[0], self.restored, Random(1), at(0))
        node._state.outbox.introduced |= set(IDS[1:])
        node.receive(IDS[1], Append(3, 4, 2, self.entries[3].hash, (), 4, 1), at(1))
        self.replies(node)
        return node

    def replies(self, node) -> list[AppendReply]:
        return [message for _, message in node.ready().messages if isinstance(message, AppendReply)]

    def append(self, previous: int, last: int, round_: int = 2) -> Append:
        before = self.entries[previous - 1]
        return Append(3, previous, before.term, before.hash, tuple(self.entries[previous:last]), 4, round_)

    def test_what_it_has_trimmed_it_has(self) -> None:
        """Committed in a term that it has reached: the leader of its term has it, and its end may be acknowledged."""
        for previous, last in ((1, 1), (1, 2), (2, 4), (1, 6), (3, 5)):
            self.node = self.follower()
            self.node.receive(IDS[1], self.append(previous, last), at(1))
            (reply,) = self.replies(self.node)
            self.assertTrue(reply.success)
            self.assertEqual(reply.match, max(4, last), (previous, last))

    def test_even_where_the_round_was_answered(self) -> None:
        self.node.receive(IDS[1], self.append(1, 2, round_=1), at(1))
        self.assertEqual([reply.match for reply in self.replies(self.node)], [4])

    def test_only_that(self) -> None:
        """Nothing beyond the anchor is acknowledged that the message does not speak of."""
        self.node.receive(IDS[1], self.append(1, 3), at(1))
        (reply,) = self.replies(self.node)
        self.assertEqual((reply.match, reply.hint_index), (4, 4))

    def test_another_entry_at_the_anchor(self) -> None:
        wrong = attrs.evolve(self.entries[3], hash=bytes(32))
        message = attrs.evolve(self.append(2, 3), entries=(self.entries[2], wrong))
        self.assertRaises(Diverged, self.node.receive, IDS[1], message, at(1))

    def part(self, **changes) -> SnapshotPart:
        asks = [message for _, message in self.node.ready().messages if isinstance(message, SnapshotAsk)]
        return attrs.evolve(SnapshotPart(3, asks[-1].number, b"part"), **changes)

    def begin(self) -> None:
        self.node.receive(IDS[1], SnapshotOffer(3, 20), at(1))
        self.assertEqual(self.node.ready().take, Take(None))
        self.node.taken(Taken(b"first"), at(1))

    def test_tables_are_taken_in_part_by_part(self) -> None:
        self.begin()
        self.node.receive(IDS[1], self.part(), at(1))
        self.assertEqual(self.node.ready().take, Take(b"part"))
        self.node.taken(Taken(b"second"), at(1))
        self.node.receive(IDS[1], self.part(body=b""), at(1))
        self.assertEqual(self.node.ready().take, Take(b""))
        self.node.taken(Taken(b"", 25), at(1))
        self.assertTrue(self.node.ready().install)
        self.node.receive(IDS[1], self.append(4, 6, round_=9), at(1))
        self.node.tick(at(9))
        self.assertEqual(self.node.ready(), Ready(), "it has said its last word")
        self.assertFalse(self.node.propose([operation()], at(9)))

    def test_nothing_is_heard_once_everything_is_there(self) -> None:
        """A later leader's log might bring more than the tables, which would then be put in place of later ones."""
        self.begin()
        self.node.ready()
        self.node.taken(Taken(b"", 5), at(1))
        self.node.receive(IDS[1], attrs.evolve(self.append(4, 6), commit=6), at(1))
        self.node.receive(IDS[1], SnapshotOffer(3, 20), at(1))
        self.node.tick(at(9))
        self.assertTrue(self.node.status().behind)
        ready = self.node.ready()
        self.assertTrue(ready.install)
        self.assertEqual((ready.committed, ready.take, ready.messages), ((), None, ()))

    def test_the_log_goes_on_though_it_becomes_no_longer(self) -> None:
        self.begin()
        there = self.entries[4]
        message = Append(4, 5, there.term, there.hash, (entries_of(1, 1, 2, 2, 2, 4)[5],), 5, 1)
        self.node.receive(IDS[1], message, at(1))
        self.assertFalse(self.node.status().behind)

    def test_whoever_comes_to_lead_is_not_behind(self) -> None:
        self.begin()
        state = self.node._state
        state.disk.change(4, IDS[0])
        state.role, state.leader = Role.LEADER, IDS[0]
        self.node._replication.start()
        self.node.ready()
        self.assertFalse(self.node.status().behind)

    def test_an_offer_of_what_it_has(self) -> None:
        self.node.receive(IDS[1], SnapshotOffer(3, 4), at(1))
        self.assertIsNone(self.node.ready().take)

    def test_an_offer_of_somebody_who_does_not_lead(self) -> None:
        self.node.receive(IDS[2], SnapshotOffer(3, 20), at(1))
        self.assertIsNone(self.node.ready().take)

    def test_parts_of_other_questions_senders_and_terms(self) -> None:
        self.begin()
        part = self.part()
        self.node.receive(IDS[1], attrs.evolve(part, number=part.number - 1), at(1))
        self.node.receive(IDS[2], part, at(1))
        self.node.receive(IDS[1], attrs.evolve(part, term=2), at(1))
        self.assertIsNone(self.node.ready().take)
        self.node.receive(IDS[1], part, at(1))
        self.node.receive(IDS[1], part, at(1))
        self.assertEqual(self.node.ready().take, Take(b"part"))
        self.assertIsNone(self.node.ready().take)

    def test_what_gets_no_answer_is_asked_again(self) -> None:
        self.begin()
        number = self.part().number
        for step in range(60):
            self.node.receive(IDS[1], self.append(4, 4, round_=10 + step), at(1 + step / 20))
            self.node.tick(at(1 + step / 20))
        self.assertEqual(self.part().number, number + 1)

    def test_who_begins_anew_takes_its_time(self) -> None:
        self.begin()
        self.node.receive(IDS[1], self.part(body=b""), at(1))
        self.assertEqual(self.node.ready().take, Take(b""))
        self.node.taken(Taken(b"first", anew=True), at(1))
        asks = []
        for step in range(1, 16):
            self.node.receive(IDS[1], self.append(4, 4, round_=10 + step), at(1 + step / 20))
            self.node.tick(at(1 + step / 20))
            asks += [step for _, sent in self.node.ready().messages if isinstance(sent, SnapshotAsk)]
        self.assertEqual(asks, [10])

    def test_a_later_leader_is_asked(self) -> None:
        self.begin()
        self.part()
        message = attrs.evolve(self.append(4, 4), term=5)
        self.node.receive(IDS[2], message, at(1))
        ready = self.node.ready()
        self.node.persisted(ready.persist.sequence, at(1))
        self.node.tick(at(1.1))
        asks = [sent for sent in self.node.ready().messages if isinstance(sent[1], SnapshotAsk)]
        self.assertEqual([to for to, _ in asks], [IDS[2]])

    def test_tables_that_come_too_late(self) -> None:
        self.begin()
        self.node.taken(Taken(b"", 4), at(1))
        self.assertFalse(self.node.ready().install)

    def test_the_log_goes_on_after_all(self) -> None:
        self.begin()
        part = self.part()
        entries = entries_of(1, 1, 2, 2, 2, 3, 3)
        self.node.receive(IDS[1], Append(3, 6, 3, entries[5].hash, (entries[6],), 6, 5), at(1))
        self.node.receive(IDS[1], part, at(1))
        self.assertIsNone(self.node.ready().take)


class LeaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.group = Group(config=SHORT)
        self.leader = self.group.elect()
        self.away = next(member for member in IDS if member != self.leader._state.member)
        self.group.lost.add(self.away)
        for number in range(40):
            self.leader.propose([operation(f"{number}")], self.group.instant)
            self.group.settle()
            for machine in self.group.machines.values():
                machine.applied_to(machine.status().commit)
        self.group.advance(1.0)
        self.leader.applied_to(self.leader.status().commit)

    def sent_to_the_one(self, kind: type) -> list:
        return [
            message for _, to, message in self.group.sent if to == self.away and isinstance(message, kind)
        ]

    def test_who_lacks_what_is_trimmed_is_offered_the_tables(self) -> None:
        self.assertGreater(self.leader.status().first_index, 30)
        del self.group.sent[:]
        self.group.lost.clear()
        self.group.advance(0.5)
        offers = self.sent_to_the_one(SnapshotOffer)
        self.assertEqual({offer.index for offer in offers}, {self.leader.status().first_index - 1})
        self.assertGreater(len(offers), 1)
        self.assertLess(len(offers), 10)
        self.assertTrue(all(not append.entries for append in self.sent_to_the_one(Append)[1:]))
        self.assertTrue(self.leader.leads)

    def test_a_part_goes_to_who_asked_once_and_with_its_latest_number(self) -> None:
        self.group.lost.clear()
        self.group.advance(0.3)
        term = self.leader.status().term
        for number in (7, 8):
            self.leader.receive(self.away, SnapshotAsk(term, number, b"what"), self.group.instant)
        self.assertEqual(self.leader.ready().gives, (Give(self.away, 7, b"what"),))
        self.leader.given(self.away, 7, b"that", 33, self.group.instant)
        sent = [message for _, message in self.leader.ready().messages if isinstance(message, SnapshotPart)]
        self.assertEqual(sent, [SnapshotPart(term, 8, b"that")])
        self.leader.given(self.away, 7, b"that", 33, self.group.instant)
        self.assertEqual(self.leader.ready().messages, ())

    def test_one_part_at_a_time_is_read_for_a_follower(self) -> None:
        """However many different ones it asks for: each question is a few bytes, each part half a megabyte."""
        self.group.lost.clear()
        self.group.advance(0.3)
        term = self.leader.status().term
        for number in range(5, 105):
            self.leader.receive(self.away, SnapshotAsk(term, number, b"%d" % number), self.group.instant)
        self.leader.receive(self.away, SnapshotAsk(term, 4, b"late"), self.group.instant)
        self.assertEqual(self.leader.ready().gives, (Give(self.away, 5, b"5"),))
        self.leader.given(self.away, 5, b"unwanted", 33, self.group.instant)
        ready = self.leader.ready()
        self.assertEqual(ready.gives, (Give(self.away, 104, b"104"),))
        self.assertFalse([message for _, message in ready.messages if isinstance(message, SnapshotPart)])
        self.leader.given(self.away, 104, b"wanted", 0, self.group.instant)
        sent = [message for _, message in self.leader.ready().messages if isinstance(message, SnapshotPart)]
        self.assertEqual(sent, [SnapshotPart(term, 104, b"wanted")])
