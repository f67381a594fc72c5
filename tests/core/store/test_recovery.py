import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError
from bulletin.core.store.recovery import begin_anew, judge

VOTE = b"another-16-bytes"
RECORD = HardRecord(b"member--16-bytes", b"cluster-16-bytes", 7, 3, 5, VOTE, 41, b"h" * 32)


def evolve(**changes):
    return attrs.evolve(RECORD, **changes)


class JudgeTests(SynchronousTestCase):
    def judge(self, database, file, bad_slots=0):
        verdict = judge(database, file, bad_slots, "/data")
        return verdict.record, len(verdict.notes)

    def test_both_the_same(self):
        self.assertEqual(self.judge(RECORD, RECORD), (evolve(commit=8, incarnation=4), 0))

    def test_the_power_failed_between_the_two(self):
        file = evolve(commit=6, term=4, vote=None, last_index=40)
        self.assertEqual(self.judge(RECORD, file), (evolve(commit=8, incarnation=4), 0))

    def test_a_server_that_only_seems_to_be_empty(self):
        empty = HardRecord(RECORD.member, b"", 1, 0, 0, None, 0, NO_HASH)
        self.assertEqual(judge(empty, None, 0, "/data").record.incarnation, 1)
        self.assertEqual(judge(empty, empty, 0, "/data", founded=True).record.incarnation, 1)
        error = self.assertRaises(StoreError, judge, empty, None, 0, "/data", founded=True)
        self.assertIn("has lost everything", str(error))

    def test_a_torn_slot(self):
        file = evolve(commit=6, term=4, vote=None, last_index=40)
        self.assertEqual(self.judge(RECORD, file, 1), (evolve(commit=8, incarnation=4), 1))

    def test_a_slot_of_which_nobody_knows_whether_it_was_the_newer_one(self):
        """A power cut tears the slot of a commit that the database has: one that it has not may have been acknowledged."""
        self.assertEqual(self.judge(RECORD, RECORD, 1), (evolve(commit=8, incarnation=4, trusted_from=42), 1))
        verdict = judge(RECORD, RECORD, 1, "/data", alone=True)
        self.assertEqual((verdict.record.trusted_from, len(verdict.notes)), (0, 1))

    def test_the_database_has_lost_commits(self):
        database = evolve(commit=4, incarnation=2, term=4, vote=None, last_index=30)
        self.assertEqual(
            self.judge(database, RECORD),
            (attrs.evolve(database, commit=8, incarnation=4, term=5, vote=VOTE, trusted_from=41), 1),
        )

    def test_the_database_has_lost_a_truncation(self):
        """Its log is longer than the file says: what follows has to be proven by an entry beyond both."""
        database = evolve(commit=6, last_index=60)
        self.assertEqual(self.judge(database, RECORD)[0].trusted_from, 61)

    def test_the_database_has_lost_a_vote(self):
        database = evolve(commit=6, vote=None)
        record, _ = self.judge(database, RECORD)
        self.assertEqual((record.vote, record.trusted_from), (VOTE, 42))

    def test_no_readable_record(self):
        self.assertEqual(self.judge(RECORD, None, 2), (evolve(commit=8, incarnation=4, trusted_from=42), 1))

    def test_the_only_server_has_no_readable_record(self):
        """It cannot wait for anybody: it goes on, and says what that may mean."""
        for database in (RECORD, evolve(trusted_from=90)):
            verdict = judge(database, None, 2, "/data", alone=True)
            self.assertEqual(verdict.record, evolve(commit=8, incarnation=4))
            self.assertIn("the only copy there is", verdict.notes[0])

    def test_the_only_server_has_lost_commits(self):
        """It refuses, and says what can be done."""
        database = evolve(commit=4, last_index=30)
        error = self.assertRaises(StoreError, judge, database, RECORD, 0, "/data", alone=True)
        self.assertIn("lost its last 3 synced commits", str(error))
        self.assertIn("remove the hard-state file", str(error))

    def test_the_only_server_does_not_wait_for_what_it_lost_once(self):
        known = evolve(trusted_from=90)
        self.assertEqual(judge(known, known, 0, "/data", alone=True).record.trusted_from, 0)

    def test_a_loss_is_remembered_until_it_is_made_good(self):
        for known in (evolve(trusted_from=90), evolve(trusted_from=90, commit=6)):
            self.assertEqual(self.judge(evolve(trusted_from=90), known)[0].trusted_from, 90)
        self.assertEqual(self.judge(evolve(commit=4), evolve(trusted_from=90))[0].trusted_from, 90)
        self.assertEqual(self.judge(evolve(trusted_from=90), None)[0].trusted_from, 90)

    def test_the_file_has_lost_writes(self):
        self.assertEqual(self.judge(RECORD, evolve(commit=3, term=2)), (evolve(commit=8, incarnation=4), 1))

    def test_the_higher_term_counts_wherever_it_is(self):
        record, _ = self.judge(RECORD, evolve(commit=6, term=9, vote=None))
        self.assertEqual((record.term, record.vote), (9, None))

    def test_the_higher_incarnation_counts_wherever_it_is(self):
        self.assertEqual(self.judge(RECORD, evolve(commit=6, incarnation=9))[0].incarnation, 10)

    def test_an_empty_server_has_nothing_to_lose(self):
        empty = evolve(cluster=b"", commit=1, incarnation=0, term=0, vote=None, last_index=0)
        self.assertEqual(self.judge(empty, None, 2), (attrs.evolve(empty, commit=2, incarnation=1), 0))

    def test_files_that_do_not_belong_together(self):
        for database, file in (
            (RECORD, evolve(member=VOTE)),
            (RECORD, evolve(cluster=VOTE)),
            (evolve(cluster=b"", commit=1), RECORD),
            (RECORD, evolve(last_index=42)),
            (RECORD, evolve(term=6)),
        ):
            error = self.assertRaises(StoreError, judge, database, file, 0, "/data")
            self.assertIn("/data", str(error))


MEMBERS = tuple(
    Member(member, name, f"tcp://{name}:5561", rank)
    for rank, (member, name) in enumerate(
        ((RECORD.member, "um"), (VOTE, "dois"), (b"third---16-bytes", "tres")), 1
    )
)
DOCUMENT = FoundingDocument(RECORD.cluster, MEMBERS)


class BeginAnewTests(SynchronousTestCase):
    """What is left of a server whose database is damaged."""

    def begun(self, file=RECORD, database=RECORD, bad_slots=0, document=DOCUMENT):
        return begin_anew(file, bad_slots, database, document, "The database in /data is damaged (row 1)")

    def refused(self, words, **arguments):
        error = self.assertRaises(StoreError, lambda: self.begun(**arguments))
        self.assertIn("The database in /data is damaged (row 1), and ", str(error))
        self.assertIn(words, str(error))

    def test_its_identity_its_vote_and_how_far_it_had_come(self):
        entry = DOCUMENT.entry()
        for database in (RECORD, None, evolve(commit=3, term=2, vote=None, last_index=20, incarnation=1)):
            self.assertEqual(
                self.begun(database=database),
                evolve(commit=8, last_index=1, last_hash=entry.hash, trusted_from=41),
            )

    def test_a_database_that_is_one_commit_ahead(self):
        """Nothing of that was acknowledged, and no vote sent; it counts nevertheless."""
        ahead = evolve(commit=8, term=6, vote=None, last_index=44)
        begun = self.begun(database=ahead)
        self.assertEqual((begun.commit, begun.term, begun.vote, begun.trusted_from), (8, 6, None, 44))

    def test_one_that_was_not_trusted_yet(self):
        self.assertEqual(self.begun(file=evolve(trusted_from=90), database=None).trusted_from, 90)

    def test_it_is_the_next_commit_of_the_file(self):
        """So that a start finds nothing strange about the two, and knows what was lost as long as it matters."""
        for database in (RECORD, None):
            begun = self.begun(database=database)
            verdict = judge(begun, RECORD, 0, "/data")
            self.assertEqual(verdict.notes, ())
            self.assertEqual((verdict.record.trusted_from, verdict.record.incarnation), (41, 4))

    def test_a_log_that_is_whole(self):
        """Nothing is lost with the tables: all servers might do it, or the only one."""
        alone = FoundingDocument(RECORD.cluster, MEMBERS[:1])
        ahead = evolve(commit=8, term=6, vote=None, last_index=44, trusted_from=0)
        for document in (DOCUMENT, alone):
            for database in (RECORD, ahead):
                begun = begin_anew(RECORD, 0, database, document, "It", whole_log=True)
                self.assertEqual(begun, attrs.evolve(database, commit=8))
                self.assertEqual(judge(begun, RECORD, 0, "/data").record.trusted_from, 0)

    def test_a_log_that_is_whole_and_not_the_newest(self):
        behind = evolve(commit=6, last_index=40)
        begun = begin_anew(RECORD, 0, behind, DOCUMENT, "It", whole_log=True)
        self.assertEqual((begun.last_index, begun.trusted_from), (1, 41))

    def test_a_server_that_was_never_founded(self):
        """There is nothing to lose but its id, be it that the database was about to be founded."""
        file = HardRecord(RECORD.member, b"", 4, 3, 0, None, 0, NO_HASH)
        founding = evolve(commit=5, term=1, vote=None, last_index=1)
        for database in (None, file, founding):
            begun = self.begun(file=file, database=database, document=None)
            self.assertEqual(begun, attrs.evolve(file, commit=5))
            self.assertEqual(judge(begun, file, 0, "/data").record.incarnation, 4)

    def test_a_server_of_which_that_is_not_certain(self):
        file = HardRecord(RECORD.member, b"", 4, 3, 0, None, 0, NO_HASH)
        self.refused("for whom this server has voted", file=file, bad_slots=1, database=None)
        self.refused("not of the server", file=file, bad_slots=1, database=evolve(commit=5))
        self.refused("not of the server", file=file, database=evolve(commit=6))
        self.refused("not of the server", file=file, database=attrs.evolve(file, member=VOTE))

    def test_where_the_newest_slot_may_be_the_one_that_is_gone(self):
        self.begun(bad_slots=1, database=evolve(commit=8))
        for database in (None, evolve(commit=6), RECORD):
            self.refused("for whom this server has voted", bad_slots=1, database=database)
        self.refused("for whom this server has voted", file=None)
        self.refused("for whom this server has voted", file=None, bad_slots=2)

    def test_files_of_different_servers(self):
        self.refused("not of the server", database=evolve(member=b"!" * 16))
        self.refused("not of the server", database=evolve(cluster=b"!" * 16))

    def test_without_a_founding_document(self):
        self.refused("who the other servers are", document=None)
        self.refused("who the other servers are", document=attrs.evolve(DOCUMENT, cluster=b"!" * 16))

    def test_where_nobody_else_has_a_majority(self):
        for count in (1, 2):
            document = FoundingDocument(RECORD.cluster, MEMBERS[:count])
            self.refused("no majority without this server", document=document)
