from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Code, Refusal
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.server.formation import CLAIM_EVERY, EAGER_INTERVAL, EXPLAIN_AFTER, Formation
from bulletin.core.server.notices import Notices
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import (
    INTERVAL,
    SILENCE,
    Addressed,
    ClockReply,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    RankReply,
    RankRequest,
    ReferenceReply,
)

ME, OTHER = b"m" * 16, b"o" * 16
ENDPOINT = "tcp://127.0.0.1:5561"


def document(*members: bytes, cluster: bytes = b"k" * 16) -> FoundingDocument:
    return FoundingDocument(
        cluster,
        tuple(Member(member, f"s{rank}", ENDPOINT, rank) for rank, member in enumerate(members, 1)),
    )


class FormationTests(SynchronousTestCase):
    def make(self, known: FoundingDocument | None = None) -> None:
        self.time = 10.0
        self.notices = Notices()
        self.formation = Formation("s1", ENDPOINT, ME, 3, known, self.notices)

    def setUp(self) -> None:
        self.make()

    @property
    def now(self) -> Instant:
        return Instant(self.time, 0.0)

    def ask(self) -> Addressed | None:
        request = self.formation.tick(self.now)
        self.time += INTERVAL
        return None if request is None else self.formation.address(request, 7, 5.0)

    def answer(self, asked: Addressed | None, reply: ReferenceReply | Refusal) -> None:
        assert asked is not None
        self.formation.receive(Addressed(reply, Dialect.SERVICE, 1, 1.0, asked.nonce), self.now)

    def test_asks_for_its_rank_until_it_is_answered_then_says_that_it_is_alive(self) -> None:
        first, second = self.ask(), self.ask()
        assert first is not None
        self.assertEqual(first.body, RankRequest("s1", ENDPOINT, ME, None, 3))
        self.answer(second, RankReply(2, None))
        third = self.ask()
        assert third is not None
        self.assertEqual(third.body, HeartbeatRequest("s1", ME, None))
        self.assertEqual(self.formation.rank, 2)

    def test_not_more_often_than_its_interval(self) -> None:
        self.assertIsNotNone(self.formation.tick(self.now))
        self.time += EAGER_INTERVAL / 2
        self.assertIsNone(self.formation.tick(self.now))

    def test_a_reference_that_does_not_know_it_is_asked_for_the_rank_again(self) -> None:
        self.answer(self.ask(), RankReply(1, None))
        self.answer(self.ask(), HeartbeatReply(False, None))
        asked = self.ask()
        assert asked is not None
        self.assertIsInstance(asked.body, RankRequest)

    def test_a_reference_that_was_started_again_is_told_at_once_and_one_that_never_knows_it_is_not_flooded(
        self,
    ) -> None:
        self.make(document(ME, OTHER))
        self.answer(self.ask(), RankReply(1, None))
        self.answer(self.ask(), HeartbeatReply(True, None))
        asked = self.formation.address(self.formation.tick(self.now), 7, 5.0)  # type: ignore[arg-type]
        self.answer(asked, HeartbeatReply(False, None))
        asked = self.formation.address(self.formation.tick(self.now), 7, 5.0)  # type: ignore[arg-type]
        self.assertIsInstance(asked.body, RankRequest)
        self.answer(asked, RankReply(1, None))
        asked = self.formation.address(self.formation.tick(self.now), 7, 5.0)  # type: ignore[arg-type]
        self.assertIsInstance(asked.body, HeartbeatRequest)
        self.answer(asked, HeartbeatReply(False, None))
        self.assertIsNone(self.formation.tick(self.now))

    def test_a_place_that_a_copy_of_its_directory_has_taken_is_claimed_again_now_and_then(self) -> None:
        """Else its fellows would look for it where the copy was, for ever."""
        self.make(document(ME, OTHER))

        def listed(endpoint: str) -> HeartbeatReply:
            return HeartbeatReply(
                True, None, (ListedServer("s1", 1, endpoint, ME), ListedServer("s2", 2, "tcp://o:1", OTHER))
            )

        self.answer(self.ask(), RankReply(1, None))
        self.answer(self.ask(), listed(ENDPOINT))
        self.answer(self.ask(), listed("tcp://copy:1"))
        asked = self.ask()
        assert asked is not None
        self.assertEqual(asked.body, RankRequest("s1", ENDPOINT, ME, document(ME, OTHER).encode(), 3))
        self.answer(asked, RankReply(1, None))
        (event,) = self.notices.take()
        self.assertIn("s1 at tcp://copy:1, and it is at tcp://127.0.0.1:5561", event.text)
        registered_again = []
        for _ in range(int(2 * CLAIM_EVERY / INTERVAL)):
            asked = self.ask()
            assert asked is not None
            if isinstance(asked.body, RankRequest):
                registered_again.append(self.time)
                self.answer(asked, RankReply(1, None))
            else:
                self.answer(asked, listed("tcp://copy:1"))
        self.assertEqual(len(registered_again), 2)

    def test_a_document_that_names_it_is_founded_once(self) -> None:
        founding = document(OTHER, ME)
        self.answer(self.ask(), RankReply(1, None))
        self.assertIsNone(self.formation.take())
        self.answer(self.ask(), HeartbeatReply(True, founding.encode()))
        self.assertEqual(self.formation.take(), founding)
        self.answer(self.ask(), HeartbeatReply(True, founding.encode()))
        self.assertIsNone(self.formation.take())
        self.formation.founded(founding)
        self.answer(self.ask(), HeartbeatReply(True, document(ME, cluster=b"z" * 16).encode()))
        self.assertIsNone(self.formation.take())
        self.assertEqual(self.formation.document, founding)

    def test_a_document_that_does_not_name_it_is_waited_out_and_said_so(self) -> None:
        self.formation = Formation("s9", ENDPOINT, ME, 3, None, self.notices)
        for _ in range(3):
            self.answer(self.ask(), RankReply(1, document(OTHER).encode()))
        self.assertIsNone(self.formation.take())
        said = [event.text for event in self.notices.take() if "without this server" in event.text]
        self.assertEqual(len(said), 1)

    def test_an_empty_disk_under_a_member_s_name_is_told_so_and_nothing_else(self) -> None:
        """The document has the name ``s1``, with another disk's id."""
        for _ in range(30):
            self.answer(self.ask(), RankReply(1, document(OTHER).encode()))
        self.assertIsNone(self.formation.take())
        said = [event.text for event in self.notices.take()]
        self.assertGreater(len(said), 1)
        for text in said:
            self.assertTrue(text.startswith("the member s1 of the cluster has another disk"), text)

    def test_a_server_outside_does_not_say_that_it_waits_for_others_to_register(self) -> None:
        self.formation = Formation("s9", ENDPOINT, ME, 3, None, self.notices)
        for _ in range(30):
            self.answer(self.ask(), RankReply(4, document(OTHER).encode()))
        said = [event.text for event in self.notices.take()]
        self.assertGreater(len(said), 1)
        for text in said:
            self.assertIn("was founded without this server: s1 are its members", text)

    def test_a_damaged_document_is_none(self) -> None:
        self.answer(self.ask(), RankReply(1, b"\x93abc"))
        self.assertIsNone(self.formation.take())
        self.assertIn("no founding document", self.notices.take()[0].text)

    def test_replies_to_nothing_that_was_asked_are_dropped(self) -> None:
        asked = self.ask()
        assert asked is not None
        reply = RankReply(1, document(ME).encode())
        for nonce in (None, 0, -1, 2, 10**9):
            self.formation.receive(Addressed(reply, Dialect.SERVICE, 1, 1.0, nonce), self.now)
        self.assertIsNone(self.formation.take())
        self.assertFalse(self.formation.reference_heard(self.now))

    def test_refusals_and_other_replies_change_nothing(self) -> None:
        self.answer(self.ask(), Refusal(Code.INVALID_FIELD, "user"))
        self.assertIn("refused", self.notices.take()[0].text)
        self.answer(self.ask(), ClockReply(5.0))
        asked = self.ask()
        assert asked is not None
        self.assertIsInstance(asked.body, RankRequest)

    def test_with_data_it_tells_the_reference_what_it_knows_and_takes_no_other_cluster(self) -> None:
        founding = document(ME, OTHER)
        self.make(founding)
        asked = self.ask()
        assert asked is not None
        self.assertEqual(asked.body, RankRequest("s1", ENDPOINT, ME, founding.encode(), 3))
        self.answer(asked, RankReply(1, founding.encode()))
        self.assertEqual(self.notices.take(), ())
        self.answer(self.ask(), HeartbeatReply(True, document(ME, cluster=b"z" * 16).encode()))
        self.assertIsNone(self.formation.take())
        (event,) = self.notices.take()
        self.assertTrue(event.urgent)
        asked = self.ask()
        assert asked is not None
        self.assertEqual(asked.body, HeartbeatRequest("s1", ME, founding.cluster))

    def test_an_empty_server_says_what_it_waits_for(self) -> None:
        self.ask()
        self.assertEqual(self.notices.take(), ())
        self.time += EXPLAIN_AFTER
        asked = self.ask()
        self.assertIn("does not answer", self.notices.take()[0].text)
        self.answer(asked, RankReply(1, None))
        self.time += 20
        self.answer(asked, RankReply(1, None))
        self.ask()
        self.assertIn("until 3 servers have registered", self.notices.take()[0].text)

    def test_the_reference_counts_as_gone_when_it_is_silent(self) -> None:
        self.answer(self.ask(), RankReply(1, None))
        self.assertTrue(self.formation.reference_heard(self.now))
        self.time += SILENCE
        self.assertFalse(self.formation.reference_heard(self.now))
