"""Real servers on small disks of their own, which are filled up."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.processes.full_disk import NotMountableError, on_small_disks


class FullDiskTests(SynchronousTestCase):
    timeout = 300

    def test_one_and_then_two_of_three_disks_are_full(self):
        folder = tempfile.TemporaryDirectory(prefix="bulletin-full-")
        self.addCleanup(folder.cleanup)
        try:
            result = on_small_disks(Path(folder.name), rounds=1, seed=2)
        except NotMountableError as error:
            raise SkipTest(f"there is no right to mount a small disk: {error}") from None
        self.assertEqual(result.anomalies, [])
        self.assertEqual([error for error in result.errors if "tempo_esgotado" not in error], [])
        self.assertGreater(result.figures["posts"], 50)
