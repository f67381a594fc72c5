"""Spoilt disks: what is wrong with what was read from them is seen, and damage that nobody notices is a broken promise."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store import records
from bulletin.simulation.violation import Violation
from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import everything
from bulletin.torture.sqlite.damage import DAMAGE, Damage, differing
from bulletin.torture.sqlite.look import HARMLESS, READING, REFUSED, SAID, Found, Look
from bulletin.torture.sqlite.spoiling import spoil
from tests.storage.stores import SimulatedHarness


class Server:
    """As much of a server as is spoilt."""

    name = "s1"

    def __init__(self, files):
        self.disk = self
        self.files = files


class DamageTests(SynchronousTestCase):
    def setUp(self):
        harness = SimulatedHarness(SimulatedDisk(Random(1)))
        scribe = harness.begin()
        for number in range(30):
            commands = [scribe.post("geral", f"{number} " * 40), scribe.send("ana", "olá", user="rui")]
            if not number:
                commands = [scribe.login("ana"), scribe.channel("geral"), *commands]
            harness.write(scribe.persist(commands), scribe.apply())
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
        self.assertIsNone(differing(found, self.look()))

    def test_how_damage_is_noticed(self):
        self.assertEqual(self.look("board.sqlite", lambda data: data[:5000]).how, SAID)
        self.assertEqual(self.look("hard-state", lambda data: bytes(len(data))).how, SAID)

        def another_letter(data):
            self.assertIn(b"15 15 15", data)
            return data.replace(b"15 15 15", b"14 15 15")

        self.assertEqual(self.look("board.sqlite", another_letter).how, READING)
        self.assertEqual(self.look("ballast", lambda data: data[:-1]).how, HARMLESS)

    def test_what_is_wrong(self):
        whole = self.look()
        stream = max(whole.posts, key=lambda stream: len(whole.posts[stream]))
        posts = whole.posts[stream]

        def with_posts(*posts, how=HARMLESS):
            return differing(whole, attrs.evolve(whole, how=how, posts={**whole.posts, stream: [*posts]}))

        self.assertIn("never made", with_posts(attrs.evolve(posts[0], message="outra"), how=READING))
        self.assertIsNone(with_posts(posts[0], how=READING))
        self.assertIn("missing", with_posts(*posts[:-1]))
        self.assertIn("entries", differing(whole, attrs.evolve(whole, entries=whole.entries[1:])))
        other = attrs.evolve(whole.opened, member=b"m" * 16)
        self.assertIn("something else", differing(whole, attrs.evolve(whole, opened=other)))
        self.assertIsNone(differing(whole, Found(REFUSED)))

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
