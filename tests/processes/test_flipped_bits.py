"""Real servers, in whose files bits flip."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes.flipped_bits import run


class FlippedBitsTests(SynchronousTestCase):
    timeout = 300

    def test_nothing_wrong_is_served_and_all_is_mended(self):
        folder = tempfile.TemporaryDirectory(prefix="bulletin-bits-")
        self.addCleanup(folder.cleanup)
        figures, wrong = run(Path(folder.name), range(3))
        self.assertEqual(wrong, [])
        self.assertGreater(figures["posts"], 10)
