from random import Random

import attrs
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.reference import coordinator
from bulletin.core.reference.coordinator import HELD_MAX, LISTEN_FIRST, Coordinator
from bulletin.core.reference.ranks import NAMES_MAX, Record
from bulletin.core.wire.envelope import Dialect, Encoding
from bulletin.core.wire.reference import (
    Addressed,
    ClockReply,
    ClockRequest,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    ListReply,
    ListRequest,
    RankReply,
    RankRequest,
    decode_reply,
    encode,
)


def member_id(name, disk=1):
    return f"{name}#{disk}".encode().ljust(16, b".")


def endpoint(name):
    return f"tcp://{name}:1"


def document_of(*names, cluster=b"C" * 16):
    members = (Member(member_id(name), name, endpoint(name), rank) for rank, name in enumerate(names, 1))
    return FoundingDocument(cluster, tuple(members))


class Case(SynchronousTestCase):
    """A coordinator with a disk that syncs at once, unless ``self.disk_hangs``."""

    def setUp(self):
        self.seconds = 100.0
        self.disk = Record()
        self.disk_hangs = False
        self.sentences = []
        self.replies = []
        self.start()

    def now(self):
        return Instant(self.seconds, 1_000_000 + self.seconds)

    def start(self):
        self.clock = LamportClock()
        self.coordinator = Coordinator(self.disk, self.clock, Random(1), self.now())

    def drain(self):
        while True:
            ready = self.coordinator.ready(self.now())
            self.sentences += ready.sentences
            self.replies += [(route[0], decode_reply(frame)) for route, frame in ready.replies]
            if ready.save is None or self.disk_hangs:
                return ready.save
            # What is stored is what a restart reads.
            self.disk = Record.decode(ready.save.record.encode())
            self.coordinator.stored(ready.save.sequence, self.now())

    def send(self, body, route=b"r", *, clock=1, **beside):
        frame = encode(Addressed(body, beside.pop("dialect", Dialect.SERVICE), clock, 1.0, **beside))
        self.coordinator.receive((route,), [frame], self.now())
        return self.drain()

    def ask(self, body, **beside):
        """The body of the reply to a request, with the disk answering at once."""
        self.replies.clear()
        self.send(body, **beside)
        ((_, reply),) = self.replies
        return reply.body

    def refused(self, body):
        refusal = self.ask(body)
        self.assertIsInstance(refusal, Refusal)
        return refusal.code, refusal.field, refusal.reason

    def later(self, seconds):
        self.seconds += seconds
        self.coordinator.tick(self.now())
        self.drain()

    def rank(self, name, disk=1, document=None, expect=3):
        return self.ask(RankRequest(name, endpoint(name), member_id(name, disk), document, expect))

    def beat(self, name, disk=1, cluster=None):
        return self.ask(HeartbeatRequest(name, member_id(name, disk), cluster))

    def arrive(self, *names, **kwargs):
        for name in names:
            self.rank(name, **kwargs)
            self.beat(name, disk=kwargs.get("disk", 1))

    def listed(self):
        return [(server.name, server.rank) for server in self.ask(ListRequest()).servers]

    def founded(self):
        return None if self.disk.document is None else FoundingDocument.decode(self.disk.document)


class RankTests(Case):
    def test_ranks_are_stable_over_a_restart(self):
        self.assertEqual([self.rank(name).rank for name in ("a", "b", "a")], [1, 2, 1])
        self.start()
        self.assertEqual([self.rank(name).rank for name in ("b", "c", "a")], [2, 3, 1])

    def test_a_client_with_only_a_name(self):
        self.assertEqual(self.ask(RankRequest("old", "", None, None, None)), RankReply(1, None))
        self.assertEqual(self.ask(HeartbeatRequest("old", None, None)), HeartbeatReply(True, None))
        self.assertEqual(self.ask(ListRequest()), ListReply((ListedServer("old", 1, ""),)))

    def test_no_reply_tells_a_rank_before_it_is_on_the_disk(self):
        self.disk_hangs = True
        save = self.send(RankRequest("a", "", None, None, None), route=b"first")
        # The second asker must wait for the same sync.
        self.assertIsNone(self.send(RankRequest("a", "", None, None, None), route=b"second"))
        self.send(ListRequest(), route=b"list")
        self.assertEqual(self.replies, [])
        self.coordinator.stored(save.sequence, self.now())
        self.drain()
        self.assertEqual([route for route, _ in self.replies], [b"first", b"second", b"list"])

    def test_what_came_during_a_sync_makes_up_the_next_one(self):
        self.disk_hangs = True
        first = self.send(RankRequest("a", "", None, None, None))
        for name in "bcd":
            self.assertIsNone(self.send(RankRequest(name, "", None, None, None)))
        self.coordinator.stored(first.sequence, self.now())
        second = self.drain()
        self.assertEqual(len(self.replies), 1)
        self.assertEqual([name for name, _ in second.record.ranks], ["a", "b", "c", "d"])

    def test_the_clock_never_waits_for_the_disk(self):
        self.disk_hangs = True
        self.send(RankRequest("a", "", None, None, None))
        self.assertEqual(self.ask(ClockRequest()), ClockReply(1_000_100.0))

    def test_replies_that_wait_for_the_disk_are_bounded(self):
        self.disk_hangs = True
        request = [encode(Addressed(RankRequest("a", "", None, None, None), Dialect.SERVICE, 1, 1.0))]
        for _ in range(HELD_MAX + 5):
            self.coordinator.receive((b"r",), request, self.now())
        self.assertEqual(self.coordinator.status().dropped, 5)

    def test_names_are_bounded(self):
        self.disk = Record(tuple((str(number), number) for number in range(1, NAMES_MAX + 1)))
        self.start()
        self.assertIs(self.rank("one more").code, Code.FULL)
        self.assertEqual(self.rank("7").rank, 7)


class ListTests(Case):
    def test_the_alive_ones_by_rank_with_their_endpoints(self):
        self.rank("b")
        self.rank("a")
        self.assertEqual(
            self.ask(ListRequest()).servers,
            (ListedServer("b", 1, endpoint("b")), ListedServer("a", 2, endpoint("a"))),
        )

    def test_three_silent_intervals_and_the_return_with_the_same_rank(self):
        self.arrive("a", "b")
        self.later(2)
        self.beat("b")
        self.later(1)
        self.assertEqual(self.listed(), [("b", 2)])
        self.assertIn("a has been silent for 3 s and left the list.", self.sentences)
        self.assertTrue(self.beat("a").known)
        self.later(0.5)
        self.assertEqual(self.listed(), [("a", 1), ("b", 2)])
        self.assertIn("a is back with rank 1.", self.sentences)

    def test_after_a_restart_a_server_is_asked_to_register_again(self):
        self.arrive("a")
        self.start()
        self.assertFalse(self.beat("a").known)
        self.assertEqual(self.rank("a").rank, 1)
        self.assertTrue(self.beat("a").known)


class FoundingTests(Case):
    def setUp(self):
        super().setUp()
        self.seconds += LISTEN_FIRST

    def test_as_many_as_expected_are_founded_together(self):
        self.arrive("a", "b")
        self.assertIsNone(self.founded())
        self.assertEqual(
            self.coordinator.status().waiting, "2 of 3 empty servers are here to found a cluster."
        )
        self.rank("c")
        self.assertIsNone(self.founded(), "a server counts from its first heartbeat")
        reply = self.beat("c")
        self.assertEqual(reply.document, self.disk.document)
        self.assertEqual(attrs.evolve(self.founded(), cluster=b"C" * 16), document_of("a", "b", "c"))
        self.assertIsNone(self.coordinator.status().waiting)

    def test_all_get_the_same_bytes(self):
        self.arrive("a", "b", "c")
        told = {self.beat(name).document for name in "abc"} | {self.rank(name).document for name in "abcz"}
        self.assertEqual(told, {self.disk.document})

    def test_nobody_hears_of_a_founding_before_it_is_on_the_disk(self):
        self.arrive("a", "b")
        self.rank("c")
        self.disk_hangs = True
        save = self.send(HeartbeatRequest("c", member_id("c"), None))
        self.replies.clear()
        self.assertIsNotNone(save.record.document)
        self.send(HeartbeatRequest("a", member_id("a"), None))
        self.assertEqual(self.replies, [])
        self.coordinator.stored(save.sequence, self.now())
        self.drain()
        self.assertEqual(self.replies[-1][1].body.document, save.record.document)

    def test_a_restart_founds_no_second_one(self):
        self.arrive("a", "b", "c")
        first = self.founded()
        self.start()
        self.later(LISTEN_FIRST)
        self.arrive("d", "e", "f")
        self.later(1)
        self.assertEqual(self.founded(), first)
        self.assertEqual(self.beat("d").document, self.disk.document)

    def test_members_are_sorted_by_rank_not_by_arrival(self):
        self.rank("b")
        self.rank("a")
        self.rank("c")
        for name in "cab":
            self.beat(name)
        self.assertEqual([member.name for member in self.founded().members], ["b", "a", "c"])

    def test_a_new_reference_listens_first(self):
        self.start()
        self.arrive("a", "b", "c")
        self.assertIsNone(self.founded())
        self.assertIn("listens", self.coordinator.status().waiting)
        self.later(LISTEN_FIRST)
        self.assertIsNotNone(self.founded())

    def test_who_fell_silent_is_no_founder(self):
        self.arrive("a")
        self.later(3)
        self.arrive("b", "c")
        self.assertIsNone(self.founded())
        self.beat("a")
        self.assertIsNotNone(self.founded())

    def test_servers_that_disagree_on_their_number_wait(self):
        self.arrive("a", "b")
        self.arrive("c", expect=5)
        self.assertIsNone(self.founded())
        self.assertIn(
            "The servers disagree on how many found the cluster: a expects 3, b expects 3, c expects 5.  "
            "Start them with one --expect.",
            self.sentences,
        )
        self.arrive("c", expect=3)
        self.assertIsNotNone(self.founded())

    def test_more_than_expected_make_one_cluster_of_the_first(self):
        # All registered before any of them beats, as after a restart of the reference.
        for name in "abcd":
            self.rank(name, expect=2)
        for name in "dcba":
            self.beat(name)
        self.assertEqual([member.name for member in self.founded().members], ["c", "d"])
        self.later(1)
        self.assertEqual(len(self.founded().members), 2)

    def test_too_many_at_once_are_said_to_be_late(self):
        self.start()
        self.arrive(*"abcd")
        self.later(LISTEN_FIRST)
        self.assertEqual([member.name for member in self.founded().members], ["a", "b", "c"])
        self.assertIn("d came too late and is not a member.", self.sentences)

    def test_a_replaced_disk_replaces_before_the_founding(self):
        self.arrive("a", "b")
        self.arrive("a", disk=2)
        self.assertFalse(self.beat("a", disk=1).known)
        self.arrive("c")
        self.assertEqual(self.founded().members[0].member, member_id("a", 2))

    def test_a_replaced_disk_is_no_member_after_it(self):
        self.arrive("a", "b", "c")
        before = self.founded()
        reply = self.rank("a", disk=2)
        self.assertEqual((reply.rank, reply.document), (1, self.disk.document))
        self.assertEqual(self.founded(), before)
        # The member itself is still the one that is listed.
        self.assertTrue(self.beat("a", disk=1).known)
        self.assertFalse(self.beat("a", disk=2).known)

    def test_a_copied_disk_or_endpoint_founds_nothing(self):
        self.arrive("a", "b")
        self.ask(RankRequest("c", endpoint("c"), member_id("a"), None, 3))
        self.ask(HeartbeatRequest("c", member_id("a"), None))
        self.assertIsNone(self.founded())
        self.assertIn("member id", self.coordinator.status().waiting)
        self.ask(RankRequest("c", endpoint("a"), member_id("c"), None, 3))
        self.beat("c")
        self.assertIsNone(self.founded())
        self.assertIn("endpoint", self.coordinator.status().waiting)
        self.arrive("c")
        self.assertIsNotNone(self.founded())

    def test_a_server_without_an_endpoint_founds_nothing(self):
        self.arrive("a", "b")
        self.ask(RankRequest("c", "", member_id("c"), None, 3))
        self.beat("c")
        self.assertIsNone(self.founded())

    def test_old_clients_found_nothing(self):
        for name in "abc":
            self.ask(RankRequest(name, endpoint(name), None, None, 3))
            self.ask(HeartbeatRequest(name, None, None))
        self.assertIsNone(self.founded())

    def test_an_old_client_does_not_take_a_servers_name(self):
        self.arrive("a")
        self.assertEqual(
            self.ask(RankRequest("a", "tcp://elsewhere:1", None, None, None)), RankReply(1, None)
        )
        self.assertTrue(self.beat("a").known)
        self.assertEqual(self.ask(ListRequest()).servers[0].endpoint, endpoint("a"))


class HeardOfAClusterTests(Case):
    """The reference's disk was lost, and there are servers with data."""

    def setUp(self):
        super().setUp()
        self.seconds += LISTEN_FIRST
        self.document = document_of("x", "y", "z")

    def test_a_heartbeat_is_enough_to_found_no_other_for_ever(self):
        self.assertFalse(self.beat("x", cluster=self.document.cluster).known)
        self.start()
        self.later(LISTEN_FIRST)
        self.arrive("a", "b", "c")
        self.assertIsNone(self.founded())
        self.assertEqual(self.disk.cluster, self.document.cluster)

    def test_a_document_is_adopted_with_its_ranks(self):
        self.arrive("a", "b")
        self.assertEqual(self.rank("z", document=self.document.encode()), RankReply(3, None))
        self.assertEqual(self.founded(), self.document)
        # a had rank 1, which is x's.
        self.assertFalse(self.beat("a").known)
        self.assertEqual(self.rank("a").rank, 4)
        self.assertEqual(self.rank("x").rank, 1)
        self.assertTrue(self.beat("z", cluster=self.document.cluster).known)

    def test_an_empty_member_gets_the_document_that_another_one_brought(self):
        self.rank("z", document=self.document.encode())
        self.assertEqual(self.rank("y").document, self.document.encode())

    def test_another_cluster_is_refused(self):
        self.rank("x", document=self.document.encode())
        foreign = document_of("x", cluster=b"D" * 16)
        refusal = (Code.INVALID_FIELD, "cluster", Reason.UNKNOWN_VALUE)
        self.assertEqual(self.refused(RankRequest("x", "", member_id("x"), foreign.encode(), 3)), refusal)
        self.assertEqual(self.refused(HeartbeatRequest("x", member_id("x"), foreign.cluster)), refusal)
        self.assertEqual(self.founded(), self.document)
        self.assertEqual(len([said for said in self.sentences if "refused" in said]), 1)

    def test_another_document_of_the_same_cluster_is_refused(self):
        self.rank("x", document=self.document.encode())
        other = document_of("x", "y").encode()
        self.assertEqual(
            self.refused(RankRequest("x", "", member_id("x"), other, 3)),
            (Code.INVALID_FIELD, "documento", Reason.UNKNOWN_VALUE),
        )

    def test_a_document_that_is_none_is_refused(self):
        members = self.document.members
        for data in (
            b"junk",
            attrs.evolve(self.document, members=tuple(attrs.evolve(m, rank=1) for m in members)).encode(),
            attrs.evolve(self.document, members=(attrs.evolve(members[0], rank=-1),)).encode(),
            attrs.evolve(self.document, members=(attrs.evolve(members[0], endpoint="e" * 300),)).encode(),
        ):
            self.assertEqual(
                self.refused(RankRequest("x", "", member_id("x"), data, 3)),
                (Code.INVALID_FIELD, "documento", Reason.NOT_DECODABLE),
            )
        self.assertEqual(self.disk, Record())


class LamportTests(Case):
    def test_of_a_board_that_has_run_for_long(self):
        """A reference that was started again follows its clock; nobody else's moves it so far."""
        self.send(ListRequest(), clock=2**40)
        self.assertLess(self.clock.value, 2**20)
        document = document_of("x", "y").encode()
        self.send(RankRequest("x", endpoint("x"), member_id("x"), document, 2), clock=2**40)
        self.assertGreater(self.clock.value, 2**40)

    def test_who_is_no_member_and_who_is_here(self):
        """They do not put the clock out of reach, though they have the document."""
        document = document_of("x", "y").encode()
        self.send(RankRequest("x", endpoint("x"), member_id("x"), document, 2), clock=7)
        self.send(RankRequest("z", endpoint("z"), member_id("z"), document, 2), clock=2**52)
        self.send(RankRequest("x", endpoint("x"), member_id("x"), document, 2), clock=2**52)
        self.assertLess(self.clock.value, 2**20)
        self.send(RankRequest("y", endpoint("y"), member_id("y"), document, 2), clock=2**40)
        self.assertGreater(self.clock.value, 2**40)


class MovedTests(Case):
    """Members of a cluster come back under other addresses."""

    def setUp(self):
        super().setUp()
        self.seconds += LISTEN_FIRST
        self.document = document_of("x", "y")
        self.register("x", endpoint("x"))

    def register(self, name, where, disk=1):
        return self.ask(RankRequest(name, where, member_id(name, disk), self.document.encode(), 2))

    def where(self):
        """Where members are, as a member is told."""
        return {server.name: server.endpoint for server in self.told_to_x().members}

    def told_to_x(self):
        return self.beat("x", cluster=self.document.cluster)

    def test_members_are_told_where_each_of_them_is_now(self):
        self.register("y", endpoint("y"))
        self.assertEqual(
            self.told_to_x().members,
            tuple(
                ListedServer(name, rank, endpoint(name), member_id(name)) for rank, name in enumerate("xy", 1)
            ),
        )
        self.register("y", "tcp://elsewhere:7")
        self.assertEqual(self.where(), {"x": endpoint("x"), "y": "tcp://elsewhere:7"})

    def test_who_has_not_registered_is_not_told_of(self):
        self.assertEqual(self.where(), {"x": endpoint("x")})

    def test_who_fell_silent_is_still_looked_for_where_it_was(self):
        self.register("y", "tcp://elsewhere:7")
        self.later(10)
        self.register("x", endpoint("x"))
        self.assertEqual(self.where()["y"], "tcp://elsewhere:7")

    def test_only_its_own_registration_moves_a_member(self):
        self.register("y", endpoint("y"))
        self.register("y", "tcp://elsewhere:7", disk=2)
        self.ask(RankRequest("y", "tcp://elsewhere:7", None, None, None))
        self.ask(RankRequest("stranger", "tcp://elsewhere:7", member_id("y"), None, None))
        self.assertEqual(self.where(), {"x": endpoint("x"), "y": endpoint("y")})

    def test_others_are_told_nothing(self):
        self.rank("stranger")
        self.assertEqual(self.beat("stranger").members, ())
        self.assertEqual({server.member for server in self.ask(ListRequest()).servers}, {None})


class EnvelopeTests(Case):
    def test_each_reply_is_in_the_form_of_its_request(self):
        for dialect in Dialect:
            for encoding in Encoding:
                self.replies.clear()
                self.send(ListRequest(), dialect=dialect, encoding=encoding, nonce=4)
                ((_, reply),) = self.replies
                self.assertEqual((reply.dialect, reply.encoding, reply.nonce), (dialect, encoding, 4))

    def test_replies_carry_the_clocks(self):
        self.coordinator.receive(
            (b"r",), [encode(Addressed(ClockRequest(), Dialect.NATIVE, 40, 1.0))], self.now()
        )
        self.drain()
        ((_, reply),) = self.replies
        self.assertEqual((reply.clock, reply.timestamp), (41, 1_000_100.0))

    def test_junk_is_answered_and_counted_and_logged_once(self):
        for parts in ([b""], [], [b"a", b"b"], [b"\xc1"], [codec.pack({"service": "drop", "data": {}})]):
            self.coordinator.receive((b"r",), parts, self.now())
        self.drain()
        self.assertEqual([reply.body.code for _, reply in self.replies][-1], Code.UNKNOWN_OPERATION)
        self.assertEqual(len(self.replies), 5)
        self.assertEqual(self.coordinator.status().malformed, 5)
        self.assertEqual(len(self.sentences), 1)
        self.seconds += 61
        self.coordinator.receive((b"r",), [], self.now())
        self.drain()
        self.assertEqual(len(self.sentences), 2)

    def test_what_was_said_is_bounded(self):
        self.rank("x", document=document_of("x").encode())
        for number in range(2 * coordinator.SAID_MAX):
            self.beat(f"s{number}", cluster=b"D" * 16)
        self.assertLessEqual(len(self.coordinator._said), coordinator.SAID_MAX)


class FormationProperty(SynchronousTestCase):
    """Servers come, beat, lose their disks; the reference restarts, with its disk, which syncs when it likes."""

    def test_never_two_clusters_and_never_one_told_before_it_is_durable(self):
        reached = set()

        @settings(deadline=None, max_examples=60, derandomize=True)
        @given(st.data())
        def run(data):
            reached.add(self.schedule(data))

        run()
        self.assertEqual(reached, {0, 1}, "schedules with and without a cluster were seen")

    def schedule(self, data):
        case = Case("setUp")
        case.setUp()
        case.disk_hangs = True
        told, founded = set(), set()
        disks = dict.fromkeys("abcd", 1)
        saves = []
        for _ in range(data.draw(st.integers(5, 80))):
            step = data.draw(
                st.sampled_from(["rank", "rank", "beat", "beat", "wait", "sync", "sync", "restart", "wipe"])
            )
            name = data.draw(st.sampled_from("abcd"))
            member = member_id(name, disks[name])
            save = None
            if step == "rank":
                save = case.send(RankRequest(name, endpoint(name), member, None, 3))
            elif step == "beat":
                save = case.send(HeartbeatRequest(name, member, None))
            elif step == "wait":
                case.seconds += data.draw(st.sampled_from([0.5, 1.5]))
                case.coordinator.tick(case.now())
                save = case.drain()
            elif step == "sync" and saves:
                save = saves.pop()
                case.disk = Record.decode(save.record.encode())
                case.coordinator.stored(save.sequence, case.now())
                save = case.drain()
            elif step == "restart":
                saves.clear()
                case.start()
            elif step == "wipe":
                disks[name] += 1
            if save is not None:
                saves.append(save)
            if case.disk.document is not None:
                founded.add(case.disk.document)
            for _, reply in case.replies:
                if getattr(reply.body, "document", None) is not None:
                    told.add(reply.body.document)
            case.replies.clear()
            self.assertLessEqual(told, founded)
        self.assertLessEqual(len(founded), 1)
        for document in founded:
            self.assertEqual(len(FoundingDocument.decode(document).members), 3)
        return len(founded)
