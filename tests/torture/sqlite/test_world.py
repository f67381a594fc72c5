"""Fixed seeds of the tier with real SQLite; the same seed is the same run; bugs that were planted are found."""

import os
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.core.store.port import Opened
from bulletin.simulation.board.options import Options
from bulletin.simulation.violation import Violation
from bulletin.storage.writer import Writer
from bulletin.torture.sqlite.command import main
from bulletin.torture.sqlite.faults import draw
from bulletin.torture.sqlite.twin import TWINS, Shelf, Twins, TwinStore
from bulletin.torture.sqlite.world import KINDS, SqliteWorld
from tests.simulation.seeds import run_test

ROOT = Path(__file__).parents[3]
OPTIONS = Options(
    servers=3,
    clients=1,
    seconds=1.5,
    calm=2,
    faults=(("power_within", 0.2), ("power", 0.7), ("short_disk", 1.0), ("failing_sync", 2.0)),
    config=Config(retained_entries=4, held_entries=4),
)
REGRESSIONS = Path(__file__).parent / "regressions.txt"


class RegressionTests(SynchronousTestCase):
    """Seeds that failed once."""


for _line in REGRESSIONS.read_text().splitlines():
    if not _line.startswith("#"):
        _number, _why = _line.split(maxsplit=1)
        _test = run_test(
            SqliteWorld, int(_number), draw(int(_number)), lambda world: len(world.notes.calls), _why
        )
        setattr(RegressionTests, f"test_{_number}", _test)


class SeedTests(SynchronousTestCase):
    def run_world(self, seed, options=OPTIONS, *, trace=False):
        world = SqliteWorld(seed, options, trace=trace)
        try:
            world.run()
        except Violation as violation:
            steps = "\n".join(world.last_steps)
            raise self.failureException(f"{violation}\nseed {seed}\n{steps}") from violation
        return world

    def test_nothing_acknowledged_is_lost(self):
        world = self.run_world(2)
        self.assertGreater(world.counts["power_failed_within"], 1)
        self.assertGreater(world.counts["stores_opened"], 6)
        self.assertGreater(len(world.notes.calls), 0)

    def test_spoilt_copies(self):
        world = self.run_world(3, attrs.evolve(OPTIONS, faults=(("spoilt_copy", 0.1),)))
        came = [count for what, count in world.counts.items() if what.startswith("damage_")]
        self.assertGreater(len(came), 2)
        self.assertGreater(sum(came), 20)

    def test_spoilt_disks_of_servers_that_run(self):
        options = attrs.evolve(OPTIONS, faults=(("spoilt_disk", 0.3), ("kill", 0.7)), seconds=2.0)
        world = self.run_world(6, options)
        self.assertGreater(world.counts["spoilt_disk"], 2)
        self.assertGreater(world.counts["spoilt_server_goes_on"], 0)

    def test_a_page_that_no_start_reads(self):
        """That of the table with another server's parts is zeroed: the scrubber finds it, and nobody stumbles over it before."""
        options = attrs.evolve(draw(354193943216), seconds=0.6, calm=1)
        world = self.run_world(354193943216, options)
        self.assertGreater(world.counts["spoilt_disk"], 0)

    def test_one_seed_is_one_run(self):
        options = attrs.evolve(OPTIONS, seconds=0.7)
        first, second = (self.run_world(4, options, trace=True) for _ in range(2))
        self.assertEqual(first.trace, second.trace)
        for one, other in zip(first.sqlite_servers, second.sqlite_servers, strict=True):
            self.assertEqual(one.disk.files.files(), other.disk.files.files())

    def test_each_fault_has_a_method(self):
        world = SqliteWorld(1, OPTIONS)
        for kind in KINDS:
            if kind not in ("clock_drift", "clock_rates"):
                self.assertTrue(callable(getattr(world.faults, f"_{kind}")), kind)


class CommandTests(SynchronousTestCase):
    def test_whatever_the_hash_seed(self):
        """No order comes from the hashes of strings; and the command runs."""
        traces = set()
        for hashes in ("1", "2"):
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "bulletin.torture.sqlite",
                    "--seed",
                    "5007",
                    "--seconds",
                    "0.3",
                    "--trace",
                    "--servers",
                    "3",
                    "--clients",
                    "1",
                    "--faults",
                    "power/0.1,power_within/0.05,spoilt_disk/0.2",
                ],
                env={**os.environ, "PYTHONHASHSEED": hashes},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            traces.update(line for line in done.stdout.splitlines() if line.startswith("sqlite 5007 "))
        self.assertEqual(len(traces), 1)

    def test_a_mistake(self):
        errors = StringIO()
        with redirect_stderr(errors):
            self.assertRaises(SystemExit, main, ["--faults", "nonsense/1"])
        self.assertIn("tier sqlite has no fault 'nonsense'", errors.getvalue())


class PlantedTests(SynchronousTestCase):
    """What the tier is there for."""

    def found(self):
        """What the first of some seeds that fails says."""
        for seed in range(6):
            try:
                SqliteWorld(seed, attrs.evolve(OPTIONS, faults=(("power", 0.3), ("power_within", 0.3)))).run()
            except Violation as violation:
                return violation
        raise self.failureException("the bug was not found")

    def test_a_writer_that_does_not_sync_what_it_acknowledges(self):
        synchronous = Writer._synchronous
        self.patch(Writer, "_synchronous", lambda self, *, full: synchronous(self, full=False))
        self.assertEqual(self.found().name, TWINS)

    def test_a_store_that_finds_less_than_it_had(self):
        """As if rows that were applied had come back without their marks."""
        adopt = Twins.adopt

        def forgetful(self, opened: Opened, shelf: Shelf):
            if opened.board is not None and opened.board.operations:
                board = attrs.evolve(opened.board, operations=opened.board.operations[:-1])
                opened = attrs.evolve(opened, board=board)
            return adopt(self, opened, shelf)

        self.patch(Twins, "adopt", forgetful)
        self.assertEqual(self.found().name, TWINS)

    def test_a_page_with_a_wrong_post(self):
        page = TwinStore.page

        def lies(self, query, done):
            def wrong(found):
                posts = [attrs.evolve(post, message="outra coisa") for post in found.posts]
                read(attrs.evolve(found, posts=tuple(posts)))

            read = None

            class Lying:
                def page(self, _query, then):
                    nonlocal read
                    read = then
                    sqlite.page(query, wrong)

            sqlite = self._sqlite
            self._sqlite = Lying()
            try:
                page(self, query, done)
            finally:
                self._sqlite = sqlite

        self.patch(TwinStore, "page", lies)
        self.assertEqual(self.found().name, TWINS)
