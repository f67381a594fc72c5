"""The way in, by scripted answers."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.bot import texts
from bulletin.core.bot.joining import CHANNELS_LISTED, CHANNELS_OWN, NAMES_TRIED, CannotJoin, Joined, Joining
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.replies import ChannelCreated, ChannelNames, LoggedIn
from bulletin.core.wire.requests import CreateChannel, ListChannels, Login, ReadLevel

LIST = ListChannels(ReadLevel.LINEARIZABLE)
CREATED = ChannelCreated(existing=False)
IN_USE = Refusal(Code.NAME_IN_USE)


class JoiningTests(SynchronousTestCase):
    def joining(self, before=(), seed=1):
        joining = Joining("ana", before, Random(seed))
        self.assertEqual(joining.first(), Login("ana"))
        return joining

    def listed(self, *names, before=(), seed=1):
        joining = self.joining(before, seed)
        self.assertEqual(joining.next(Login("ana"), LoggedIn(False)), LIST)
        return joining, joining.next(LIST, ChannelNames(names))

    def create_all(self, joining, step, outcome=CREATED):
        made = []
        while isinstance(step, CreateChannel):
            made.append(step.channel)
            step = joining.next(step, outcome)
        return made, step

    def test_an_empty_board(self):
        """It makes the first channels of all bots; together they are its own."""
        made, step = self.create_all(*self.listed())
        self.assertEqual(tuple(made), texts.CHANNELS[:3])
        self.assertEqual((step.name, set(step.channels)), ("ana", set(made)))

    def test_few(self):
        """It makes only what is lacking, and nothing that is there."""
        made, step = self.create_all(*self.listed("redes", texts.CHANNELS[0]))
        self.assertEqual(made, [texts.CHANNELS[1]])
        self.assertEqual(set(step.channels), {"redes", *texts.CHANNELS[:2]})

    def test_many(self):
        """A few of them, by its seed."""
        names = [f"c{number}" for number in range(50)]
        chosen = [self.listed(*names, seed=seed)[1].channels for seed in (1, 1, 2)]
        self.assertEqual(len(set(chosen[0])), CHANNELS_OWN)
        self.assertEqual(chosen[0], chosen[1])
        self.assertNotEqual(chosen[0], chosen[2])

    def test_pages(self):
        """A list goes on after its last name, to a bound."""
        joining = self.joining()
        joining.next(Login("ana"), LoggedIn(True))
        step, request = LIST, LIST
        pages = 0
        while isinstance(step, ListChannels):
            names = tuple(f"{pages}-{number}" for number in range(100))
            request, step = step, joining.next(step, ChannelNames(names, more=True))
            if isinstance(step, ListChannels):
                self.assertEqual(step.after, names[-1])
            pages += 1
        self.assertEqual(pages, CHANNELS_LISTED // 100)
        self.assertIsInstance(step, Joined)
        self.assertIsNotNone(request.after)

    def test_again(self):
        """What it had and is still there it keeps; the rest is chosen anew."""
        _, step = self.listed("a", "b", "c", "d", "e", before=("gone", "e", "b"))
        self.assertEqual(step.channels[:2], ("e", "b"))
        self.assertEqual(len(step.channels), CHANNELS_OWN)

    def test_its_name_is_a_channels(self):
        """Another one, a few times."""
        joining = self.joining()
        self.assertEqual(joining.next(Login("ana"), IN_USE), Login("ana-2"))
        self.assertEqual(joining.next(Login("ana-2"), IN_USE), Login("ana-3"))
        joining.next(Login("ana-3"), LoggedIn(False))
        self.assertEqual(joining.next(LIST, ChannelNames(("a", "b", "c"))).name, "ana-3")
        joining = self.joining()
        step = joining.first()
        for _ in range(NAMES_TRIED):
            self.assertIsInstance(step, Login)
            step = joining.next(step, IN_USE)
        self.assertEqual(step, CannotJoin(IN_USE))

    def test_no_room_for_it(self):
        full = Refusal(Code.FULL)
        self.assertEqual(self.joining().next(Login("ana"), full), CannotJoin(full))

    def test_a_channels_name_is_a_users(self):
        """The next one."""
        joining, step = self.listed("a", "b")
        self.assertEqual(joining.next(step, IN_USE), CreateChannel("ana", texts.CHANNELS[1]))
        joining, step = self.listed()
        self.assertIsInstance(self.create_all(joining, step, IN_USE)[1], CannotJoin)

    def test_no_room_for_channels(self):
        """It makes do with those that there are, if there are any."""
        full = Refusal(Code.FULL)
        joining, step = self.listed("a")
        self.assertEqual(joining.next(step, full), Joined("ana", ("a",)))
        joining, step = self.listed()
        self.assertEqual(joining.next(step, full), CannotJoin(full))
