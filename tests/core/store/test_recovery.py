import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError
from bulletin.core.store.recovery import judge

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

    def test_a_torn_slot(self):
        file = evolve(commit=6, term=4, vote=None, last_index=40)
        self.assertEqual(self.judge(RECORD, file, 1), (evolve(commit=8, incarnation=4), 1))

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
