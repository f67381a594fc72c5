"""What the end of a run demands of those who still wait for something, and what it grants them."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.client.caller import Unreachable
from bulletin.core.raft.config import Config
from bulletin.core.wire.replies import Posted
from bulletin.simulation.board import Options, World
from bulletin.simulation.board.bot import BotClient
from bulletin.simulation.violation import Violation

FAST = Config(heartbeat_seconds=0.05, election_seconds_min=0.2, election_seconds_spread=0.2)
OPTIONS = Options(servers=3, seconds=0.5, clients=2, loops=1, config=FAST, calm=1, timeout=2.0, bot_rate=40.0)


class BotTests(SynchronousTestCase):
    """Answers to a bot are lost from the moment when it is told to stop, while it has posts under way."""

    def world(self, lost_seconds: float, then: Callable[[BotClient], object] = lambda _bot: None) -> World:
        world = World(7, OPTIONS)
        (bot,) = (client for client in world.loaders if isinstance(client, BotClient))
        links = {(broker.name, bot.name) for broker in world.brokers}
        hush = bot.hush

        def hushed() -> None:
            if not bot.idle:
                self.assertTrue(bot.bot.unsettled())
                world.network.cut |= links
                world.time.after(lost_seconds, lambda: world.network.cut.difference_update(links))
                then(bot)
            hush()

        bot.hush = hushed
        return world

    def test_a_post_is_settled_by_a_second_call(self):
        """Each call is told of in its time, the first one that nobody answered it; the post takes longer than a call may."""
        world = self.world(3.0)
        world.run()
        (bot,) = (client for client in world.loaders if isinstance(client, BotClient))
        unheard = {call.id for call in bot.settled if call.outcome == Unreachable()}
        posted = {call.id for call in bot.settled if isinstance(call.outcome, Posted)}
        self.assertTrue(unheard)
        self.assertLessEqual(unheard, posted)

    def test_a_bot_that_asks_no_more(self):
        """What it gave up for good is never settled, which is noticed."""
        world = self.world(3.0, lambda bot: setattr(bot.bot.outbox, "due", lambda _now: []))
        error = self.assertRaises(Violation, world.run)
        self.assertEqual(error.name, "L4")
        self.assertIn("a bot has not settled what it wrote", str(error))
