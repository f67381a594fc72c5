from itertools import count

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import LIST_BYTES_MAX
from bulletin.core.log.port import BarrierFailed, BarrierPassed, position_of
from bulletin.core.server import queries as module
from bulletin.core.server.queries import BARRIERS_MAX, READS_MAX, Queries
from bulletin.core.wire.envelope import Encoding
from bulletin.core.wire.replies import ChannelNames, UserNames
from bulletin.core.wire.requests import History, ListChannels, ListUsers, Query, ReadLevel
from tests.core.server.fakes import Log, at, read

FRESH, LOCAL = ReadLevel.LINEARIZABLE, ReadLevel.LOCAL
PAGE = Page((), more=False)


def history(stream: str, partner: str | None = None, level: ReadLevel = FRESH) -> History:
    kind = StreamKind.CHANNEL if stream.startswith("#") else StreamKind.INBOX
    return History(level, PageQuery(kind, stream, partner, None, None, 50))


class Names:
    def has_user(self, name: str) -> bool:
        return name in {"ana", "bia"}

    def has_channel(self, name: str) -> bool:
        return name == "#geral"

    bytes_max = 0

    def users(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        self.bytes_max = bytes_max
        return ("ana", "bia"), after is not None

    def channels(self, after: str | None, bytes_max: int) -> tuple[tuple[str, ...], bool]:
        return ("#geral",), False


class QueriesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = Log()
        self.names = Names()
        self.queries = Queries(self.log, self.names, count(1))

    def admit(self, *queries: Query, deadline: float = 3.0) -> None:
        for query in queries:
            self.assertIsNone(self.queries.admit(read(query, deadline=deadline)))

    def pass_barrier(self, index: int) -> None:
        token, _ = self.log.barriers[-1]
        self.queries.passed(BarrierPassed(token, position_of(index, 3)))

    def results(self) -> list[object]:
        return [finished.result for finished in self.queries.take_ended()]

    def test_all_reads_of_a_turn_share_a_barrier(self) -> None:
        self.admit(ListUsers(FRESH), ListChannels(FRESH), ListUsers(FRESH, "ana"))
        self.queries.ask(at(0.0))
        self.queries.ask(at(0.0))
        self.assertEqual(len(self.log.barriers), 1)
        self.queries.advance(9, 0)
        self.assertEqual(self.results(), [], "the barrier has not passed")
        self.pass_barrier(10)
        self.queries.advance(9, 0)
        self.assertEqual(self.results(), [], "this server has not come so far")
        self.queries.advance(10, 0)
        self.assertEqual(
            self.results(),
            [
                UserNames(("ana", "bia"), False),
                ChannelNames(("#geral",), False),
                UserNames(("ana", "bia"), True),
            ],
        )
        self.assertEqual(len(self.queries), 0)

    def test_later_reads_gather_while_barriers_are_out(self) -> None:
        for _ in range(BARRIERS_MAX + 3):
            self.admit(ListUsers(FRESH))
            self.queries.ask(at(0.0))
        self.assertEqual(len(self.log.barriers), BARRIERS_MAX)
        self.pass_barrier(1)
        self.queries.ask(at(0.0))
        self.assertEqual(len(self.log.barriers), BARRIERS_MAX + 1)
        self.pass_barrier(1)
        self.queries.advance(1, 1)
        self.assertEqual(len(self.results()), 4, "one of the first, and the three that gathered")

    def test_a_page_waits_for_the_tables_too(self) -> None:
        self.admit(history("#geral"), history("bia", "ana"))
        self.queries.ask(at(0.0))
        self.pass_barrier(10)
        self.queries.advance(10, 9)
        self.assertTrue(self.queries.waits_for_tables)
        self.assertEqual(self.queries.take_pages(), [])
        self.queries.advance(10, 10)
        self.assertFalse(self.queries.waits_for_tables)
        first, second = self.queries.take_pages()
        self.assertEqual((first.query.stream, second.query.partner), ("#geral", "ana"))
        self.queries.page_read(second.token, PAGE)
        self.queries.page_read(second.token, PAGE)
        self.assertEqual(self.results(), [PAGE])
        self.assertEqual(len(self.queries), 1)

    def test_an_empty_page_of_tables_before_its_names_is_read_again(self) -> None:
        """The memory knew a name that the tables did not: no state of the board has the name and nothing of what made it."""
        self.admit(history("bia"), history("ana", level=LOCAL))
        (local,) = self.queries.take_pages()
        self.queries.page_read(local.token, PAGE)
        self.assertEqual(self.results(), [PAGE])
        self.queries.ask(at(0.0))
        self.pass_barrier(8)
        self.queries.advance(10, 9)
        (page,) = self.queries.take_pages()
        self.queries.page_read(page.token, PAGE)
        self.assertEqual(self.results(), [])
        self.assertTrue(self.queries.waits_for_tables)
        self.queries.advance(11, 10)
        (page,) = self.queries.take_pages()
        self.queries.page_read(page.token, PAGE)
        self.assertEqual(self.results(), [PAGE])
        self.assertEqual(len(self.queries), 0)

    def test_what_does_not_exist(self) -> None:
        self.admit(history("#nada"), history("nada"), history("ana", "nada"))
        self.queries.ask(at(0.0))
        self.assertEqual(self.results(), [], "it may exist by then")
        self.pass_barrier(1)
        self.queries.advance(1, 1)
        self.assertEqual(
            self.results(),
            [
                Refusal(Code.NO_SUCH_CHANNEL, "canal"),
                Refusal(Code.NO_SUCH_USER, "user"),
                Refusal(Code.NO_SUCH_USER, "com"),
            ],
        )

    def test_local_reads_wait_for_nothing(self) -> None:
        self.admit(ListUsers(LOCAL), history("#geral", level=LOCAL), history("#nada", level=LOCAL))
        self.assertEqual(len(self.queries.take_pages()), 1)
        self.queries.advance(0, 0)
        self.assertEqual(len(self.results()), 2)
        self.queries.ask(at(0.0))
        self.assertEqual(self.log.barriers, [])

    def test_a_barrier_that_failed_is_asked_for_again(self) -> None:
        self.admit(ListUsers(FRESH))
        self.queries.ask(at(0.0))
        self.queries.failed(BarrierFailed(self.log.barriers[-1][0]))
        self.queries.failed(BarrierFailed(self.log.barriers[-1][0]))
        self.queries.ask(at(0.1))
        self.assertEqual(len(self.log.barriers), 2)

    def test_only_so_many_pages_are_read_at_once(self) -> None:
        self.admit(*[history("#geral", level=LOCAL)] * (READS_MAX + 2))
        pages = self.queries.take_pages()
        self.assertEqual((len(pages), self.queries.take_pages()), (READS_MAX, []))
        self.queries.page_read(pages[0].token, PAGE)
        self.assertEqual(len(self.queries.take_pages()), 1)

    def test_a_turn_answers_its_share_of_long_lists(self) -> None:
        self.patch(module, "NAMES_PER_TURN", 205)
        self.admit(*[ListUsers(LOCAL)] * 5)
        counts = []
        while not counts or self.queries.more:
            self.queries.advance(0, 0)
            counts.append(len(self.results()))
        self.assertEqual(counts, [3, 2])

    def test_a_list_fits_a_frame_in_either_encoding(self) -> None:
        for encoding, share in ((Encoding.MSGPACK, 1), (Encoding.JSON, 2)):
            admitted = read(ListUsers(LOCAL))
            heading = attrs.evolve(admitted.caller.heading, encoding=encoding)
            caller = attrs.evolve(admitted.caller, heading=heading)
            self.queries.admit(attrs.evolve(admitted, caller=caller))
            self.queries.advance(0, 0)
            self.assertEqual(self.names.bytes_max, LIST_BYTES_MAX // share)

    def test_bound(self) -> None:
        self.patch(module, "QUERIES_MAX", 2)
        self.admit(ListUsers(FRESH), ListUsers(FRESH))
        refusal = self.queries.admit(read(ListUsers(FRESH)))
        self.assertEqual(refusal, Refusal(Code.OVERLOADED))

    def test_what_is_overdue_is_refused_wherever_it_waits_and_definitely(self) -> None:
        self.admit(ListUsers(FRESH), deadline=1.0)
        self.queries.ask(at(0.0))
        self.pass_barrier(5)
        self.admit(history("#geral"), deadline=1.0)
        self.queries.ask(at(0.0))
        self.pass_barrier(1)
        self.queries.advance(1, 0)
        self.admit(ListUsers(FRESH), deadline=1.0)
        self.queries.ask(at(0.0))
        self.admit(ListUsers(FRESH), deadline=1.0)
        self.admit(ListUsers(FRESH), deadline=2.0)
        self.queries.expire(at(1.0), leaderless=False)
        finished = self.queries.take_ended()
        self.assertEqual([one.result for one in finished], [Refusal(Code.TIMED_OUT, definite=True)] * 4)
        self.assertTrue(all(one.later for one in finished))
        self.assertEqual(len(self.queries), 1)

    def test_without_a_leader_for_long_what_waits_for_a_barrier_is_handed_on(self) -> None:
        self.admit(ListUsers(FRESH))
        self.queries.ask(at(0.0))
        self.admit(ListUsers(FRESH), history("#geral", level=LOCAL))
        self.queries.expire(at(0.1), leaderless=True)
        self.assertEqual(self.results(), [Refusal(Code.NO_LEADER, definite=True)] * 2)
        self.assertEqual(len(self.queries.take_pages()), 1)

    def test_a_session_that_ended_drops_what_waits_for_a_barrier(self) -> None:
        self.admit(ListUsers(FRESH))
        self.queries.ask(at(0.0))
        self.admit(ListUsers(FRESH), history("#geral", level=LOCAL))
        self.assertEqual(self.queries.drop_waiting(), 2)
        self.pass_barrier(1)
        self.queries.advance(1, 1)
        self.assertEqual((self.results(), len(self.queries)), ([], 1))
