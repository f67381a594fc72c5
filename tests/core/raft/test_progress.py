"""A follower as its leader sees it."""

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.core.raft.progress import Mode, Progress

CONFIG = Config(inflight_messages_max=2, inflight_bytes_max=100)


def replicating(match: int = 4) -> Progress:
    progress = Progress(match + 1, 0.0, 0.0)
    progress.acknowledged(match, match)
    return progress


class ProgressTests(SynchronousTestCase):
    def test_one_probe(self) -> None:
        """One append with entries until it is answered."""
        progress = Progress(5, 0.0, 0.0)
        self.assertTrue(progress.may_send_entries(CONFIG))
        progress.sent(9, 10)
        self.assertFalse(progress.may_send_entries(CONFIG))
        self.assertEqual(progress.next, 5)

    def test_window_by_messages_and_bytes(self) -> None:
        """The window closes at either bound, and opens with acknowledgements, synced or not."""
        progress = replicating()
        progress.sent(5, 10)
        self.assertTrue(progress.may_send_entries(CONFIG))
        progress.sent(6, 10)
        self.assertFalse(progress.may_send_entries(CONFIG))
        progress.acknowledged(0, 5)
        self.assertTrue(progress.may_send_entries(CONFIG))
        progress.sent(9, 95)
        progress.acknowledged(6, 6)
        self.assertTrue(progress.may_send_entries(CONFIG))
        progress.sent(10, 5)
        progress.acknowledged(0, 9)
        progress.sent(20, 95)
        self.assertFalse(progress.may_send_entries(CONFIG))

    def test_probe_ends_where_the_logs_meet(self) -> None:
        """An answer that is older than the question does not end the probe; the question's own does."""
        progress = Progress(5, 0.0, 0.0)
        progress.acknowledged(2, 2)
        self.assertIs(progress.mode, Mode.PROBE)
        progress.acknowledged(0, 4)
        self.assertIs(progress.mode, Mode.REPLICATE)
        self.assertEqual((progress.match, progress.next), (2, 5))

    def test_rejection_of_the_probe(self) -> None:
        """The next probe is where the logs may meet, and always earlier."""
        progress = Progress(9, 0.0, 0.0)
        self.assertTrue(progress.rejected(8, 3))
        self.assertEqual(progress.next, 4)
        self.assertTrue(progress.rejected(3, 7))
        self.assertEqual(progress.next, 3)

    def test_stale_rejections(self) -> None:
        """What is known since is not doubted, and a probe answers for itself only."""
        progress = replicating(4)
        self.assertFalse(progress.rejected(4, 0))
        self.assertFalse(Progress(9, 0.0, 0.0).rejected(5, 1))

    def test_rejection_while_replicating(self) -> None:
        """Something got lost: ask anew, never at or below what is known."""
        progress = replicating(4)
        progress.sent(8, 10)
        self.assertTrue(progress.rejected(8, 2))
        self.assertEqual((progress.mode, progress.next, progress.inflight_bytes), (Mode.PROBE, 5, 0))

    @settings(deadline=None, max_examples=200, derandomize=True)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("sent"), st.integers(1, 3), st.integers(0, 60)),
                st.tuples(st.just("acknowledged"), st.integers(0, 30), st.integers(0, 30)),
                st.tuples(st.just("rejected"), st.integers(0, 30), st.integers(0, 30)),
                st.tuples(st.just("pause"), st.just(0), st.just(0)),
            )
        )
    )
    def test_marks_keep_their_order(self, steps) -> None:
        """Whatever is answered: match < next, match never falls, the window stays inside its bounds."""
        progress = Progress(5, 0.0, 0.0)
        for step, first, second in steps:
            match = progress.match
            if step == "sent" and progress.may_send_entries(CONFIG):
                progress.sent(progress.next - 1 + first, second)
            elif step == "acknowledged":
                progress.acknowledged(first, second)
            elif step == "rejected":
                progress.rejected(first, second)
            elif step == "pause":
                progress.pause()
            self.assertLess(progress.match, progress.next)
            self.assertGreaterEqual(progress.match, match)
            self.assertLessEqual(len(progress.inflight), CONFIG.inflight_messages_max)
            self.assertEqual(progress.inflight_bytes, sum(size for _last, size in progress.inflight))
