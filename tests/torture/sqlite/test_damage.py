"""Spoilt disks: what is wrong with what was read from them is seen, and damage that nobody notices is a broken promise."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store import records
from bulletin.core.store.recovery import judge
from bulletin.simulation.violation import Violation
from bulletin.storage import sqlite_store
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import everything
from bulletin.torture.sqlite.damage import DAMAGE, Damage, differing
from bulletin.torture.sqlite.look import HARMLESS, READING, REFUSED, SAID, SCRUBBING, Found, Look
from bulletin.torture.sqlite.spoiling import spoil
from tests.storage.stores import SimulatedHarness

LAST_INDEX = 31
"""Of the log below; all of it was acknowledged."""

WAL_HEADER_BYTES = 32
FRAME_BYTES = 24 + 4096


def acknowledged(opened):
    """Whether a start has found all that was acknowledged."""
    return opened.restored is not None and opened.restored.last_index == LAST_INDEX


class Server:
    """As much of a server as is spoilt."""

    name = "s1"

    def __init__(self, files):
        self.disk = self.twins = self
        self.files = files
        self.explains = acknowledged
        self.spoilt = False


def written():
    """A store that has stored this and that."""
    harness = SimulatedHarness(SimulatedDisk(Random(1)))
    scribe = harness.begin()
    for number in range(LAST_INDEX - 1):
        commands = [scribe.post("geral", f"{number} " * 40), scribe.send("ana", "olá", user="rui")]
        if not number:
            commands = [scribe.login("ana"), scribe.channel("geral"), *commands]
        harness.write(scribe.persist(commands), scribe.apply())
    return harness


class CutLogTests(SynchronousTestCase):
    """A write-ahead log that is cut before any of its frames: SQLite takes it for a sound one of an earlier moment."""

    def wrong(self):
        """What is wrong with what is read, wherever it is cut."""
        harness = written()
        harness.end()
        path = harness.path("board.sqlite-wal")
        data = harness.disk.files()[path]
        whole = Look(harness.disk.image(everything, Random(1))).run()
        self.assertEqual(whole.how, HARMLESS)
        found = []
        for end in range(WAL_HEADER_BYTES, len(data), FRAME_BYTES):
            image = harness.disk.image(everything, Random(1))
            image.put(path, data[:end])
            found.append(differing(whole, Look(image).run(), acknowledged))
        self.assertGreater(len(found), 30)
        return {what for what in found if what is not None}

    def test_the_hard_state_file_tells(self):
        self.assertEqual(self.wrong(), set())

    def test_a_hard_state_file_that_nobody_asks(self):
        """A planted bug: where the file knows of later commits than the database has, the database is believed."""

        def believing(database, _file, bad_slots, place, **beside):
            return judge(database, database, bad_slots, place, **beside)

        self.patch(sqlite_store, "judge", believing)
        self.assertEqual(self.wrong(), {"the start found something else, and said nothing"})


class DamageTests(SynchronousTestCase):
    def setUp(self):
        harness = written()
        harness.stop()
        self.files = harness.disk
        self.path = harness.path

    def look(self, path=None, change=None):
        image = self.files.image(everything, Random(1))
        if path is not None:
            image.put(self.path(path), change(image.files()[self.path(path)]))
        return Look(image).run()

    def test_a_whole_disk(self):
        found = self.look()
        self.assertEqual(found.how, HARMLESS)
        self.assertEqual(sorted(map(len, found.posts.values())), [0, 30, 30])
        self.assertEqual(len(found.entries), 31)
        self.assertIsNone(differing(found, self.look(), acknowledged))

    def test_how_damage_is_noticed(self):
        self.assertEqual(self.look("board.sqlite", lambda data: data[:5000]).how, SAID)
        self.assertEqual(self.look("hard-state", lambda data: bytes(len(data))).how, SAID)

        def another_letter(data):
            self.assertIn(b"15 15 15", data)
            return data.replace(b"15 15 15", b"14 15 15")

        self.assertEqual(self.look("board.sqlite", another_letter).how, READING)

        def without_the_room_for_incoming_tables(data):
            """Its page is the second; nobody reads it but the scrubber."""
            return data[:4096] + bytes(4096) + data[8192:]

        self.assertEqual(self.look("board.sqlite", without_the_room_for_incoming_tables).how, SCRUBBING)
        self.assertEqual(self.look("ballast", lambda data: data[:-1]).how, HARMLESS)

    def test_what_is_wrong(self):
        whole = self.look()
        stream = max(whole.posts, key=lambda stream: len(whole.posts[stream]))
        posts = whole.posts[stream]

        def with_posts(*posts, how=HARMLESS):
            spoilt = attrs.evolve(whole, how=how, posts={**whole.posts, stream: [*posts]})
            return differing(whole, spoilt, acknowledged)

        self.assertIn("never made", with_posts(attrs.evolve(posts[0], message="outra"), how=READING))
        self.assertIsNone(with_posts(posts[0], how=READING))
        self.assertIn("missing", with_posts(*posts[:-1]))
        self.assertIn(
            "entries", differing(whole, attrs.evolve(whole, entries=whole.entries[1:]), acknowledged)
        )
        other = attrs.evolve(whole.opened, member=b"m" * 16)
        self.assertIn("something else", differing(whole, attrs.evolve(whole, opened=other), acknowledged))
        self.assertIsNone(differing(whole, Found(REFUSED), acknowledged))

    def test_what_was_never_acknowledged_may_be_gone(self):
        """As by a power cut; and what is there is there with all that belongs to it."""
        whole = self.look()
        restored = whole.opened.restored
        earlier = attrs.evolve(whole.opened, restored=attrs.evolve(restored, applied=restored.applied - 1))
        self.assertIsNone(differing(whole, attrs.evolve(whole, opened=earlier), acknowledged))
        self.assertIn(
            "missing", differing(whole, attrs.evolve(whole, opened=earlier, entries=[]), acknowledged)
        )
        stream = max(whole.posts, key=lambda stream: len(whole.posts[stream]))
        fewer = {**whole.posts, stream: whole.posts[stream][:-1]}
        self.assertIn(
            "missing", differing(whole, attrs.evolve(whole, opened=earlier, posts=fewer), acknowledged)
        )
        lost = attrs.evolve(whole.opened, restored=attrs.evolve(restored, last_index=LAST_INDEX - 1))
        self.assertIn("something else", differing(whole, attrs.evolve(whole, opened=lost), acknowledged))

    def test_many_spoilt_copies(self):
        came = []
        damage = Damage(came.append)
        for seed in range(6):
            damage.strike(Server(self.files), Random(seed))
        self.assertEqual(len(came), 24)
        self.assertGreater(len(set(came)), 2)

    def test_checksums_that_nobody_checks(self):
        """A planted bug: rows are believed."""

        class Believing:
            """Says of every checksum that it is right."""

            def __eq__(self, other):
                return True

            def __ne__(self, other):
                return False

            __hash__ = None

        self.patch(records, "_CRC", Unchecked(records._CRC, Believing()))
        damage = Damage(lambda _what: None)

        def strikes():
            for seed in range(60):
                damage.strike(Server(self.files), Random(seed))

        self.assertEqual(self.assertRaises(Violation, strikes).name, DAMAGE)

    def test_what_is_spoilt_is_another(self):
        for seed in range(40):
            image = self.files.image(random=Random(1))
            what = spoil(image, Random(seed))
            self.assertIn(" of ", what)


class Unchecked:
    """A checksum's codec whose checksums are all right."""

    def __init__(self, codec, right):
        self.size = codec.size
        self.pack = codec.pack
        self.right = right

    def unpack_from(self, _body):
        return (self.right,)
