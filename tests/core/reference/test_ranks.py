from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.errors import Code, Refusal
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.reference.ranks import NAMES_MAX, Ranks, Record

CLUSTER = bytes(range(16))


def member(name, rank):
    return Member(name.encode().ljust(16), name, f"tcp://{name}:1", rank)


def document(*members):
    return FoundingDocument(CLUSTER, tuple(members)).encode()


class RanksTests(SynchronousTestCase):
    def test_ranks_count_from_one_and_stay(self):
        ranks = Ranks()
        self.assertEqual([ranks.give(name) for name in "abcab"], [1, 2, 3, 1, 2])
        self.assertEqual(ranks.pairs(), (("a", 1), ("b", 2), ("c", 3)))

    def test_a_restart_goes_on_above_the_highest(self):
        self.assertEqual(Ranks([("a", 1), ("b", 7)]).give("c"), 8)

    def test_asking_gives_nothing(self):
        ranks = Ranks()
        self.assertIsNone(ranks.of("a"))
        self.assertEqual(len(ranks), 0)

    def test_names_are_bounded(self):
        ranks = Ranks((str(number), number) for number in range(1, NAMES_MAX + 1))
        self.assertIs(self.assertRaises(Refusal, ranks.give, "one more").code, Code.FULL)
        self.assertEqual(ranks.give("5"), 5)

    def test_a_documents_ranks_win(self):
        ranks = Ranks([("new", 1), ("b", 2), ("other", 3)])
        changed = ranks.adopt([member("a", 1), member("b", 2), member("c", 5)])
        self.assertEqual(changed, ("new",))
        self.assertEqual(ranks.pairs(), (("a", 1), ("b", 2), ("other", 3), ("c", 5), ("new", 6)))

    def test_members_may_swap_ranks(self):
        ranks = Ranks([("a", 1), ("b", 2)])
        self.assertEqual(ranks.adopt([member("a", 2), member("b", 1)]), ("a", "b"))
        self.assertEqual(ranks.pairs(), (("b", 1), ("a", 2)))

    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(st.lists(st.sampled_from("abcdef")), st.permutations("abcdef"), st.integers(1, 6))
    def test_whatever_is_adopted_ranks_stay_unique_and_no_name_is_lost(self, asked, order, size):
        ranks = Ranks()
        for name in asked:
            ranks.give(name)
        members = [member(name, rank) for rank, name in enumerate(order[:size], 1)]
        ranks.adopt(members)
        pairs = ranks.pairs()
        self.assertEqual(len({rank for _, rank in pairs}), len(pairs))
        self.assertEqual({name for name, _ in pairs}, {*asked, *order[:size]})
        for entry in members:
            self.assertEqual(ranks[entry.name], entry.rank)


class RecordTests(SynchronousTestCase):
    def test_it_comes_back_as_it_went(self):
        for record in (
            Record(),
            Record((("a", 1), ("é", 9))),
            Record((("a", 1),), document(member("a", 1)), CLUSTER),
            Record((), None, CLUSTER),
        ):
            self.assertEqual(Record.decode(record.encode()), record)

    def test_the_largest_one_fits(self):
        members = [Member(b"%016d" % n, f"{n:064}", "e" * 256, n) for n in range(1, 65)]
        pairs = tuple((f"{n:064}", n) for n in range(1, NAMES_MAX + 1))
        record = Record(pairs, document(*members), CLUSTER)
        self.assertEqual(Record.decode(record.encode()), record)

    def test_what_no_record_says_is_refused(self):
        for record in (
            Record((("a", 1), ("a", 2))),
            Record((("a", 1), ("b", 1))),
            Record((("a", 0),)),
            Record((("", 1),)),
            Record((("x" * 65, 1),)),
            Record(((7, 1),)),
            Record((("a", "1"),)),
            Record((), b"junk", CLUSTER),
            Record((), document(member("a", 1)), bytes(16)),
            Record((), document(member("a", 1)), None),
            Record((), None, b"short"),
        ):
            self.assertRaises(ValueError, Record.decode, record.encode())

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(st.integers(0, 200), st.integers(1, 255), st.booleans())
    def test_damage_raises_one_exception(self, place, flip, cut):
        data = bytearray(Record((("a", 1), ("b", 2)), document(member("a", 1)), CLUSTER).encode())
        place %= len(data)
        data[place] ^= flip
        try:
            Record.decode(bytes(data[:place] if cut else data))
        except ValueError:
            return
        self.assertFalse(cut)
