"""A short, seeded share of what ``python -m tests.processes.torture`` does at length; no bound on time is asserted."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes.torture import run


class TortureTests(SynchronousTestCase):
    timeout = 300

    def result_of(self, kind, seconds):
        with tempfile.TemporaryDirectory(prefix="bulletin-torture-") as folder:
            return run(kind, seconds=seconds, seed=3, folder=Path(folder))

    def assert_kept(self, result):
        self.assertEqual(result.anomalies, [])
        self.assertGreater(result.figures["posts"], 0)
        self.assertGreater(result.figures["stored"], 0)

    def test_servers_killed_one_after_the_other(self):
        self.assert_kept(self.result_of("kill", 6))

    def test_servers_paused_one_after_the_other(self):
        self.assert_kept(self.result_of("pause", 6))

    def test_broker_proxy_and_reference_killed(self):
        self.assert_kept(self.result_of("edges", 6))

    def test_everything_killed_at_once(self):
        self.assert_kept(self.result_of("everything", 2))

    def test_a_server_away_for_longer_than_the_log(self):
        result = self.result_of("behind", 0)
        self.assert_kept(result)
        self.assertGreater(result.figures["took_over"], 0)

    def test_a_majority_gone_and_back(self):
        figures = self.result_of("majority", 0).figures
        self.assertIn(figures["code"], {"sem_lider", "sem_servidores", "tempo_esgotado"})
        self.assertIsNotNone(figures["works_after_s"])
