"""Directories are damaged as it is said, and healed as an operator would."""

from pathlib import Path
from random import Random
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.faults.damage import (
    DATABASE,
    HARD_STATE,
    WAL,
    Damage,
    Flip,
    Loss,
    Rollback,
    State,
    Swap,
    Truncate,
    flip,
)
from tests.torture.roles import Role

FILES = {DATABASE: b"d" * 5000, WAL: b"w" * 3000, HARD_STATE: b"h" * 100}


class Spill(Damage):
    kind = "spill"

    def damage(self, data):
        (data / DATABASE).write_bytes(b"coffee")
        return "coffee in it"


class DamageTests(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.servers = [Role(f"server{number}", self.folder) for number in (1, 2)]
        self.victim = self.servers[0]
        for server in self.servers:
            (self.folder / server.name).mkdir()
            for name, content in FILES.items():
                (self.folder / server.name / name).write_bytes(content + server.name.encode())
        board = SimpleNamespace(
            servers=self.servers, folder=self.folder, data=lambda server: self.folder / server.name
        )
        self.said = []
        self.scene = SimpleNamespace(
            board=board, say=self.said.append, broken=[], held=set(), copies={}, may_end={}
        )

    def files(self, server):
        return {path.name: path.read_bytes() for path in (self.folder / server.name).iterdir()}

    def struck(self, kind, seed=1):
        fault = kind(self.scene, Random(seed), (self.victim,))
        fault.begin()
        starts = int(fault.state is not State.RUNNING)
        self.assertEqual((self.victim.starts, self.scene.held), (starts, {"server1"}))
        return fault

    def test_a_server_that_refuses_gets_its_directory_back(self):
        before = self.files(self.victim)
        fault = self.struck(Spill)
        self.assertEqual(self.files(self.victim)[DATABASE], b"coffee")
        self.victim.end(1, "server: The database is damaged.")
        self.assertFalse(fault.over())
        self.assertEqual((self.files(self.victim)[DATABASE], self.victim.starts), (b"coffee", 2))
        self.victim.end(1, "server: The database is damaged.")
        self.assertFalse(fault.over())
        self.assertEqual((self.files(self.victim), self.victim.starts), (before, 3))
        self.assertTrue(fault.over())
        self.assertEqual((self.scene.broken, self.scene.held), ([], set()))
        self.assertEqual(fault.came_to, "well again, with its own directory")

    def test_a_server_that_mends_itself_when_it_is_started_again_keeps_what_it_has(self):
        fault = self.struck(Spill)
        self.victim.end(1, "server: The database is damaged.")
        self.assertFalse(fault.over())
        self.assertTrue(fault.over())
        self.assertEqual((self.files(self.victim)[DATABASE], self.victim.starts), (b"coffee", 2))

    def test_one_that_takes_no_part_gets_its_directory_back(self):
        before = self.files(self.victim)
        fault = self.struck(Spill)
        self.victim.ready, self.victim.says = False, "its directory is an old copy, so it takes no part"
        self.assertFalse(fault.over())
        self.assertEqual((self.files(self.victim), self.victim.starts), (before, 2))
        self.assertTrue(fault.over())
        self.assertEqual(self.scene.broken, [])

    def test_one_that_is_well_keeps_what_it_has(self):
        fault = self.struck(Spill)
        self.assertTrue(fault.over())
        self.assertEqual(self.files(self.victim)[DATABASE], b"coffee")
        self.assertEqual((fault.came_to, self.victim.starts), ("well again", 1))

    def test_a_database_that_was_cut_is_made_obvious_too(self):
        for seed in range(100):
            fault = Truncate(self.scene, Random(seed), (self.victim,))
            fault.begin()
            if f"{DATABASE} cut" in fault.detail and "to 0 bytes" not in fault.detail:
                break
            fault._put_back()
        starts = self.victim.starts
        self.assertFalse(fault.over())
        self.assertEqual(self.victim.starts, starts + 1)

    def test_damage_of_a_database_that_seems_to_have_done_nothing_may_show_later(self):
        fault = self.struck(Spill)
        fault.detail = f"without {WAL}"
        self.assertTrue(fault.over())
        self.assertTrue(self.scene.may_end["server1"].search("server: The database is damaged (row 0)."))

    def test_one_that_is_not_ready_yet_is_waited_for(self):
        fault = self.struck(Spill)
        self.victim.ready = False
        self.assertFalse(fault.over())
        self.assertEqual((self.files(self.victim)[DATABASE], self.victim.starts), (b"coffee", 1))

    def test_an_end_without_a_sentence_is_a_broken_promise(self):
        for status, last in ((1, "KeyError: 7"), (-11, "server: The database is damaged."), (0, "")):
            self.setUp()
            fault = self.struck(Spill)
            self.victim.end(status, last)
            fault.over()
            self.assertEqual(
                self.scene.broken, [f"server1, with coffee in it, ended with status {status}: {last}"]
            )

    def test_one_that_refuses_its_own_directory_is_a_broken_promise(self):
        fault = self.struck(Spill)
        for _ in range(3):
            self.victim.end(1, "server: The database is damaged.")
            fault.over()
        self.assertIn("server1 refuses the directory that was its own", self.scene.broken[0])

    def test_one_that_has_taken_part_does_not_get_an_older_directory(self):
        fault = self.struck(Spill)
        fault.settled = lambda: False
        self.assertFalse(fault.over())
        for _ in range(2):
            self.victim.end(1, "server: The database is damaged.")
            fault.over()
        self.assertEqual(self.files(self.victim)[DATABASE], b"coffee")
        self.assertIn("server1, with coffee in it, does not mend itself", self.scene.broken[0])

    def flipped_database(self):
        for seed in range(100):
            fault = Flip(self.scene, Random(seed), (self.victim,))
            fault.state = State.KILLED
            fault.begin()
            if DATABASE in fault.detail:
                return fault
            fault._put_back()
        raise AssertionError("no seed flips bits of the database")

    def test_bits_flip_in_any_state(self):
        states = {Flip(self.scene, Random(seed), (self.victim,)).state for seed in range(30)}
        self.assertEqual(states, set(State))

    def test_one_that_is_stopped_first(self):
        fault = Spill(self.scene, Random(1), (self.victim,))
        fault.state = State.STOPPED
        fault.begin()
        self.assertEqual((self.victim.stops, self.victim.starts, self.scene.broken), (1, 1, []))
        self.assertEqual(fault.detail, "coffee in it (stopped)")
        self.victim.stop_status = 1
        fault.begin()
        self.assertEqual(self.scene.broken, ["server1 ended with status 1 after SIGTERM"])

    def test_one_that_runs_has_to_mend_itself(self):
        fault = Spill(self.scene, Random(1), (self.victim,))
        fault.state = State.RUNNING
        fault.begin()
        self.assertEqual((self.victim.starts, fault.detail), (0, "coffee in it (running)"))
        for _ in range(2):
            self.victim.end(1, "server: The database is damaged.")
            fault.over()
        self.assertEqual(self.files(self.victim)[DATABASE], b"coffee")
        self.assertIn("does not mend itself", self.scene.broken[0])

    def test_flipped_bits_that_nobody_has_read_are_made_obvious(self):
        fault = self.flipped_database()
        starts = self.victim.starts
        self.assertFalse(fault.over())
        self.assertEqual(self.victim.starts, starts + 1)
        self.assertNotEqual(self.files(self.victim)[DATABASE][:16], b"d" * 16)
        self.victim.log.write_text(
            self.victim.log.read_text() + "server: The database is damaged (x): it was put aside.\n"
        )
        self.assertTrue(fault.over())
        self.assertEqual((self.scene.broken, fault.came_to), ([], "well again"))

    def test_flipped_bits_that_were_noticed_are_left_alone(self):
        fault = self.flipped_database()
        starts = self.victim.starts
        self.victim.log.write_text("server: The database is damaged (x): it was put aside.\n")
        self.assertTrue(fault.over())
        self.assertEqual((self.scene.broken, self.victim.starts), ([], starts))

    def test_a_damage_that_is_obvious_and_not_noticed_is_a_broken_promise(self):
        fault = self.flipped_database()
        self.assertFalse(fault.over())
        fault.over()
        self.assertIn("goes on with a database whose beginning is damaged", self.scene.broken[0])

    def test_each_kind_changes_files_and_says_which(self):
        copy = self.folder / "copies"
        copy.mkdir()
        for name in (DATABASE, HARD_STATE):
            (copy / name).write_bytes(b"old")
        self.scene.copies["server1"] = copy, -2
        for kind in (Truncate, Flip, Rollback, Swap, Loss):
            before = self.files(self.victim)
            changed = set()
            for seed in range(8):
                fault = self.struck(kind, seed)
                after = self.files(self.victim)
                self.assertNotEqual(after, before, kind)
                named = {name for name in FILES if name in fault.detail.replace(",", "").split()}
                differ = {name for name in FILES if after.get(name) != before.get(name)}
                self.assertLessEqual(differ, named, fault.detail)
                changed |= named
                if fault.state is State.RUNNING:  # there is no copy
                    for name, content in before.items():
                        (self.folder / "server1" / name).write_bytes(content)
                else:
                    fault._put_back()
                self.assertEqual(self.files(self.victim), before)
                self.victim.starts = 0
                self.scene.held.clear()
            self.assertGreater(len(changed), 1, kind)


class FlipTests(SynchronousTestCase):
    def test_bits_and_nothing_else(self):
        path = Path(self.mktemp())
        path.write_bytes(bytes(1000))
        offsets = flip(path, Random(4), 3)
        content = path.read_bytes()
        self.assertEqual(len(content), 1000)
        self.assertEqual([at for at, byte in enumerate(content) if byte], offsets)
        self.assertTrue(all(byte.bit_count() <= 1 for byte in content))
