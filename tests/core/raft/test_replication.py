"""The leader's side: what is sent, gathered, fetched."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.log.entry import EntryKind
from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import Append, AppendReply
from bulletin.core.raft.progress import Mode
from tests.core.raft.making import IDS, ONE, Group, operation


class GatheringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.group = Group(document=ONE, config=Config(gather_bytes_max=200, entry_bytes_max=100))
        self.leader = self.group.elect()
        self.group.held.add(IDS[0])

    def propose(self, size: int) -> None:
        self.assertTrue(self.leader.propose([operation("x", size)], self.group.instant))
        self.group.settle()

    def test_at_once_while_the_disk_is_idle(self) -> None:
        """Nothing waits for company where nothing is under way."""
        self.propose(10)
        self.assertEqual(len(self.group.writes[IDS[0]]), 1)

    def test_gathers_until_the_sync(self) -> None:
        """While a write is under way operations gather; then they are one entry."""
        self.propose(10)
        self.propose(10)
        self.propose(10)
        self.assertEqual(len(self.group.writes[IDS[0]]), 1)
        self.group.sync(IDS[0])
        self.group.settle()
        (persist,) = self.group.writes[IDS[0]]
        self.assertEqual(len(persist.entries), 1)

    def test_not_beyond_a_size(self) -> None:
        """Enough has gathered: it goes although the write is still under way, cut into entries."""
        self.propose(10)
        self.propose(80)
        self.propose(80)
        self.assertEqual(len(self.group.writes[IDS[0]]), 2)
        self.assertEqual(len(self.group.writes[IDS[0]][1].entries), 2)

    def test_not_for_long(self) -> None:
        """What has gathered for long enough goes although the write is still under way."""
        self.propose(10)
        self.propose(10)
        self.group.advance(0.05)
        self.assertEqual(len(self.group.writes[IDS[0]]), 2)

    def test_no_entry_of_nothing(self) -> None:
        """To propose nothing is to change nothing."""
        self.assertTrue(self.leader.propose([], self.group.instant))
        self.group.settle()
        self.assertEqual(self.group.writes[IDS[0]], [])

    def test_too_large_for_an_entry(self) -> None:
        """One operation that fits no entry is not taken."""
        self.assertFalse(self.leader.propose([operation("x", BATCH_BYTES_MAX)], self.group.instant))

    def test_first_entry_of_a_term(self) -> None:
        """Each term of a leader begins with an entry without content."""
        log = self.leader._state.log
        self.assertEqual([entry.kind for entry in log.after(1, 2)], [EntryKind.NOOP])


class SendingTests(SynchronousTestCase):
    def test_a_turn_is_one_append(self) -> None:
        """Entries, commit index and round of one turn are one message to each follower."""
        group = Group()
        leader = group.elect()
        group.sent.clear()
        group.now += 0.2
        leader.tick(group.instant)
        leader.propose([operation("a")], group.instant)
        leader.read_index(1, group.instant)
        ready = leader.ready()
        self.assertEqual(len(ready.messages), 2)
        for _recipient, message in ready.messages:
            self.assertEqual((len(message.entries), message.round), (1, leader._replication.round))

    def test_appends_are_cut(self) -> None:
        """A follower that is far behind gets messages of bounded size."""
        group = Group(config=Config(append_bytes_max=300, inflight_messages_max=4))
        leader = group.elect()
        gone = next(member for member in IDS if group.machines[member] is not leader)
        group.lost.add(gone)
        for _ in range(30):
            leader.propose([operation("x", 100)], group.instant)
            group.settle()
        group.lost.clear()
        group.sent.clear()
        group.advance(1.0)
        appends = [
            message
            for _, to, message in group.sent
            if to == gone and isinstance(message, Append) and message.entries
        ]
        self.assertTrue(all(sum(len(e.body) for e in append.entries) <= 300 for append in appends))
        self.assertEqual(group.machines[gone].status().commit, leader.status().commit)

    def test_quiet_followers_get_heartbeats_only(self) -> None:
        """Entries are not sent again and again to who does not answer."""
        group = Group()
        leader = group.elect()
        gone = next(member for member in IDS if group.machines[member] is not leader)
        group.lost.add(gone)
        group.advance(0.7)
        self.assertIs(leader._replication.followers[gone].mode, Mode.PROBE)
        group.sent.clear()
        for _ in range(10):
            leader.propose([operation("x", 100)], group.instant)
            group.advance(0.05)
        entries = [len(m.entries) for _, to, m in group.sent if to == gone and isinstance(m, Append)]
        self.assertEqual(sum(entries), 0)
        self.assertLessEqual(len(entries), 6)

    def test_a_fetch_that_brings_nothing(self) -> None:
        """If the disk cannot give the entries, the follower is not asked for in a loop, but tried again."""
        group = Group(config=Config(memory_bytes_kept=0))
        leader = group.elect()
        gone = next(member for member in IDS if group.machines[member] is not leader)
        group.lost.add(gone)
        for _ in range(5):
            leader.propose([operation("x", 100)], group.instant)
            group.settle()
        leader.applied_to(leader.status().commit)
        group.lost.clear()
        group.readies.clear()
        group.advance(0.2)
        fetches = [fetch for _, ready in group.readies for fetch in ready.fetches]
        self.assertEqual(len(fetches), 1)
        leader.fetched(fetches[0].token, (), group.instant)
        self.assertEqual(leader.counters["fetches_useless"], 1)
        group.readies.clear()
        group.advance(0.3)
        again = [fetch for _, ready in group.readies for fetch in ready.fetches]
        self.assertEqual([(f.first, f.last) for f in again], [(f.first, f.last) for f in fetches])


class RestartTests(SynchronousTestCase):
    def test_a_late_answer_of_the_start_before_does_not_count(self) -> None:
        """It may speak of entries that the follower's disk has lost since."""
        group = Group()
        leader = group.elect()
        status = leader.status()
        replication = leader._replication
        peer = IDS[1]
        late = AppendReply(
            status.term, 1, True, status.last_index, 0, 0, replication.followers[peer].round_sent
        )
        replication.restarted(peer, 1)
        group.advance(0.2)
        before = replication.followers[peer].match
        group.held.add(peer)
        leader.receive(peer, late, group.instant)
        self.assertEqual(replication.followers[peer].match, before)
        self.assertEqual(dict(leader.status().counters)["append_reply_of_an_earlier_start"], 1)
