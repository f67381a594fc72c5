"""A caller and a reader that feed each other, over a board that the test plays."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Finished
from bulletin.core.client.exchange import Exchange
from bulletin.core.client.reader import Caught, Delivered
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire import publications, replies, requests
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import LoggedIn, PublishedPage
from bulletin.core.wire.requests import Login

NOW = Instant(10.0, 1.7e9)
GERAL = Stream(StreamKind.CHANNEL, "geral")


def post(seq):
    return Published(StreamKind.CHANNEL, "geral", seq, f"i{seq}", "ana", "oi", 1.0, None, seq, 1.0, 0.1)


class ExchangeTests(SynchronousTestCase):
    def setUp(self):
        self.sent = []
        self.exchange = Exchange("00ff", 1, 5.0, self.sent.append)
        self.heard = []
        self.exchange.heard = self.heard.append

    def answer(self, result):
        """Answer what was sent last."""
        heading = requests.read(self.sent[-1].body).heading
        self.exchange.received(0, [replies.write(heading, result, 7, 1.7e9)], NOW)
        self.exchange.turn(NOW)

    def test_an_answer_goes_to_who_waits(self):
        told = []
        self.exchange.call(Login("ana"), told.append, NOW)
        self.exchange.turn(NOW)
        self.answer(LoggedIn(False))
        self.assertEqual([finished.outcome for finished in told], [LoggedIn(False)])

    def test_what_is_called_in_an_answer_goes_out_in_the_same_turn(self):
        inner = []

        def again(finished: Finished) -> None:
            self.exchange.call(Login("bia"), inner.append, NOW)
            inner.append(self.exchange.turn(NOW))

        self.exchange.call(Login("ana"), again, NOW)
        self.exchange.turn(NOW)
        self.answer(LoggedIn(False))
        self.assertEqual(inner, [False])
        self.assertEqual(len(self.sent), 2)

    def test_a_stream_is_followed_through_calls(self):
        self.exchange.follow(GERAL, NOW, since=0)
        self.exchange.turn(NOW)
        self.answer(PublishedPage((post(1),), False))
        self.exchange.published(*publications.write_post(post(2)), NOW)
        self.exchange.turn(NOW)
        self.assertEqual(self.heard, [Delivered(GERAL, post(1)), Caught(GERAL), Delivered(GERAL, post(2))])

    def test_a_gap_is_fetched_when_its_time_has_come(self):
        self.exchange.follow(GERAL, NOW, since=0)
        self.exchange.turn(NOW)
        self.answer(PublishedPage((), False))
        self.exchange.exists(GERAL, 1, NOW)
        self.exchange.turn(NOW)
        self.assertEqual(len(self.sent), 1)
        later = Instant(10.5, 1.7e9)
        self.exchange.tick(later)
        self.exchange.turn(later)
        self.assertEqual(len(self.sent), 2)

    def test_what_is_no_single_frame_is_no_reply(self):
        told = []
        self.exchange.call(Login("ana"), told.append, NOW)
        self.exchange.turn(NOW)
        heading = requests.read(self.sent[-1].body).heading
        body = replies.write(heading, LoggedIn(False), 7, 1.7e9)
        self.exchange.received(0, [body, b""], NOW)
        self.exchange.received(0, [], NOW)
        self.exchange.turn(NOW)
        self.assertEqual(told, [])

    def test_after_the_end_nobody_is_told(self):
        told = []
        self.exchange.call(Login("ana"), told.append, NOW)
        self.exchange.turn(NOW)
        self.exchange.close()
        self.answer(LoggedIn(False))
        self.assertEqual(told, [])
