"""Links that several faults cut at once are whole when the last of them is over."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.network import Cuts

AB, BA, AC = ("a", "b"), ("b", "a"), ("a", "c")


class CutsTests(SynchronousTestCase):
    def test_a_link_that_is_cut_twice(self):
        cuts = Cuts()
        self.assertEqual(cuts.add([AB, BA]), [AB, BA])
        self.assertEqual(cuts.add([AB, AC]), [AC])
        self.assertEqual(cuts.remove([AB, BA]), [BA])
        self.assertEqual(cuts.remove([AB, AC]), [AB, AC])
        self.assertEqual(cuts.add([AB]), [AB])

    def test_a_link_that_is_named_twice(self):
        cuts = Cuts()
        self.assertEqual(cuts.add([AB, AB]), [AB])
        self.assertEqual(cuts.remove([AB, AB]), [AB])
