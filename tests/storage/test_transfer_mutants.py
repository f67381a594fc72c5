"""Planted bugs in the taking over of tables: the tests of that notice each."""

import unittest

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.intake import Intake
from bulletin.simulation.mutants.mutant import Patch
from bulletin.storage.giver import Giver
from bulletin.storage.shelf import Incoming
from tests.storage import test_transfer

MUTANTS = {
    "the ids that are remembered stay behind": (
        Patch(Giver, "_copy", "for table in CHUNKED:", "for table in CHUNKED[:4]:"),
        "test_all_of_it",
    ),
    "the sessions stay behind": (
        Patch(
            Incoming,
            "_put_tables",
            "        if number in present:",
            '        if number in present and chunk.table != "sessions":',
        ),
        "test_all_of_it",
    ),
    "the suffix goes": (
        Patch(Incoming, "_cut_log", "same = hash_in", "same = False and hash_in"),
        "test_a_suffix_stays",
    ),
    "a suffix of another history stays": (
        Patch(Incoming, "_cut_log", "same = hash_in(body, index) == manifest.hash and", "same ="),
        "test_a_suffix_of_another_history_goes",
    ),
    "posts are not held against their chain": (
        Patch(Intake, "_take_posts", "!= values[POST_CHAIN]", "== b''"),
        "test_a_post_of_another_history",
    ),
    "the marks are the sender's latest": (
        Patch(
            Giver,
            "_current",
            "if self._manifest is None or self._manifest.index < anchor.index:",
            "if self._manifest is None:",
        ),
        "test_two_in_a_row",
    ),
}


def _test_of(mutant: Patch, name: str):
    def test(self) -> None:
        result = unittest.TestResult()
        with mutant.planted():
            test_transfer.SqliteTests(name).run(result)
        self.assertTrue(result.failures or result.errors, "nobody notices")
        result = unittest.TestResult()
        test_transfer.SqliteTests(name).run(result)
        self.assertEqual((result.failures, result.errors), ([], []))

    return test


class TransferMutantTests(SynchronousTestCase):
    """One test for each planted bug."""


for _name, (_mutant, _test) in MUTANTS.items():
    setattr(TransferMutantTests, f"test_{_name.replace(' ', '_')}".replace("'", ""), _test_of(_mutant, _test))
