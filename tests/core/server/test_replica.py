"""One server alone, and what it does when it stands still, is congested, or drains."""

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import CannotApply
from bulletin.core.log.entry import LEVEL, Entry, EntryKind
from bulletin.core.log.port import Operation
from bulletin.core.raft.messages import Forward
from bulletin.core.raft.ready import Ready
from bulletin.core.server.brokers import PATIENCE
from bulletin.core.wire.broker import (
    LATER,
    REFUSAL,
    SUCCESS,
    Replies,
    Reply,
    Request,
    Requests,
    ServerDraining,
    ServerReady,
    ToBroker,
    decode,
)
from tests.core.server.cluster import Cluster


class ReplicaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(7, size=1)
        self.cluster.form()
        (self.server,) = self.cluster.servers
        self.replica = self.server.replica
        self.told: list[ToBroker] = []
        self.patch(self.cluster, "to_broker", lambda server, frame: self.told.append(self.decode(frame)))
        self.number = 0

    @staticmethod
    def decode(frame: bytes) -> ToBroker:
        message = decode(frame)
        assert isinstance(message, ToBroker)
        return message

    def request(self, service: str = "login", attempt: int = 1, left: int = 4000, **data: object) -> Request:
        self.number += 1
        body = msgpack.packb({"service": service, "data": data or {"user": "ana"}})
        return Request(self.number.to_bytes(16, "big"), attempt, left, body)

    def deliver(self, *requests: Request, session: int | None = None) -> None:
        message = Requests(session or self.replica.brokers.session, requests, 1, 1.0)
        self.server.input(lambda: self.replica.broker(0, message, self.cluster.now))

    def replies(self) -> list[Reply]:
        return [reply for message in self.told if isinstance(message, Replies) for reply in message.replies]

    def code(self, reply: Reply) -> tuple[str, bool]:
        data = msgpack.unpackb(reply.body)["data"]
        return data["erro"], data["definitivo"]

    def test_what_one_turn_brought_is_one_entry_and_one_message(self) -> None:
        before = self.server.status.applied
        requests = [self.request(user=f"u{number}") for number in range(20)]
        self.deliver(*requests)
        self.cluster.run(0.5)
        messages = [message for message in self.told if isinstance(message, Replies)]
        self.assertEqual([len(message.replies) for message in messages], [20])
        self.assertEqual([reply.id for reply in messages[0].replies], [request.id for request in requests])
        self.assertEqual(self.server.status.applied, before + 1)

    def test_a_claim_of_replication_is_refused_and_told_in_the_log(self) -> None:
        body = msgpack.packb({"service": "login", "data": {"user": "ana"}, "replicado": True})
        self.deliver(Request(bytes(16), 1, 4000, body))
        events = self.replica.ready(self.cluster.now).events
        self.assertEqual(
            [event.text for event in events], ["a request that claims to be replication's was refused"]
        )

    def test_requests_of_an_earlier_session_are_dropped(self) -> None:
        self.deliver(self.request(), session=self.replica.brokers.session - 1)
        self.cluster.run(0.5)
        self.assertEqual((self.replies(), self.replica.dropped.requests), ([], 1))

    def test_standing_still_begins_a_new_session_before_anything_that_waited_is_looked_at(self) -> None:
        session = self.replica.brokers.session
        self.server.pause()
        self.cluster.run(PATIENCE + 0.1)
        self.deliver(self.request())
        self.server.resume()
        self.cluster.run(0.5)
        self.assertEqual(self.replies(), [])
        self.assertEqual(self.replica.brokers.session, session + 1)
        self.assertEqual(self.told[0].session, session + 1)
        self.assertIsInstance(self.told[0], ServerReady)
        self.deliver(self.request())
        self.cluster.run(0.5)
        self.assertEqual([reply.result for reply in self.replies()], [SUCCESS])

    def test_standing_still_while_it_takes_nothing_begins_a_new_session_too(self) -> None:
        """What was on its way when the server turned away is somebody else's by the time that it takes requests again."""
        session = self.replica.brokers.session
        tick = self.replica.tick
        self.patch(self.replica, "tick", lambda now: tick(now, congested=True))
        self.cluster.run(0.2)
        self.server.pause()
        self.cluster.run(PATIENCE + 0.1)
        self.patch(self.replica, "tick", tick)
        self.server.input(lambda: self.replica.tick(self.cluster.now))
        self.deliver(self.request(), session=session)
        self.server.resume()
        self.assertTrue(self.replica.brokers.accepting)
        self.cluster.run(0.5)
        self.assertEqual((self.replies(), self.replica.dropped.requests), ([], 1))

    def test_a_shorter_pause_does_not(self) -> None:
        session = self.replica.brokers.session
        self.server.pause()
        self.cluster.run(PATIENCE - 0.1)
        self.server.resume()
        self.cluster.run(0.2)
        self.assertEqual(self.replica.brokers.session, session)

    def test_a_congested_disk_turns_requests_away_until_it_is_better(self) -> None:
        tick = self.replica.tick
        self.patch(self.replica, "tick", lambda now: tick(now, congested=True))
        self.cluster.run(0.2)
        self.assertTrue(any(isinstance(message, ServerDraining) for message in self.told))
        self.deliver(self.request(), self.request(attempt=2))
        self.cluster.run(0.2)
        first, second = self.replies()
        self.assertEqual((first.result, self.code(first)), (LATER, ("sem_servidores", True)))
        self.assertEqual((second.result, self.code(second)), (LATER, ("sem_servidores", False)))
        self.assertIn("disk", self.replica.unready(self.cluster.now) or "")
        self.patch(self.replica, "tick", tick)
        self.told.clear()
        self.cluster.run(0.2)
        self.assertTrue(any(isinstance(message, ServerReady) for message in self.told))

    def test_draining(self) -> None:
        self.deliver(self.request())
        self.server.input(lambda: self.replica.drain(self.cluster.now))
        self.assertFalse(self.replica.drained(self.cluster.now))
        self.deliver(self.request())
        self.cluster.run(0.5)
        self.assertEqual([reply.result for reply in self.replies()], [LATER, SUCCESS])
        self.assertIsInstance(self.told[0], ServerDraining)
        self.assertTrue(self.replica.drained(self.cluster.now))

    def test_what_has_no_time_left_is_handed_back(self) -> None:
        self.deliver(self.request(left=50), self.request("users", left=50, leitura="local"))
        self.cluster.run(0.2)
        self.assertEqual(
            [(reply.result, self.code(reply)) for reply in self.replies()],
            [(LATER, ("tempo_esgotado", True))] * 2,
        )

    def test_a_refused_request_is_refused_for_good(self) -> None:
        self.deliver(self.request(attempt=3, user=""))
        self.cluster.run(0.2)
        (reply,) = self.replies()
        self.assertEqual((reply.result, reply.attempt), (REFUSAL, 3))
        self.assertEqual(self.code(reply), ("campo_invalido", True))

    def test_status(self) -> None:
        self.deliver(self.request(), self.request(user=""))
        self.cluster.run(0.5)
        status = self.server.status
        self.assertEqual((status.counts.succeeded, status.counts.refused), (1, {"campo_invalido": 1}))
        self.assertEqual((status.applied, status.written), (status.node.commit, status.node.commit))
        self.assertEqual((status.proposals, status.queries, len(status.digest)), (0, 0, 64))
        self.assertTrue(status.leads)

    def test_an_empty_server(self) -> None:
        cluster = Cluster(8, size=3)
        cluster.start(cluster.servers[0])
        cluster.run(1.0)
        status = cluster.servers[0].status
        self.assertTrue(status.empty)
        self.assertIsNone(status.node)
        self.assertTrue(status.reference)


class NewerFellowTests(SynchronousTestCase):
    """A fellow server of a newer version, or a stranger that pretends to be one, cannot stop every server for good."""

    def setUp(self) -> None:
        self.cluster = Cluster(11)
        self.cluster.form()
        self.leader = self.cluster.leader
        self.fellow = next(server for server in self.cluster.servers if server is not self.leader)

    def test_a_forwarded_operation_that_cannot_be_read_never_reaches_the_log(self) -> None:
        member = self.leader.replica.member
        last = member.log.status().last_index
        forward = Forward(member.log.status().term, (Operation(b"k" * 16, b"from the future"),))
        sender = self.fellow.replica.member_id
        self.leader.input(lambda: member.receive(sender, forward, self.cluster.now))
        self.cluster.run(1.0)
        self.assertEqual(member.log.status().last_index, last)
        self.assertEqual(member.peers.dropped, 1)
        self.assertEqual(self.cluster.ask("login", user="ana")["status"], "sucesso")

    def test_an_entry_of_a_higher_level_stops_the_server_with_a_sentence(self) -> None:
        member = self.fellow.replica.member
        entry = Entry(10**6, 9, EntryKind.NOOP, b"", b"h" * 32, level=LEVEL + 1)
        self.patch(member.log, "ready", lambda: Ready(committed=(entry,)))
        self.assertIn("of level 2", str(self.assertRaises(CannotApply, member.turn, self.cluster.now)))
