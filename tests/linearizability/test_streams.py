"""The black box of posts finds what is wrong, and nothing else."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.linearizability.search import linearizable
from bulletin.linearizability.streams import Followed, Post, Read, Stored, check_streams


def stored(*ids, stream="c"):
    return [Stored(stream, seq, id_, 10 * seq, float(seq)) for seq, id_ in enumerate(ids, 1)]


class StreamsTests(SynchronousTestCase):
    def kinds(self, posts, reads, rows, followed=()):
        return [anomaly.kind.value for anomaly in check_streams(posts, reads, rows, followed)]

    def test_a_good_history_has_none(self):
        posts = [Post("c", "a", 0, 1, 1), Post("c", "b", 2, 3, 2)]
        reads = [Read("c", 1.5, 1.8, 1, shown=((1, "a"),)), Read("c", 4, 5, 2)]
        followed = [Followed("r", "c", 0, ((1, "a"), (2, "b")), to_the_end=True)]
        self.assertEqual(check_streams(posts, reads, stored("a", "b"), followed), [])

    def test_an_unanswered_post_may_be_there_or_not(self):
        posts = [Post("c", "a", 0), Post("c", "b", 0)]
        self.assertEqual(check_streams(posts, [], stored("b")), [])

    def test_lost_write(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1)], [], []), ["lost write"])

    def test_a_read_that_shows_what_is_gone(self):
        self.assertEqual(self.kinds([], [Read("c", 0, 1, 1, shown=((1, "a"),))], []), ["lost write"])
        self.assertEqual(self.kinds([], [Read("c", 0, 1, 1)], []), ["lost write"])

    def test_moved_write(self):
        posts = [Post("c", "a", 0, 1, 2), Post("c", "b", 0, 1)]
        self.assertEqual(self.kinds(posts, [], stored("a", "b")), ["moved write"])

    def test_changed_write(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1, 11)], [], stored("a")), ["changed write"])
        rows = [Stored("c", 1, "a", 1, 1.0, "no")]
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1, text="yes")], [], rows), ["changed write"])
        read = Read("c", 0, 1, 1, shown=((1, "b"),))
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, 1)], [read], stored("a")), ["changed write"])

    def test_invented_write(self):
        self.assertEqual(self.kinds([], [], stored("a")), ["invented write"])

    def test_refused_write(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, refused=True)], [], stored("a")), ["refused write"])
        self.assertEqual(self.kinds([Post("c", "a", 0, 1, refused=True)], [], []), [])

    def test_duplicate(self):
        self.assertEqual(self.kinds([Post("c", "a", 0, 1)], [], stored("a", "a")), ["duplicate"])

    def test_gap(self):
        rows = [Stored("c", 1, "a", 1, 1.0), Stored("c", 3, "b", 2, 2.0)]
        self.assertEqual(self.kinds([Post("c", "a", 0), Post("c", "b", 0)], [], rows), ["gap"])

    def test_clock_and_time_that_go_back(self):
        rows = [Stored("c", 1, "a", 5, 5.0), Stored("c", 2, "b", 5, 4.0)]
        posts = [Post("c", "a", 0), Post("c", "b", 0)]
        self.assertEqual(self.kinds(posts, [], rows), ["nonmonotonic", "nonmonotonic"])

    def test_stale_read(self):
        posts = [Post("c", "a", 0, 1, 1)]
        self.assertEqual(self.kinds(posts, [Read("c", 2, 3, 0)], stored("a")), ["stale read"])

    def test_a_read_of_more_than_it_shows_is_not_stale(self):
        posts = [Post("c", "a", 0, 1, 1)]
        self.assertEqual(self.kinds(posts, [Read("c", 2, 3, 0, newest=False)], stored("a")), [])

    def test_reads_that_go_back(self):
        posts = [Post("c", "a", 0)]
        reads = [Read("c", 1, 2, 1), Read("c", 3, 4, 0)]
        self.assertEqual(self.kinds(posts, reads, stored("a")), ["nonmonotonic"])

    def test_read_from_the_future(self):
        posts = [Post("c", "a", 5, 6, 1)]
        self.assertEqual(self.kinds(posts, [Read("c", 2, 3, 1)], stored("a")), ["future read"])

    def test_order_against_real_time(self):
        posts = [Post("c", "a", 0, 1, 2), Post("c", "b", 2, 3, 1)]
        self.assertEqual(self.kinds(posts, [], stored("b", "a")), ["reordered"])

    def test_streams_are_apart(self):
        posts = [Post("c", "a", 0, 1, 1), Post("d", "b", 2, 3, 1)]
        self.assertEqual(check_streams(posts, [], stored("a") + stored("b", stream="d")), [])

    def test_many_that_one_call_makes_impossible_are_one_sentence(self):
        posts = [Post("c", "a", 9, 10, 1)] + [Post("c", str(n), n, n + 1, n) for n in range(2, 7)]
        (sentence,) = map(str, check_streams(posts, [], stored("a", *map(str, range(2, 7)))))
        self.assertEqual(
            sentence,
            "reordered: c: post 1 was asked for at 9.000000, when post 2, which does not come before it, "
            "had returned at 3.000000 (and 4 more)",
        )

    def readers(self, *shown, since=0, to_the_end=False):
        posts = [Post("c", id_, 0, 1, seq) for seq, id_ in enumerate("abc", 1)]
        return self.kinds(posts, [], stored(*"abc"), [Followed("r", "c", since, shown, to_the_end)])

    def test_what_a_reader_can_be_shown_wrongly(self):
        a, b, c = (1, "a"), (2, "b"), (3, "c")
        self.assertEqual(self.readers(a, b, c, to_the_end=True), [])
        self.assertEqual(self.readers(c, since=2, to_the_end=True), [])
        self.assertEqual(self.readers(a), [])
        self.assertEqual(self.readers(a, c), ["skip"])
        self.assertEqual(self.readers(a, c, b), ["nonmonotonic", "skip"])
        self.assertEqual(self.readers(a, a, b), ["duplicate"])
        self.assertEqual(self.readers(a, b, to_the_end=True), ["unobserved"])
        self.assertEqual(self.readers(a, (2, "x")), ["changed write"])
        self.assertEqual(self.readers(a, b, c, (4, "d")), ["lost write"])


def count(state, call):
    """A stream as the search sees it: how many posts there are."""
    if isinstance(call, Read):
        fits = call.head == state if call.newest else call.head <= state
        return state if fits else None
    return state + 1 if call.seq in {None, state + 1} else None


class CrossCheckTests(SynchronousTestCase):
    """The greedy check and the exhaustive search agree on random small histories, right and wrong."""

    def test_agreement(self):
        rng = Random(7)
        verdicts = {True: 0, False: 0}
        for _ in range(4000):
            posts = []
            for number in range(1, rng.randint(2, 5)):
                start = rng.uniform(0, 6)
                posts.append(Post("c", str(number), start, start + rng.uniform(0, 3), number))
            rows = stored(*(post.id for post in posts))
            reads = []
            for _ in range(rng.randint(0, 4)):
                start = rng.uniform(0, 8)
                head = rng.randint(0, len(rows) + (rng.random() < 0.1))
                reads.append(Read("c", start, start + rng.uniform(0, 3), head, rng.random() < 0.7))
            verdict = not check_streams(posts, reads, rows)
            calls = [*posts, *reads]
            self.assertEqual(verdict, linearizable(calls, 0, count), calls)
            verdicts[verdict] += 1
        self.assertGreater(min(verdicts.values()), 500)
