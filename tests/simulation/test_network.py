"""What the networks of all tiers do to a letter."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.simulation.network import Letter, Network, Weather
from bulletin.simulation.time import SimulatedTime


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = SimulatedTime()
        self.arrived = []
        self.network = Network(self.time, Random(1), self.arrived.append)

    def test_a_link_is_cut_in_one_direction(self) -> None:
        self.network.cut.add(("a", "b"))
        there, back = Letter("a", "b"), Letter("b", "a")
        self.network.dispatch(there)
        self.network.dispatch(back)
        self.time.run_until(1.0)
        self.assertEqual((self.arrived, self.network.lost), ([back], 1))

    def test_lost_and_doubled(self) -> None:
        self.network.weather = Weather(duplication=1.0)
        self.network.dispatch(Letter("a", "b"))
        self.time.run_until(1.0)
        self.assertEqual(len(self.arrived), 2)
        self.network.weather = Weather(duplication=1.0, loss=1.0)
        self.network.dispatch(Letter("a", "b"))
        self.time.run_until(2.0)
        self.assertEqual((len(self.arrived), self.network.lost), (2, 2))

    def test_all_has_arrived_at_the_latest_arrival(self) -> None:
        self.network.weather = Weather(straggling=1.0, straggling_delay_max=5.0)
        for _ in range(20):
            self.network.dispatch(Letter("a", "b"))
        self.assertGreater(self.network.latest_arrival, 1.0)
        self.time.run_until(self.network.latest_arrival)
        self.assertEqual(len(self.arrived), 20)

    def test_healed(self) -> None:
        self.network.weather = Weather(loss=1.0)
        self.network.cut.add(("a", "b"))
        self.network.heal()
        self.network.dispatch(Letter("a", "b"))
        self.time.run_until(1.0)
        self.assertEqual(len(self.arrived), 1)
