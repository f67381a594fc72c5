import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.limits import HEADS_PER_FRAME_MAX
from bulletin.core.server.publisher import BEACON, HEADS_MAX, RECENT, Publisher
from bulletin.core.wire.publications import Election, Head, Heads, Publication, Published, read

POST = Post(
    kind=StreamKind.CHANNEL,
    stream="geral",
    seq=3,
    position=5 << 16 | 1,
    id="i",
    user="ana",
    message="oi",
    salt=b"s" * 16,
    timestamp=1.0,
    sent=None,
    clock=9,
    received=2.0,
    uncertainty=None,
    chain=b"c" * 32,
)


class PublisherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publisher = Publisher(LamportClock())

    def take(self) -> list[Publication]:
        return [read(*frames) for frames in self.publisher.take()]

    def test_a_post_is_published_under_its_stream(self) -> None:
        self.publisher.publish(POST)
        ((topic, body),) = self.publisher.take()
        self.assertEqual(topic, b"geral")
        published = read(topic, body)
        assert isinstance(published, Published)
        self.assertEqual((published.seq, published.message), (3, "oi"))
        self.assertIn(b"service", body)
        self.assertEqual(self.publisher.published, 1)

    def test_flat(self) -> None:
        self.publisher = Publisher(LamportClock(), flat_only=True)
        self.publisher.publish(POST)
        ((_, body),) = self.publisher.take()
        self.assertNotIn(b"service", body)

    def test_a_new_leader_announces_itself(self) -> None:
        self.publisher.elected("alfa", Instant(0.0, 5.0))
        self.assertEqual(self.take(), [Election("alfa", 1, 5.0)])

    def test_the_leader_tells_heads_that_changed_lately(self) -> None:
        self.publisher.changed(POST, Instant(10.0, 0.0))
        self.publisher.changed(attrs.evolve(POST, seq=4), Instant(10.5, 0.0))
        self.publisher.tick(Instant(10.5, 7.0), leads=True)
        heads = Heads((Head(StreamKind.CHANNEL, "geral", 4),), 1, 7.0)
        self.assertEqual(self.take(), [heads])
        self.publisher.tick(Instant(10.5 + BEACON / 2, 7.0), leads=True)
        self.assertEqual(self.take(), [])
        self.publisher.tick(Instant(10.5 + BEACON, 7.0), leads=True)
        self.assertEqual(self.take(), [attrs.evolve(heads, clock=2)])
        self.publisher.tick(Instant(10.5 + RECENT, 7.0), leads=True)
        self.assertEqual(self.take(), [])

    def test_others_keep_them_in_case_they_come_to_lead(self) -> None:
        self.publisher.changed(POST, Instant(10.0, 0.0))
        self.publisher.tick(Instant(11.0, 0.0), leads=False)
        self.assertEqual(self.take(), [])
        self.publisher.tick(Instant(11.0 + BEACON, 0.0), leads=True)
        self.assertEqual(len(self.take()), 1)

    def test_many_heads_come_in_chunks_and_are_bounded(self) -> None:
        for number in range(HEADS_MAX + 10):
            self.publisher.changed(attrs.evolve(POST, stream=f"c{number}"), Instant(0.0, 0.0))
        self.publisher.tick(Instant(1.0, 0.0), leads=True)
        frames = self.take()
        self.assertEqual(len(frames), HEADS_MAX // HEADS_PER_FRAME_MAX)
        told = [head.stream for frame in frames if isinstance(frame, Heads) for head in frame.heads]
        self.assertEqual((len(told), told[0]), (HEADS_MAX, "c10"))
