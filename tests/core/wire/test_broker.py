"""What a broker and a server say to each other: both ways, and whatever else comes."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core import codec
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import FRAME_BYTES_MAX
from bulletin.core.wire.broker import (
    LATER,
    SUCCESS,
    BrokerHeartbeat,
    Replies,
    Reply,
    Request,
    Requests,
    ServerDraining,
    ServerHeartbeat,
    ServerReady,
    decode,
    encode,
)

ID = bytes(range(16))
MESSAGES = [
    ServerReady("s1", 7, 3, 1700000000.5),
    ServerHeartbeat(7, 4, 1700000000.5),
    ServerDraining(2**63 - 1, 2**53, 0.0),
    BrokerHeartbeat(0, 1, 1700000000.5),
    BrokerHeartbeat(7, 1, 1700000000.5),
    Requests(7, (), 1, 1700000000.5),
    Requests(7, (Request(ID, 1, 4500, b"body"), Request(ID[::-1], 2, 0, b"")), 1, 1700000000.5),
    Replies(7, (Reply(ID, 1, SUCCESS, b"reply"), Reply(ID[::-1], 3, LATER, b"")), 9, 1700000000.5),
]


def tampered(message, **changes):
    """The frame of a message with other values in its inner map; a value of ``...`` leaves the field out."""
    outer = codec.unpack(encode(message), bytes_max=10**6, nesting_max=9, items_max=1000)
    for key, value in changes.items():
        if value is ...:
            del outer["data"][key]
        else:
            outer["data"][key] = value
    return codec.pack(outer)


class BothWays(SynchronousTestCase):
    def test_every_message(self):
        """What was encoded is decoded to the same value."""
        for message in MESSAGES:
            self.assertEqual(decode(encode(message)), message)

    def test_stamped(self):
        """Each message has the Lamport clock and the time in its inner map."""
        for message in MESSAGES:
            data = codec.unpack(encode(message), bytes_max=10**6, nesting_max=9, items_max=1000)["data"]
            self.assertEqual((data["clock"], data["timestamp"]), (message.clock, message.timestamp))

    def test_bytes(self):
        """The bytes of a heartbeat, so that a change of the wire does not pass unseen."""
        self.assertEqual(
            encode(BrokerHeartbeat(5, 2, 1.0)),
            b"\x82\xa7service\xa9heartbeat\xa4data\x83\xa9conhecida\x05\xa5clock\x02"
            b"\xa9timestamp\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
        )

    def test_unknown_fields_are_ignored(self):
        """A newer peer may say more."""
        for message in MESSAGES:
            self.assertEqual(decode(tampered(message, novidade=1)), message)


class Refused(SynchronousTestCase):
    def assert_refused(self, frame, code=Code.MALFORMED):
        refusal = self.assertRaises(Refusal, decode, frame)
        self.assertIs(refusal.code, code)

    def test_no_map(self):
        for value in (None, 1, [], "x", {"service": "ready", "data": 7}):
            self.assert_refused(codec.pack(value))
        self.assert_refused(codec.pack({"service": "ready"}))

    def test_unknown_service(self):
        for service in (None, 4, b"ready", "READY", ["ready"]):
            self.assert_refused(
                codec.pack({"service": service, "data": {"clock": 1, "timestamp": 1.0}}),
                Code.UNKNOWN_OPERATION,
            )

    def test_stamps(self):
        """A missing clock, a clock out of range, a timestamp that is no float."""
        for message in MESSAGES:
            for clock in (..., None, -1, 2**53 + 1, 1.0, True, "1"):
                self.assert_refused(tampered(message, clock=clock))
            for timestamp in (..., None, 1, "1", True, float("nan"), float("inf")):
                self.assert_refused(tampered(message, timestamp=timestamp))

    def test_sessions(self):
        for message in MESSAGES:
            if isinstance(message, BrokerHeartbeat):
                continue
            for session in (..., None, 0, -1, 2**63, 1.0, True, "1"):
                self.assert_refused(tampered(message, sessao=session))
        for known in (None, -1, 2**63, 1.0, False, "1"):
            self.assert_refused(tampered(BrokerHeartbeat(5, 2, 1.0), conhecida=known))

    def test_names(self):
        for name in (..., None, "", "n" * 65, "é" * 33, b"s1", 1):
            self.assert_refused(tampered(MESSAGES[0], user=name))

    def test_rows(self):
        """One wrong row spoils the frame: nobody of ours sends such."""
        good = [ID, 1, 0, b""]
        for row in (
            None,
            [],
            good[:3],
            [*good, 1],
            [ID[1:], 1, 0, b""],
            [ID.decode("latin-1"), 1, 0, b""],
            [ID, 0, 0, b""],
            [ID, -1, 0, b""],
            [ID, 2**31, 0, b""],
            [ID, True, 0, b""],
            [ID, 1.0, 0, b""],
            [ID, 1, -1, b""],
            [ID, 1, 2**31, b""],
            [ID, 1, None, b""],
            [ID, 1, 0, "text"],
            [ID, 1, 0, None],
        ):
            self.assert_refused(tampered(Requests(7, (), 1, 1.0), pedidos=[good, row]))
            self.assert_refused(tampered(Replies(7, (), 1, 1.0), respostas=[good, row]))
        self.assert_refused(tampered(Replies(7, (), 1, 1.0), respostas=[[ID, 1, 3, b""]]))
        for rows in (..., None, {}, b"", 1):
            self.assert_refused(tampered(Requests(7, (), 1, 1.0), pedidos=rows))

    def test_large(self):
        """A frame above the bound is refused unread."""
        self.assert_refused(bytes(FRAME_BYTES_MAX + 1), Code.TOO_LARGE)
