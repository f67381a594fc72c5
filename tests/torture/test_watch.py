"""What must not be at any moment is noticed in the pages of metrics."""

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import MIB
from bulletin.torture.watch import Watch, memory


def page(*, index=7, digest="ab", term=3, leads=False, written=None, commit=None):
    return (
        "# HELP bulletin_log_term The latest term it knows.\n"
        f"bulletin_log_term {term:.1f}\n"
        f'bulletin_log_role{{role="leader"}} {float(leads)}\n'
        f"bulletin_log_lag 0.0\nbulletin_log_written {index if written is None else written:.1f}\n"
        f'bulletin_board_digest{{digest="{digest}"}} {index:.1f}\n'
    )


class Server:
    def __init__(self, name, text):
        self.name, self.text, self.process = name, text, None

    def get(self, path, timeout):
        return (200, self.text) if self.text else (0, "refused")


class WatchTests(SynchronousTestCase):
    def watch(self, *pages):
        servers = [Server(f"server{number}", text) for number, text in enumerate(pages, 1)]
        return Watch(SimpleNamespace(servers=servers, roles=servers))

    def test_servers_that_agree(self):
        watch = self.watch(page(leads=True), page(), page(index=6, digest="cd"))
        watch.look()
        self.assertEqual((watch.faults(), watch.compared), ([], 1))

    def test_two_states_at_one_index(self):
        watch = self.watch(page(), page(digest="cd"))
        watch.look()
        self.assertEqual(watch.faults(), ["server1 and server2 have different states at entry 7"])

    def test_two_states_at_one_index_at_different_times(self):
        watch = self.watch(page(), page(index=6, digest="ab"))
        watch.look()
        watch.board.servers[1].text = page(digest="cd")
        watch.look()
        watch.look()
        self.assertEqual(watch.faults(), ["server1 and server2 have different states at entry 7"])

    def test_two_leaders_of_one_term(self):
        watch = self.watch(page(leads=True), page(term=2, leads=True))
        watch.look()
        self.assertEqual(watch.faults(), [])
        watch.board.servers[1].text = page(leads=True)
        watch.look()
        self.assertEqual(watch.faults(), ["server1 and server2 both led in term 3.0"])

    def test_who_does_not_answer_is_passed_over(self):
        watch = self.watch(page(), "")
        watch.look()
        self.assertEqual(watch.faults(), [])
        self.assertFalse(watch.level())

    def test_level(self):
        self.assertTrue(self.watch(page(), page(leads=True)).level())
        self.assertFalse(self.watch(page(), page(index=8)).level())
        self.assertFalse(self.watch(page(), page(written=6)).level())
        self.assertFalse(self.watch("", "").level())

    def test_memory_above_its_bound(self):
        watch = self.watch(page())
        watch.peaks = {"broker": 1024 * MIB, "server2": 2049 * MIB}
        self.assertEqual(watch.faults(), ["server2 had 2049 MiB; 2048 are allowed"])

    def test_memory_of_this_process_and_of_none(self):
        self.assertGreater(memory("self", "VmRSS"), MIB)
        self.assertEqual(memory(2**30, "VmRSS"), 0)
