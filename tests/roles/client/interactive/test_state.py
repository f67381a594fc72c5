"""The files: private, kept over a crash, taken over once."""

import json
import os
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.client.outbox import LINES_MAX, Line
from bulletin.core.limits import MESSAGE_BYTES_MAX
from bulletin.core.wire.requests import Publish, Send
from bulletin.roles.client.interactive.state import HISTORY_BYTES_MAX, Seen, State, directory, key

LINES = [
    Line("ab:1", Publish("ana", "geral", "olá\nmundo")),
    Line("ab:2", Send("ana", "bia", "oi")),
]


class Files(SynchronousTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "state" / "bulletin"

    def state(self, session="ab", user="ana"):
        state = State(self.folder, key(user, ["tcp://a:1"]), session)
        self.addCleanup(state.close)
        return state

    def outboxes(self):
        return sorted(self.folder.glob("outbox-*.json"))

    def test_directory(self):
        """XDG's, if it is an absolute path; else its default."""
        self.assertEqual(directory({"XDG_STATE_HOME": "/x"}), Path("/x/bulletin"))
        for environment in ({}, {"XDG_STATE_HOME": "x"}):
            self.assertEqual(directory(environment), Path("~/.local/state/bulletin").expanduser())

    def test_keys(self):
        """A user of a board, whatever the order of its brokers."""
        self.assertEqual(key("ana", ["a", "b"]), key("ana", ["b", "a"]))
        self.assertEqual(len({key("ana", ["a"]), key("bia", ["a"]), key("ana", ["b"])}), 3)

    def test_taken_over(self):
        """What a process left is the next one's, with its ids and in its order; and of nobody else."""
        first = self.state()
        first.keep(LINES)
        self.assertEqual(self.state("cd", "bia").adopt(), [])
        first.close()  # as the end of a process does
        second = self.state("ef")
        self.assertEqual(second.adopt(), LINES)
        self.assertEqual(self.state("01").adopt(), [])
        second.keep(LINES[1:])
        second.close()
        self.assertEqual(self.state("23").adopt(), LINES[1:])

    def test_not_while_it_is_held(self):
        """A process that runs keeps its lines."""
        first = self.state()
        first.keep(LINES)
        first.keep(LINES[1:])
        self.assertEqual(self.state("cd").adopt(), [])

    def test_what_a_killed_process_left_half_written(self):
        """It does not stay for ever; what may be under way does."""
        self.state().prepare_history()
        old, new = self.folder / ".new-a", self.folder / ".new-b"
        for path in (old, new):
            path.touch()
        os.utime(old, (1, 1))
        self.state().adopt()
        self.assertEqual((old.exists(), new.exists()), (False, True))

    def test_settled(self):
        """Nothing is left of what is settled."""
        state = self.state()
        state.keep(LINES)
        state.keep([])
        self.assertEqual(self.outboxes(), [])
        state.keep([])

    def test_several(self):
        """The oldest first; an id that stands in two files once; not more than there is room for."""
        for number, lines in enumerate(
            (LINES, LINES[:1], [Line(f"cd:{each}", LINES[0].request) for each in range(LINES_MAX)])
        ):
            state = self.state(f"0{number}")
            state.keep(lines)
            state.close()
            os.utime(self.outboxes()[-1], (number, number))
        self.assertEqual(self.state("ef").adopt(), LINES)
        self.assertEqual(len(self.outboxes()), 2)

    def test_modes(self):
        """For their owner alone, whatever the umask."""
        self.addCleanup(os.umask, os.umask(0))
        state = self.state()
        state.keep(LINES)
        state.remember(Seen(3, {"geral": 4}, ("geral",)))
        state.prepare_history()
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        files = list(self.folder.iterdir())
        self.assertEqual(len(files), 3)
        for file in files:
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    def test_unreadable(self):
        """Put aside, not overwritten, and no reason not to begin."""
        for text in (
            "{",
            '{"id": "ab:1"}',
            "[1]",
            '{"id": "a:1", "user": "ana", "channel": "x", "message": ""}',
            '{"id": "a:1", "user": "ana", "channel": "x", "message": "\\ud800"}',
            "[" * 100_000,
        ):
            state = self.state()
            state.keep(LINES)
            state.close()
            (path,) = self.outboxes()
            path.write_text(text + "\n")
            self.assertEqual(self.state("cd").adopt(), [])
            self.assertEqual(path.with_suffix(".unreadable").read_text(), text + "\n")

    def test_partly_readable(self):
        """A line that was cut off does not take the others with it; that there was one is known."""
        state = self.state()
        state.keep(LINES)
        state.close()
        (path,) = self.outboxes()
        path.write_bytes(path.read_bytes()[:-9])
        state = self.state("cd")
        self.assertEqual(state.adopt(), LINES[:1])
        self.assertEqual(state.aside, [path.with_suffix(".unreadable")])

    def test_as_much_as_there_may_be(self):
        """The longest lines, of what takes most bytes, come back."""
        for character in ("\N{GRINNING FACE}", '"', "\n", "\xe9"):
            text = character * (MESSAGE_BYTES_MAX // len(character.encode()))
            lines = [Line(f"ab:{each}", Publish("ana", "geral", text)) for each in range(LINES_MAX)]
            state = self.state()
            state.keep(lines)
            state.close()
            state = self.state("cd")
            self.assertEqual(state.adopt(), lines)
            state.keep([])

    def test_taken_over_by_another_meanwhile(self):
        """A file that goes away between two looks is another process's, and no reason to leave the others."""
        gone, left = self.state("01"), self.state("02")
        for state in (gone, left):
            state.keep(LINES)
            state.close()
        glob = Path.glob

        def glob_and_remove(folder, pattern):
            found = list(glob(folder, pattern))
            for path in found[:1]:
                path.unlink()
            return found

        self.patch(Path, "glob", glob_and_remove)
        self.assertEqual(self.state("ef").adopt(), LINES)

    def test_cannot_be_written(self):
        """What was written before stays."""
        state = self.state()
        state.keep(LINES)
        self.patch(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with self.assertRaises(OSError):
            state.keep(LINES[1:])
        (path,) = self.outboxes()
        self.assertEqual(len(path.read_text().splitlines()), 2)
        self.assertEqual([file.name for file in self.folder.iterdir()], [path.name])

    def test_seen(self):
        state = self.state()
        self.assertEqual(state.seen(), Seen())
        seen = Seen(3, {"geral": 4, "avisos": 9}, ("avisos", "geral"))
        state.remember(seen)
        self.assertEqual(self.state("cd").seen(), seen)
        (path,) = self.folder.glob("seen-*.json")
        for text in (
            "",
            "[]",
            "[" * 100_000,
            json.dumps({"inbox": "x", "channels": {}, "following": []}),
            json.dumps({"inbox": -1, "channels": {}, "following": []}),
            json.dumps({"inbox": 2**70, "channels": {}, "following": []}),
            json.dumps({"inbox": 1, "channels": {"a": float("inf")}, "following": []}),
            json.dumps({"inbox": 1, "channels": {"\ud800": 1}, "following": []}),
            json.dumps({"inbox": 1, "channels": {}, "following": ["\x1b[2J"]}),
        ):
            path.write_text(text)
            self.assertEqual(state.seen(), Seen())

    def test_history(self):
        """It does not grow for ever; it begins with a whole line."""
        state = self.state()
        path = state.prepare_history()
        path.write_text("".join(f"\n# {number}\n+line {number}\n" for number in range(30_000)))
        self.assertGreater(path.stat().st_size, HISTORY_BYTES_MAX)
        text = state.prepare_history().read_text()
        self.assertLess(len(text), HISTORY_BYTES_MAX)
        self.assertTrue(text.startswith("\n# "))
        self.assertTrue(text.endswith("+line 29999\n"))
