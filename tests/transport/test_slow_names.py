import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.deployment.containers import obstacle

ROOT = Path(__file__).parents[2]


class SlowNamesTests(SynchronousTestCase):
    def test_a_name_server_that_does_not_answer_stops_nobody_who_connects_by_address(self):
        self.sends_through("tcp://127.0.0.1:PORT")

    def test_nor_whoever_connects_by_another_name(self):
        self.sends_through("tcp://localhost:PORT")

    def test_nor_one_socket_with_both(self):
        self.sends_through("tcp://nobody.example:1,tcp://localhost:PORT")
        self.sends_through("tcp://localhost:PORT,tcp://nobody.example:1")

    def sends_through(self, endpoints):
        why_not = obstacle()
        if why_not is not None:
            raise SkipTest(why_not)
        names = Path(self.mktemp())
        names.write_text("nameserver 127.0.0.1\noptions timeout:3 attempts:2\n")
        script = f'ip link set lo up && mount --bind {names.absolute()} /etc/resolv.conf && exec "$@"'
        done = subprocess.run(
            [
                *("unshare", "--net", "--mount", "sh", "-c", script, "sh"),
                *(sys.executable, "-m", "tests.transport.slow_names", endpoints),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        self.assertEqual(done.stdout, "message\n", done.stderr)
