from random import Random
from typing import Any

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.commands import Command, Kind, OperationId, Scope, decode
from bulletin.core.clocks.corrected import CorrectedClock
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code
from bulletin.core.server.admission import PROPOSAL_SECONDS, SALTS_AT_ONCE, Admission, Admitted, Refused
from bulletin.core.wire.broker import Request
from bulletin.core.wire.requests import History, ListUsers

NOW = Instant(50.0, 1_700_000_000.0)
BROKER_ID = bytes(range(16))


class AdmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lamport = LamportClock(100)
        self.admission = Admission(self.lamport, CorrectedClock(NOW, offset=5.0), Random(1).randbytes)

    def admit(self, service: str, /, left: int = 4000, attempt: int = 1, **data: Any) -> Admitted | Refused:
        body = msgpack.packb({"service": service, "data": data})
        return self.admission.admit(2, Request(BROKER_ID, attempt, left, body), NOW)

    def command(self, service: str, **data: Any) -> Command:
        admitted = self.admit(service, **data)
        assert isinstance(admitted, Admitted)
        assert admitted.payload is not None
        return decode(admitted.payload)

    def test_each_write_is_a_command(self) -> None:
        login = self.command("login", user="ana")
        self.assertEqual((login.kind, login.user, login.target, login.message), (Kind.LOGIN, "ana", "", ""))
        channel = self.command("channel", canal="geral", user="ana")
        self.assertEqual((channel.kind, channel.user, channel.target), (Kind.CREATE_CHANNEL, "ana", "geral"))
        post = self.command("publish", user="ana", canal="geral", message="oi")
        self.assertEqual(
            (post.kind, post.user, post.target, post.message), (Kind.PUBLISH, "ana", "geral", "oi")
        )
        private = self.command("message", src="ana", dst="bia", message="psst")
        self.assertEqual((private.kind, private.user, private.target), (Kind.SEND, "ana", "bia"))

    def test_queries_have_no_payload(self) -> None:
        for service, data, kind in (
            ("users", {}, ListUsers),
            ("history", {"canal": "geral"}, History),
        ):
            admitted = self.admit(service, **data)
            assert isinstance(admitted, Admitted)
            self.assertIsNone(admitted.payload)
            self.assertIsInstance(admitted.request, kind)

    def test_the_requests_own_id_counts_within_its_user_else_the_brokers_in_a_scope_of_its_own(self) -> None:
        own = self.command("publish", user="ana", canal="geral", message="oi", id="x")
        self.assertEqual(own.operation, OperationId(Scope.USER, "ana", "x"))
        other = self.command("publish", user="ana", canal="geral", message="oi")
        self.assertEqual(other.operation, OperationId(Scope.BROKER, "", BROKER_ID.hex()))

    def test_stamps(self) -> None:
        first = self.command("publish", user="ana", canal="geral", message="oi", clock=200)
        self.assertEqual(
            (first.stamp.clock, first.stamp.time, first.stamp.bound), (201, NOW.wall + 5.0, None)
        )
        second = self.command("publish", user="ana", canal="geral", message="oi", clock=None)
        self.assertEqual(second.stamp.clock, 202)
        self.assertNotEqual(first.salt, second.salt)

    def test_salts_are_never_used_twice(self) -> None:
        salts = {self.command("login", user="ana").salt for _ in range(3 * SALTS_AT_ONCE)}
        self.assertEqual(len(salts), 3 * SALTS_AT_ONCE)

    def test_the_senders_time_or_the_boards(self) -> None:
        sent = self.command("login", user="ana", timestamp=12.5)
        self.assertEqual((sent.timestamp, sent.sent), (12.5, None))
        whole = self.command("login", user="ana", timestamp=12)
        self.assertEqual((whole.timestamp, whole.sent), (12.0, 12))
        for strange in ([1], "yesterday", None):
            command = self.command("login", user="ana", timestamp=strange)
            self.assertEqual(command.timestamp, NOW.wall + 5.0)

    def test_what_is_refused_moves_no_clock(self) -> None:
        refused = self.admit("publish", user="ana", canal="geral", message="oi", clock=-1)
        assert isinstance(refused, Refused)
        self.assertEqual(refused.refusal.code, Code.INVALID_CLOCK)
        forged = self.admission.admit(
            0, Request(BROKER_ID, 1, 4000, msgpack.packb({"service": "login", "replicado": True})), NOW
        )
        assert isinstance(forged, Refused)
        self.assertEqual(forged.refusal.code, Code.REPLICATED_FORBIDDEN)
        self.assertEqual(self.lamport.value, 100)

    def test_deadlines(self) -> None:
        long = self.admit("users", left=4400).caller
        self.assertEqual(long.deadline, NOW.monotonic + PROPOSAL_SECONDS)
        short = self.admit("users", left=1100).caller
        self.assertAlmostEqual(short.deadline, NOW.monotonic + 1.0)
        self.assertLessEqual(self.admit("users", left=0).caller.deadline, NOW.monotonic)

    def test_a_refusal_is_definite_on_the_first_attempt_only(self) -> None:
        first, second = self.admit("users").caller, self.admit("users", attempt=2).caller
        self.assertTrue(first.refusal(Code.NO_LEADER, harmless=True).definite)
        self.assertFalse(first.refusal(Code.NO_LEADER, harmless=False).definite)
        self.assertFalse(second.refusal(Code.NO_LEADER, harmless=True).definite)

    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(st.binary(max_size=200))
    def test_any_bytes(self, body: bytes) -> None:
        self.setUp()
        ended = self.admission.admit(0, Request(BROKER_ID, 1, 4000, body), NOW)
        self.assertIsInstance(ended, Admitted | Refused)

    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(
        st.sampled_from(["publish", "message", "login", "channel"]),
        st.dictionaries(
            st.sampled_from(["user", "canal", "message", "dst", "timestamp", "clock", "id", "src"]),
            st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=70) | st.booleans(),
        ),
    )
    def test_what_is_admitted_can_be_read_from_the_log(self, service: str, data: dict[str, Any]) -> None:
        self.setUp()
        ended = self.admit(service, **data)
        if isinstance(ended, Admitted):
            assert ended.payload is not None
            decode(ended.payload)
