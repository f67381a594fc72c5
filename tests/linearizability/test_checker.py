"""The checker finds what is wrong, and nothing else."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.linearizability.checker import anomalies
from tests.linearizability.history import Post, Read, Stored
from tests.linearizability.search import linearizable


def stored(*ids, channel="c"):
    return [Stored(channel, seq, id_, 10 * seq, float(seq)) for seq, id_ in enumerate(ids, 1)]


class AnomaliesTests(SynchronousTestCase):
    def kinds(self, posts, reads, rows):
        return sorted({line.split(":")[0] for line in anomalies(posts, reads, rows)})

    def test_a_good_history_has_none(self):
        posts = [Post("c", "a", 0, 1, 1), Post("c", "b", 2, 3, 2)]
        self.assertEqual(anomalies(posts, [Read("c", 1.5, 1.8, 1), Read("c", 4, 5, 2)], stored("a", "b")), [])

    def test_an_unanswered_post_may_be_there_or_not(self):
        posts = [Post("c", "a", 0), Post("c", "b", 0)]
        self.assertEqual(anomalies(posts, [], stored("b")), [])

    def test_lost_write(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1)], [], []), ["lost write"])

    def test_moved_write(self):
        posts = [Post("c", "a", 0, 1, 2), Post("c", "b", 0, 1)]
        self.assertEqual(self.kinds(posts, [], stored("a", "b")), ["moved write"])

    def test_changed_write(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1, 11)], [], stored("a")), ["changed write"])

    def test_invented_write(self):
        self.assertEqual(self.kinds([], [], stored("a")), ["invented write"])

    def test_duplicate(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1)], [], stored("a", "a")), ["duplicate"])

    def test_gap(self):
        rows = [Stored("c", 1, "a", 1, 1.0), Stored("c", 3, "b", 2, 2.0)]
        self.assertEqual(self.kinds([Post("c", "a", 0), Post("c", "b", 0)], [], rows), ["gap or double"])

    def test_clock_and_time_that_go_back(self):
        rows = [Stored("c", 1, "a", 5, 5.0), Stored("c", 2, "b", 5, 4.0)]
        posts = [Post("c", "a", 0), Post("c", "b", 0)]
        self.assertEqual(self.kinds(posts, [], rows), ["clock went back", "time went back"])

    def test_stale_read(self):
        posts = [Post("c", "a", 0, 1, 1)]
        self.assertEqual(self.kinds(posts, [Read("c", 2, 3, 0)], stored("a")), ["stale or reordered"])

    def test_read_from_the_future(self):
        posts = [Post("c", "a", 5, 6, 1)]
        self.assertEqual(self.kinds(posts, [Read("c", 2, 3, 1)], stored("a")), ["stale or reordered"])

    def test_order_against_real_time(self):
        posts = [Post("c", "a", 0, 1, 2), Post("c", "b", 2, 3, 1)]
        self.assertEqual(self.kinds(posts, [], stored("b", "a")), ["stale or reordered"])

    def test_channels_are_apart(self):
        posts = [Post("c", "a", 0, 1, 1), Post("d", "b", 2, 3, 1)]
        self.assertEqual(anomalies(posts, [], stored("a") + stored("b", channel="d")), [])


class CrossCheckTests(SynchronousTestCase):
    """The greedy check and the exhaustive search agree on random small histories, right and wrong."""

    def test_agreement(self):
        rng = Random(7)
        verdicts = {True: 0, False: 0}
        for _ in range(1500):
            calls = []
            rows = []
            for number in range(1, rng.randint(2, 5)):
                start = rng.uniform(0, 6)
                calls.append(Post("c", str(number), start, start + rng.uniform(0, 3), number))
                rows.append(Stored("c", number, str(number), number, 0.0))
            for _ in range(rng.randint(0, 3)):
                start = rng.uniform(0, 8)
                calls.append(Read("c", start, start + rng.uniform(0, 3), rng.randint(0, len(rows))))
            posts = [call for call in calls if isinstance(call, Post)]
            reads = [call for call in calls if isinstance(call, Read)]
            verdict = not anomalies(posts, reads, rows)
            self.assertEqual(verdict, linearizable(calls), calls)
            verdicts[verdict] += 1
        self.assertGreater(verdicts[True], 100)
        self.assertGreater(verdicts[False], 100)
