from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import Operation
from bulletin.core.raft.messages import Forward, ReadIndex, TimeoutNow
from bulletin.core.server.notices import Notices
from bulletin.core.server.peers import CHECKPOINTS_KEPT, Checkpoints, Difference, Peers, split
from bulletin.core.wire.peers import MESSAGES_MAX, Checkpoint, PeerFrame

A, B, C, D = (letter * 16 for letter in (b"a", b"b", b"c", b"d"))
DOCUMENT = FoundingDocument(
    b"k" * 16,
    tuple(
        Member(member, name, f"tcp://127.0.0.1:{port}", rank)
        for rank, (member, name, port) in enumerate(
            ((A, "alfa", 5561), (B, "beta", 5562), (C, "gama", 5563)), 1
        )
    ),
)
NOW = Instant(0.0, 0.0)


class PeersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notices = Notices()
        self.peers = Peers(DOCUMENT, A, self.notices)
        self.clock = 0

    def stamp(self) -> tuple[int, float]:
        self.clock += 1
        return self.clock, 5.0

    def frame(self, **changes: Any) -> PeerFrame:
        values: dict[str, Any] = {
            "cluster": DOCUMENT.cluster,
            "group": 0,
            "sender": B,
            "recipient": A,
            "messages": (TimeoutNow(1),),
            "clock": 1,
            "timestamp": 1.0,
        }
        return PeerFrame(**{**values, **changes})

    def test_messages_of_one_turn_to_one_server_are_one_frame(self) -> None:
        for recipient, message in ((B, TimeoutNow(1)), (C, ReadIndex(1, 1)), (B, ReadIndex(1, 2))):
            self.peers.send(recipient, message)
        self.assertEqual(
            self.peers.take(self.stamp),
            [
                PeerFrame(DOCUMENT.cluster, 0, A, B, (TimeoutNow(1), ReadIndex(1, 2)), 1, 5.0),
                PeerFrame(DOCUMENT.cluster, 0, A, C, (ReadIndex(1, 1),), 2, 5.0),
            ],
        )
        self.assertEqual(self.peers.take(self.stamp), [])

    def test_frames_that_are_none_of_this_servers_business_are_dropped_and_counted(self) -> None:
        self.assertTrue(self.peers.accept(self.frame(), NOW))
        for changes in (
            {"cluster": b"x" * 16},
            {"group": 1},
            {"recipient": B},
            {"sender": D},
            {"sender": A},
        ):
            self.assertFalse(self.peers.accept(self.frame(**changes), NOW), changes)
        self.assertEqual(self.peers.dropped, 5)
        self.assertEqual(len(self.notices.take()), 1, "one line, not five")

    def test_a_checkpoint_is_told_once_to_each_fellow(self) -> None:
        checkpoint = Checkpoint(1024, b"1" * 32)
        self.peers.checkpoints.reached(1024, checkpoint.digest)
        self.peers.send(B, TimeoutNow(1))
        told = [
            (frame.recipient, frame.checkpoint, len(frame.messages)) for frame in self.peers.take(self.stamp)
        ]
        self.assertEqual(told, [(B, checkpoint, 1), (C, checkpoint, 0)])
        self.peers.send(B, TimeoutNow(1))
        self.assertEqual([frame.checkpoint for frame in self.peers.take(self.stamp)], [None])

    def test_names(self) -> None:
        self.assertEqual(
            [self.peers.name(member) for member in (A, C, D, None)], ["alfa", "gama", None, None]
        )


class SplitTests(SynchronousTestCase):
    def forward(self, size: int) -> Forward:
        return Forward(1, (Operation(b"k" * 16, b"x" * size),))

    def test_by_bytes(self) -> None:
        half = self.forward(BATCH_BYTES_MAX // 2)
        small = self.forward(0)
        huge = self.forward(BATCH_BYTES_MAX + 1)
        self.assertEqual(split([half, small, half, huge, small]), [[half, small], [half], [huge], [small]])

    def test_by_number(self) -> None:
        self.assertEqual([len(run) for run in split([TimeoutNow(1)] * (MESSAGES_MAX + 1))], [MESSAGES_MAX, 1])


class CheckpointsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.checkpoints = Checkpoints(3)

    def told(self, member: bytes, index: int, digest: bytes) -> None:
        self.checkpoints.told(member, Checkpoint(index, digest * 32))

    def test_equal_digests_are_no_difference(self) -> None:
        self.checkpoints.reached(1024, b"1" * 32)
        self.told(B, 1024, b"1")
        self.told(C, 1024, b"1")
        self.assertIsNone(self.checkpoints.differing())

    def test_one_fellow_that_differs_is_no_majority(self) -> None:
        self.checkpoints.reached(1024, b"1" * 32)
        self.told(B, 1024, b"2")
        self.assertEqual(self.checkpoints.differing(), Difference(1024, majority=False))
        self.told(C, 1024, b"3")
        self.assertEqual(self.checkpoints.differing(), Difference(1024, majority=False))

    def test_two_fellows_that_agree_against_this_server_are(self) -> None:
        self.told(B, 1024, b"2")
        self.told(C, 1024, b"2")
        self.assertIsNone(self.checkpoints.differing(), "this server has not come so far")
        self.checkpoints.reached(1024, b"1" * 32)
        self.assertEqual(self.checkpoints.differing(), Difference(1024, majority=True))

    def test_of_several_differences_the_one_of_a_majority_counts(self) -> None:
        for index in (1024, 2048):
            self.checkpoints.reached(index, b"1" * 32)
            self.told(B, index, b"2")
        self.told(C, 2048, b"2")
        self.assertEqual(self.checkpoints.differing(), Difference(2048, majority=True))

    def test_bounded(self) -> None:
        for index in range(3 * CHECKPOINTS_KEPT):
            self.checkpoints.reached(index, b"1" * 32)
            self.told(B, index, b"1")
        self.assertEqual(len(self.checkpoints._own), CHECKPOINTS_KEPT)
        self.assertEqual(len(self.checkpoints._told), CHECKPOINTS_KEPT)
