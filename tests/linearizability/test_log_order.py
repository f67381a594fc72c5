"""The replay of the log agrees with the shipped board, finds every planted lie, and the exhaustive search agrees."""

from random import Random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.board import Board
from bulletin.core.board.commands import encode
from bulletin.core.board.history import (
    Page,
    PageQuery,
    conversation_sides,
    merge_conversation,
    seq_range,
    trim_page,
)
from bulletin.core.board.outcome import StreamKind
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import LIST_BYTES_MAX
from bulletin.core.log.port import position_of
from bulletin.core.wire.replies import ChannelNames, LoggedIn, Posted, UserNames, result_of
from bulletin.core.wire.requests import (
    CreateChannel,
    History,
    ListChannels,
    ListUsers,
    Login,
    Publish,
    ReadLevel,
    Send,
)
from bulletin.linearizability.board_model import BoardModel
from bulletin.linearizability.log_order import ReadCall, WriteCall, check_log_order
from bulletin.linearizability.search import linearizable
from tests.core.board import scripts

USERS_MAX, CHANNELS_MAX = 3, 2
NAMES = ["ana", "bia", "caio", "davi"]
CHANNELS = ["x", "y", "z", "ana"]
LINEARIZABLE = ReadLevel.LINEARIZABLE


def command_of(id_, request, stamp):
    """The command that a server makes of a request."""
    match request:
        case Login(user):
            made = scripts.login(id_, user)
        case CreateChannel(user, channel):
            made = scripts.create(id_, channel, user)
        case Publish(user, channel, message):
            made = scripts.publish(id_, user, channel, message)
        case Send(user, receiver, message):
            made = scripts.send(id_, user, receiver, message)
    return evolve(made, stamp=evolve(made.stamp, clock=stamp, time=float(stamp)))


class Told:
    """A shipped board, with the tables that it would write, and the calls that it answered."""

    def __init__(self):
        self.board = Board.empty(USERS_MAX, CHANNELS_MAX)
        self.posts = {}
        self.log = []
        self.writes = []
        self.reads = []

    @property
    def position(self):
        return self.log[-1][0] if self.log else 0

    def write(self, id_, request, invoked, returned, stamp=0):
        position = position_of(len(self.log) + 1, 1)
        command = command_of(id_, request, stamp)
        outcome = self.board.apply(position, 1, encode(command))
        self.board.applied_entry(len(self.log) + 1)
        if outcome.post is not None:
            self.posts.setdefault(outcome.post.stream, []).append(outcome.post)
        self.log.append((position, command))
        answer = result_of(request, outcome.answer)
        self.writes.append(WriteCall(command.operation, request, invoked, returned, answer))

    def read(self, query, invoked, returned):
        self.reads.append(ReadCall(query, invoked, returned, self.answer(query), self.position))

    def answer(self, query):
        if isinstance(query, ListUsers):
            return UserNames(*self.board.users(query.after, LIST_BYTES_MAX))
        if isinstance(query, ListChannels):
            return ChannelNames(*self.board.channels(query.after, LIST_BYTES_MAX))
        page = query.query
        if page.kind is StreamKind.CHANNEL:
            if not self.board.has_channel(page.stream):
                return Refusal(Code.NO_SUCH_CHANNEL, "canal")
        elif not self.board.has_user(page.stream) or (page.partner and not self.board.has_user(page.partner)):
            return Refusal(Code.NO_SUCH_USER, "user")
        return self.page(page)

    def page(self, query):
        step = 1 if query.forward else -1
        if query.partner is None:
            posts = self.posts.get(query.stream, [])
            found = seq_range(query, len(posts))
            return trim_page(posts[found.first - 1 : found.last][::step], query, more=found.more)
        sides = [
            [
                post
                for post in self.posts.get(side.inbox, [])
                if post.user == side.sender
                and post.clock >= side.first
                and (side.last is None or post.clock <= side.last)
            ][::step]
            for side in conversation_sides(query)
        ]
        return merge_conversation(sides, query)

    def check(self):
        return check_log_order(
            self.log, self.writes, self.reads, users_max=USERS_MAX, channels_max=CHANNELS_MAX
        )

    def kinds(self):
        return [anomaly.kind.value for anomaly in self.check()]


def random_write(rng):
    user, channel, text = rng.choice(NAMES), rng.choice(CHANNELS), rng.choice("tu")
    return rng.choice(
        [
            Login(user),
            CreateChannel(rng.choice(["", user]), channel),
            Publish(user, channel, text),
            Publish(user, channel, text),
            Send(user, rng.choice(NAMES), text),
        ]
    )


def random_query(rng):
    kind = rng.choice([StreamKind.CHANNEL, StreamKind.INBOX])
    if rng.random() < 0.3:
        listing = ListUsers if kind is StreamKind.INBOX else ListChannels
        return listing(LINEARIZABLE, rng.choice([None, *NAMES, *CHANNELS]))
    inbox = kind is StreamKind.INBOX
    page = PageQuery(
        kind=kind,
        stream=rng.choice(NAMES if inbox else CHANNELS),
        partner=rng.choice([None, *NAMES]) if inbox else None,
        since=rng.choice([None, None, 0, 1, 2, 5]),
        before=rng.choice([None, None, 1, 3, 9]),
        limit=rng.choice([1, 2, 500]),
    )
    return History(LINEARIZABLE, page)


def random_history(rng, calls, *, span):
    """A history in the order in which the board did it, each call about its place, ``span`` long."""
    told = Told()
    for number in range(calls):
        invoked = number + rng.uniform(-span, 0)
        returned = number + rng.uniform(0, span)
        if rng.random() < 0.6:
            told.write(f"{number}", random_write(rng), invoked, returned, stamp=rng.randrange(50))
        else:
            told.read(random_query(rng), invoked, returned)
    return told


class AgreementTests(SynchronousTestCase):
    def test_the_shipped_board_keeps_the_promises(self):
        """The model is written from the promises alone; the board and it answer the same."""
        rng = Random(3)
        refused = 0
        for _ in range(25):
            told = random_history(rng, 100, span=3)
            self.assertEqual(told.check(), [])
            refused += sum(isinstance(call.answer, Refusal) for call in (*told.writes, *told.reads))
        self.assertGreater(refused, 300)

    def test_the_exhaustive_search_agrees(self):
        """What the search cannot explain, the replay finds; what the replay passes, the search explains."""
        rng = Random(5)
        verdicts = {True: 0, False: 0}
        for _ in range(1200):
            told = random_history(rng, rng.randint(1, 7), span=2)
            self.spoil(told, rng)
            found = told.check()
            explained = self.explained(told)
            if not found:
                self.assertTrue(explained, (told.log, told.writes, told.reads))
            verdicts[explained] += 1
        self.assertGreater(min(verdicts.values()), 100)

    def test_where_the_answers_force_the_order_the_verdicts_are_equal(self):
        """Posts to one channel, and reads of all of it: only one order can explain the answers."""
        rng = Random(6)
        verdicts = {True: 0, False: 0}
        for _ in range(1500):
            told = Told()
            told.write("c", CreateChannel("", "x"), -9, -8)
            for number in range(rng.randint(1, 7)):
                invoked = number + rng.uniform(-2, 1)
                returned = invoked + rng.uniform(0, 3)
                if rng.random() < 0.6:
                    told.write(f"{number}", Publish("ana", "x", "t"), invoked, returned)
                else:
                    page = PageQuery(StreamKind.CHANNEL, "x", None, 0, None, 500)
                    told.read(History(LINEARIZABLE, page), invoked, returned)
            verdict = not told.check()
            self.assertEqual(verdict, self.explained(told), (told.log, told.writes, told.reads))
            verdicts[verdict] += 1
        self.assertGreater(min(verdicts.values()), 150)

    def spoil(self, told, rng):
        """Move a call in time, take an answer from elsewhere, or lose one."""
        calls = told.writes if told.writes and rng.random() < 0.6 else told.reads
        if not calls:
            return
        at = rng.randrange(len(calls))
        call = calls[at]
        choice = rng.random()
        if choice < 0.4:
            shift = rng.uniform(-6, 6)
            calls[at] = evolve(call, invoked=call.invoked + shift, returned=call.returned + shift)
        elif choice < 0.8:
            calls[at] = evolve(call, answer=rng.choice(calls).answer)
        elif calls is told.writes:
            calls[at] = evolve(call, answer=None, returned=float("inf"))

    def explained(self, told):
        """Whether the calls, without their positions, have an explanation."""
        commands = {
            call.operation.id: command for (_, command), call in zip(told.log, told.writes, strict=True)
        }

        def step(state, call):
            model = BoardModel(USERS_MAX, CHANNELS_MAX)
            for id_ in state:
                model.apply(commands[id_])
            if isinstance(call, ReadCall):
                missing = model.missing(call.query)
                if isinstance(call.answer, Refusal):
                    return state if call.answer.code is missing else None
                wrong = missing is not None or model.disagrees(call.query, call.answer)
                return None if wrong else state
            made = model.apply(commands[call.operation.id])
            return (*state, call.operation.id) if self.fits(made, call.answer) else None

        return linearizable([*told.writes, *told.reads], (), step)

    def fits(self, made, answer):
        """Whether a write's answer is that one; the log's index in a receipt is no matter of the state."""
        match answer:
            case None:
                return True
            case Refusal(code):
                return code is made.refused
            case Posted(_, seq, _):
                return made.refused is None and seq == made.seq
        return made.refused is None and not made.seq and answer.existing is made.existing


class AnomaliesTests(SynchronousTestCase):
    def setUp(self):
        self.told = told = Told()
        told.write("1", CreateChannel("", "x"), 0, 1)
        told.write("2", Publish("ana", "x", "t"), 2, 3)
        told.write("3", Publish("ana", "y", "t"), 4, 5)
        self.page = History(LINEARIZABLE, PageQuery(StreamKind.CHANNEL, "x", None, None, None, 500))
        told.read(self.page, 6, 7)
        self.assertEqual(told.check(), [])

    def change(self, calls, at, **fields):
        calls[at] = evolve(calls[at], **fields)

    def test_lost_write(self):
        del self.told.log[2]
        self.assertEqual(self.told.kinds(), ["lost write"])

    def test_a_write_that_was_not_acknowledged_may_be_lost(self):
        del self.told.log[2]
        for answer in (None, Refusal(Code.TIMED_OUT), Refusal(Code.NO_LEADER)):
            self.change(self.told.writes, 2, answer=answer)
            self.assertEqual(self.told.kinds(), [])

    def test_a_write_that_timed_out_counts_if_it_is_there(self):
        self.change(self.told.writes, 1, answer=Refusal(Code.TIMED_OUT))
        self.assertEqual(self.told.kinds(), [])
        self.change(self.told.writes, 1, invoked=8, returned=9)
        self.assertEqual(self.told.kinds(), ["future read"])

    def test_whoever_gave_up_was_not_answered(self):
        self.change(self.told.writes, 2, answer=None)
        self.told.writes[1] = evolve(self.told.writes[1], invoked=5.5, returned=5.6)
        self.assertEqual(self.told.kinds(), [])

    def test_invented_write(self):
        del self.told.writes[1]
        self.assertEqual(self.told.kinds(), ["invented write"])

    def test_refused_write(self):
        self.change(self.told.writes, 1, answer=Refusal(Code.NO_LEADER))
        self.assertEqual(self.told.kinds(), ["refused write"])

    def test_the_same_id_is_once(self):
        self.told.write("2", Publish("ana", "x", "t"), 8, 9)
        self.assertEqual(self.told.writes[1].answer, self.told.writes.pop().answer)
        self.told.write("2", Publish("ana", "x", "other"), 8, 9)
        self.assertIs(self.told.writes[-1].answer.code, Code.ID_REUSED)
        self.assertEqual(self.told.kinds(), [])

    def test_wrong_answers_to_writes(self):
        answer = self.told.writes[1].answer
        for wrong in (
            evolve(answer, seq=2),
            evolve(answer, id="other"),
            evolve(answer, receipt=evolve(answer.receipt, index=1)),
            LoggedIn(existing=False),
        ):
            self.change(self.told.writes, 1, answer=wrong)
            self.assertEqual(self.told.kinds(), ["wrong answer"], wrong)
        self.change(self.told.writes, 1, answer=answer)
        self.change(self.told.writes, 2, answer=Refusal(Code.NO_SUCH_USER))
        self.assertEqual(self.told.kinds(), ["wrong answer"])
        self.change(self.told.writes, 2, answer=answer)
        self.assertEqual(self.told.kinds(), ["wrong answer"])

    def test_wrong_answers_to_reads(self):
        page = self.told.reads[0].answer
        (post,) = page.posts
        for wrong in (
            evolve(page, posts=()),
            evolve(page, more=True),
            evolve(page, posts=(evolve(post, message="u"),)),
            evolve(page, posts=(evolve(post, clock=post.clock + 1),)),
            evolve(page, posts=(post, evolve(post, seq=2))),
            Refusal(Code.NO_SUCH_CHANNEL),
            UserNames(()),
        ):
            self.change(self.told.reads, 0, answer=wrong)
            self.assertEqual(self.told.kinds(), ["wrong answer"], wrong)
        self.change(self.told.reads, 0, answer=Refusal(Code.TIMED_OUT))
        self.assertEqual(self.told.kinds(), [])

    def test_a_page_may_be_cut_short_where_it_says_so(self):
        self.told.write("4", Publish("ana", "x", "t"), 8, 9)
        self.told.read(self.page, 10, 11)
        page = self.told.reads[1].answer
        self.change(self.told.reads, 1, answer=evolve(page, posts=page.posts[1:], more=True))
        self.assertEqual(self.told.kinds(), [])
        self.change(self.told.reads, 1, answer=evolve(page, posts=page.posts[:1], more=True))
        self.assertEqual(self.told.kinds(), ["wrong answer"])

    def test_stale_read(self):
        self.change(self.told.reads, 0, position=self.told.log[0][0], answer=Page((), more=False))
        self.assertEqual(self.told.kinds(), ["stale read"])

    def test_a_local_read_may_be_stale(self):
        local = evolve(self.page, level=ReadLevel.LOCAL)
        self.change(
            self.told.reads, 0, position=self.told.log[0][0], answer=Page((), more=False), query=local
        )
        self.assertEqual(self.told.kinds(), [])

    def test_reads_that_go_back(self):
        self.change(self.told.writes, 1, answer=None, returned=float("inf"))
        self.told.reads.append(
            evolve(
                self.told.reads[0],
                invoked=8,
                returned=9,
                position=self.told.log[0][0],
                answer=Page((), more=False),
            )
        )
        self.assertIn("nonmonotonic", self.told.kinds())

    def test_a_log_that_goes_back(self):
        self.told.log[1], self.told.log[2] = self.told.log[2], self.told.log[1]
        self.assertIn("nonmonotonic", self.told.kinds())


class EmptyPageTests(SynchronousTestCase):
    """A stream is known from memory; a local page is read from tables that may not have come as far."""

    def read(self, answer, invoked, returned, *, level=ReadLevel.LOCAL, begins=True):
        """What is found where a page is given at a place before its channel's."""
        told = Told()
        told.write("a", CreateChannel("", "y"), 0, 1)
        query = History(level, PageQuery(StreamKind.CHANNEL, "x", None, 0, None, 500))
        told.reads.append(ReadCall(query, invoked, returned, answer, told.position))
        if begins:
            told.write("b", CreateChannel("", "x"), 5, 6)
            told.write("c", Publish("ana", "x", "t"), 7, 8)
        return told.kinds()

    def test_a_local_one_may_be_of_tables_before_its_stream(self):
        self.assertEqual(self.read(Page((), more=False), 5.5, 9), [])
        self.assertEqual(self.read(Page((), more=False), 9, 10), [])

    def test_a_linearizable_one_may_not(self):
        self.assertEqual(
            self.read(Page((), more=False), 5.5, 9, level=ReadLevel.LINEARIZABLE),
            ["wrong answer"],
        )

    def test_not_before_the_stream_was_asked_for(self):
        self.assertEqual(self.read(Page((), more=False), 2, 3), ["future read"])

    def test_nothing_else_is_put_off(self):
        self.assertEqual(self.read(Page((), more=True), 5.5, 9), ["wrong answer"])
        self.assertEqual(self.read(Page((), more=False), 5.5, 9, begins=False), ["wrong answer"])
