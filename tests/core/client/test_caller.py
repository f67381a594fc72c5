"""The caller by scripted schedules: sent again until somebody answers, and told what became of it."""

import itertools

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.client.caller import CALLS_MAX, RESEND, Caller, Finished, Unreachable
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX
from bulletin.core.wire import replies, requests
from bulletin.core.wire.replies import ChannelCreated, LoggedIn, Posted, Receipt
from bulletin.core.wire.requests import CreateChannel, Login, Publish

WALL = 1_700_000_000.0
TIMEOUT = 5.0


class Bench:
    """A caller, its clock, and brokers that say what the test lets them."""

    def __init__(self, brokers=1):
        self.now = Instant(10.0, WALL)
        self.clock = LamportClock()
        self.caller = Caller("00ff", brokers, self.clock)
        self.sent = []
        self.finished = []

    def turn(self):
        while ready := self.caller.ready():
            self.sent.extend((send.broker, send.body) for send in ready.sends)
            self.finished.extend(ready.finished)

    def call(self, request=None, timeout=TIMEOUT, id_=None):
        number = self.caller.call(request or Login("ana"), timeout, self.now, id=id_)
        self.turn()
        return number

    def pass_time(self, seconds, step=0.05):
        end = self.now.monotonic + seconds
        while self.now.monotonic < end - 1e-9:
            moment = min(step, end - self.now.monotonic)
            self.now = Instant(self.now.monotonic + moment, self.now.wall + moment)
            self.caller.tick(self.now)
            self.turn()

    def answer(self, outcome=None, *, broker=0, body=None, clock=7):
        """A broker's reply to what was sent last, or to ``body``."""
        heading = requests.read(body or self.sent[-1][1]).heading
        outcome = LoggedIn(existing=False) if outcome is None else outcome
        write = replies.refuse if isinstance(outcome, Refusal) else replies.write
        self.caller.receive(broker, write(heading, outcome, clock, WALL), self.now)
        self.turn()

    @property
    def brokers(self):
        return [broker for broker, _ in self.sent]


class Named(SynchronousTestCase):
    def test_to_be_settled(self):
        """A request keeps its id from one call, and one process, to the next."""
        bench = Bench()
        first = Bench().caller.next_id()
        number = bench.call(id_=first)
        self.assertEqual(requests.read(bench.sent[-1][1]).heading.id, first)
        bench.answer()
        self.assertEqual(bench.finished, [Finished(number, LoggedIn(existing=False))])
        bench.call(id_=first)
        bench.answer(LoggedIn(existing=True))
        self.assertEqual(len(bench.finished), 2)

    def test_no_id_twice(self):
        """Neither by calls nor by those that were only drawn."""
        caller = Bench().caller
        drawn = [caller.next_id(), caller.next_id()]
        bench = Bench()
        bench.caller = caller
        bench.call()
        self.assertNotIn(requests.read(bench.sent[-1][1]).heading.id, drawn)

    def test_given_up_by_number(self):
        """Whatever its id: what comes of it is not told."""
        bench = Bench()
        bench.caller.give_up(bench.call(id_="mine"))
        bench.answer()
        self.assertEqual((bench.finished, len(bench.caller)), ([], 0))


class Answered(SynchronousTestCase):
    def test_result(self):
        """A reply ends the call, and nothing more is sent."""
        bench = Bench()
        number = bench.call()
        bench.answer()
        self.assertEqual(bench.finished, [Finished(number, LoggedIn(existing=False))])
        bench.pass_time(10)
        self.assertEqual(len(bench.sent), 1)
        self.assertEqual(len(bench.caller), 0)

    def test_request(self):
        """What is sent is the request, stamped, with an id of the session that rises."""
        bench = Bench()
        for expected in ("00ff:1", "00ff:2"):
            bench.call(Publish("ana", "geral", "oi"))
            incoming = requests.read(bench.sent[-1][1])
            self.assertEqual(incoming.request, Publish("ana", "geral", "oi"))
            self.assertEqual((incoming.heading.id, incoming.timestamp), (expected, WALL))
        self.assertEqual(incoming.clock, 2)

    def test_clock(self):
        """A reply's clock is merged."""
        bench = Bench()
        bench.call()
        bench.answer(clock=41)
        bench.call()
        self.assertEqual(requests.read(bench.sent[-1][1]).clock, 42)

    def test_clock_of_an_old_board(self):
        """The first answer's is taken however far ahead it is; later ones, and what answers nothing, only so far."""
        bench = Bench()
        bench.call()
        body = bench.sent[-1][1]
        stray = requests.write(Login("ana"), clock=1, timestamp=WALL, id="other")
        bench.answer(clock=2**40, body=stray)
        self.assertEqual(bench.clock.value, 1)
        bench.answer(clock=2**30, body=body)
        self.assertEqual(bench.clock.value, 2**30)
        bench.call()
        bench.answer(clock=2**40)
        self.assertEqual(bench.clock.value, 2**30 + 1)

    def test_clock_that_leaves_no_room(self):
        """The largest legal clock, taken, would have the next request refused."""
        bench = Bench()
        bench.call()
        bench.answer(clock=CLOCK_MAX)
        self.assertEqual(bench.clock.value, 1)

    def test_in_any_order(self):
        """Replies are matched by their ids."""
        bench = Bench()
        first, second = bench.call(), bench.call(CreateChannel("ana", "geral"))
        bodies = [body for _, body in bench.sent]
        bench.answer(ChannelCreated(existing=True), body=bodies[1])
        bench.answer(body=bodies[0])
        self.assertEqual([finished.call for finished in bench.finished], [second, first])

    def test_refusal(self):
        """A refusal that no other try can overcome is the answer, with the board's sentence."""
        bench = Bench()
        bench.call()
        bench.answer(Refusal(Code.NAME_IN_USE, "user"))
        (finished,) = bench.finished
        self.assertEqual(finished.outcome, Refusal(Code.NAME_IN_USE, "user"))
        self.assertEqual(finished.sentence, Refusal(Code.NAME_IN_USE).sentence())

    def test_expired(self):
        """An id that is too old is not tried again, and stays in doubt."""
        bench = Bench()
        bench.call()
        bench.answer(Refusal(Code.ID_EXPIRED))
        self.assertEqual([finished.outcome for finished in bench.finished], [Refusal(Code.ID_EXPIRED)])

    def test_refused_here(self):
        """What the board would refuse for its content is refused without a word to it, by the same rules."""
        bench = Bench()
        bench.call(Publish("ana", "geral", ""))
        bench.call(Login("servers"))
        bench.call(Publish("ana", "geral", "x" * 70_000))
        self.assertEqual(bench.sent, [])
        self.assertEqual(
            [finished.outcome for finished in bench.finished],
            [
                Refusal(Code.INVALID_FIELD, "message", Reason.EMPTY),
                Refusal(Code.RESERVED_NAME, "user"),
                Refusal(Code.INVALID_FIELD, "message", Reason.TOO_LONG),
            ],
        )

    def test_too_many(self):
        """Calls are bounded; what is above is refused as a broker would."""
        bench = Bench()
        for _ in range(CALLS_MAX + 1):
            bench.call()
        self.assertEqual(len(bench.caller), CALLS_MAX)
        self.assertEqual([finished.outcome for finished in bench.finished], [Refusal(Code.OVERLOADED)])


class Silence(SynchronousTestCase):
    def test_sent_again(self):
        """The same bytes go out again, until somebody answers."""
        bench = Bench()
        bench.call()
        bench.pass_time(RESEND + 0.1)
        self.assertEqual(len(bench.sent), 2)
        self.assertEqual(bench.sent[0], bench.sent[1])
        bench.answer()
        self.assertEqual(len(bench.finished), 1)
        self.assertEqual(bench.caller.counters.resent, 1)

    def test_in_turn(self):
        """Each time to the next broker; a new call begins at the one that is not silent."""
        bench = Bench(3)
        bench.call()
        bench.pass_time(2 * RESEND + 0.1)
        self.assertEqual(bench.brokers, [0, 1, 2])
        bench.call()
        self.assertEqual(bench.brokers, [0, 1, 2, 2])

    def test_more_patience(self):
        """A board that is late for want of time gets a request again more and more seldom."""
        bench = Bench(1)
        bench.call(timeout=100.0)
        times = []
        for _ in range(4):
            before, sent = bench.now.monotonic, len(bench.sent)
            while len(bench.sent) == sent:
                bench.pass_time(0.05)
            times.append(bench.now.monotonic - before)
        self.assertTrue(all(later > 1.3 * sooner for sooner, later in itertools.pairwise(times)), times)

    def test_the_one_that_answers(self):
        """The broker that answered is asked first the next time."""
        bench = Bench(3)
        bench.call()
        bench.pass_time(RESEND + 0.1)
        bench.answer(broker=1)
        bench.call()
        self.assertEqual(bench.brokers, [0, 1, 1])

    def test_unreachable(self):
        """Nobody answers: that is what is said, when time is up."""
        bench = Bench(2)
        number = bench.call()
        bench.pass_time(TIMEOUT - 0.1)
        self.assertEqual(bench.finished, [])
        bench.pass_time(0.2)
        self.assertEqual(bench.finished, [Finished(number, Unreachable())])
        bench.pass_time(5)
        self.assertEqual(bench.brokers, [0, 1, 0, 1])

    def test_late_reply(self):
        """A reply to a call that has ended is dropped."""
        bench = Bench()
        bench.call()
        bench.pass_time(TIMEOUT + 0.1)
        bench.answer(body=bench.sent[0][1])
        self.assertEqual(len(bench.finished), 1)
        self.assertEqual(bench.caller.counters.stray, 1)

    def test_two_replies(self):
        """The request was sent twice and answered twice: the second reply is dropped."""
        bench = Bench(2)
        bench.call()
        bench.pass_time(RESEND + 0.1)
        bench.answer(broker=1)
        bench.answer(Refusal(Code.TIMED_OUT), broker=0)
        self.assertEqual([finished.outcome for finished in bench.finished], [LoggedIn(existing=False)])

    def test_given_up(self):
        """A call that nobody waits for any more ends silently."""
        bench = Bench()
        bench.caller.give_up(bench.call())
        bench.answer()
        bench.pass_time(TIMEOUT + 1)
        self.assertEqual((bench.finished, len(bench.sent)), ([], 1))


class TryAgain(SynchronousTestCase):
    def test_another_broker_at_once(self):
        """A refusal of the moment: the other broker is asked in the same turn."""
        bench = Bench(2)
        bench.call()
        bench.answer(Refusal(Code.NO_SERVERS))
        self.assertEqual(bench.brokers, [0, 1])
        bench.answer(broker=1)
        self.assertEqual(len(bench.finished), 1)

    def test_all_refuse(self):
        """All brokers refuse: a pause, then another round."""
        bench = Bench(2)
        bench.call()
        bench.answer(Refusal(Code.OVERLOADED))
        bench.answer(Refusal(Code.OVERLOADED), broker=1)
        self.assertEqual(bench.brokers, [0, 1])
        bench.pass_time(0.9)
        self.assertEqual(bench.brokers, [0, 1])
        bench.pass_time(0.2)
        self.assertEqual(bench.brokers, [0, 1, 0])
        self.assertEqual(bench.finished, [])

    def test_answers_that_come_twice(self):
        """Each refusal above the sendings would make one more sending, and that two answers, and so on."""
        bench = Bench(brokers=2)
        bench.call()
        for broker in (0, 0, 1, 1, 0, 1):
            bench.answer(Refusal(Code.NO_LEADER), broker=broker)
        self.assertEqual(bench.brokers, [0, 1])
        self.assertEqual(bench.caller.counters.stray, 4)

    def test_refused_for_hours(self):
        bench = Bench(brokers=1)
        bench.call(timeout=7200.0)
        for _ in range(2000):
            bench.answer(Refusal(Code.NO_LEADER))
            bench.pass_time(3.0, step=3.0)
        self.assertEqual(len(bench.sent), 2001)

    def test_until_time_is_up(self):
        """Still refused near the deadline: the last refusal is the answer, without waiting for nothing."""
        bench = Bench()
        bench.call()
        for _ in range(20):
            if bench.finished:
                break
            bench.answer(Refusal(Code.NO_LEADER))
            bench.pass_time(1.05)
        self.assertEqual([finished.outcome for finished in bench.finished], [Refusal(Code.NO_LEADER)])
        self.assertLess(bench.now.monotonic, 10.0 + TIMEOUT + 1.1)
        self.assertEqual(len(bench.sent), 5)

    def test_in_doubt(self):
        """Once the outcome was unknown, a later refusal of the moment is not definite."""
        bench = Bench()
        bench.call(timeout=2.0)
        bench.answer(Refusal(Code.TIMED_OUT))
        bench.pass_time(1.1)
        bench.answer(Refusal(Code.NO_LEADER))
        bench.pass_time(2.0)
        (finished,) = bench.finished
        self.assertEqual((finished.outcome.code, finished.outcome.definite), (Code.NO_LEADER, False))

    def test_unanswered_sending(self):
        """While an earlier sending may still take effect, a refusal of the moment is not definite."""
        bench = Bench(2)
        bench.call()
        bench.pass_time(RESEND + 0.1)
        for _ in range(4):
            bench.answer(Refusal(Code.NO_SERVERS), broker=1)
        bench.pass_time(TIMEOUT)
        (finished,) = bench.finished
        self.assertEqual((finished.outcome.code, finished.outcome.definite), (Code.NO_SERVERS, False))

    def test_all_sendings_refused(self):
        """Each sending was refused definitely: so is the call."""
        bench = Bench(2)
        bench.call(timeout=0.5)
        bench.answer(Refusal(Code.NO_SERVERS))
        bench.answer(Refusal(Code.OVERLOADED), broker=1)
        self.assertEqual([finished.outcome for finished in bench.finished], [Refusal(Code.OVERLOADED)])

    def test_content_after_doubt(self):
        """What is wrong in the request itself is definite whatever was before."""
        bench = Bench()
        bench.call()
        bench.answer(Refusal(Code.TIMED_OUT))
        bench.pass_time(1.1)
        bench.answer(Refusal(Code.NO_SUCH_CHANNEL))
        self.assertEqual([finished.outcome.definite for finished in bench.finished], [True])


class Junk(SynchronousTestCase):
    def test_of_another_operation(self):
        """A reply with the right id to another operation is none."""
        bench = Bench()
        bench.call()
        heading = requests.read(
            requests.write(CreateChannel("", "x"), clock=1, timestamp=1.0, id="00ff:1")
        ).heading
        bench.caller.receive(0, replies.write(heading, ChannelCreated(existing=False), 1, 1.0), bench.now)
        bench.turn()
        self.assertEqual(bench.finished, [])
        self.assertEqual(bench.caller.counters.malformed, 1)

    def test_of_another_session(self):
        bench = Bench()
        bench.call()
        heading = requests.read(requests.write(Login("ana"), clock=1, timestamp=1.0, id="abcd:1")).heading
        bench.caller.receive(0, replies.write(heading, LoggedIn(existing=False), 1, 1.0), bench.now)
        self.assertEqual(bench.caller.counters.stray, 1)

    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(st.binary(max_size=100))
    def test_any_bytes(self, body):
        bench = Bench()
        bench.call()
        bench.caller.receive(0, body, bench.now)
        bench.turn()
        self.assertEqual(bench.finished, [])

    def test_posted(self):
        """A post's result has its receipt."""
        bench = Bench()
        bench.call(Publish("ana", "geral", "oi"))
        posted = Posted("00ff:1", 3, Receipt(9, 2, bytes(32)))
        bench.answer(posted)
        self.assertEqual(bench.finished[0].outcome, posted)
