"""Which links are cut, and that the budget of broken servers is kept."""

from random import Random
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.abilities import Abilities
from bulletin.torture.faults import KINDS
from bulletin.torture.faults.fault import Conditions
from bulletin.torture.faults.links import Edges, Halves, Isolate, OneWay, Partial


class Network:
    def __init__(self):
        self.links = set()

    def cut(self, links):
        self.links |= set(links)

    def mend(self, links):
        self.links -= set(links)


class LinksTests(SynchronousTestCase):
    def setUp(self):
        self.servers = [SimpleNamespace(name=f"server{number}") for number in range(1, 6)]
        self.edges = [SimpleNamespace(name=name) for name in ("broker", "proxy", "reference")]
        self.network = Network()
        board = SimpleNamespace(
            servers=self.servers, roles=[*self.edges, *self.servers], leader=lambda: self.servers[0]
        )
        self.scene = SimpleNamespace(board=board, network=self.network)

    def cut(self, kind, seed=1, budget=2):
        rng = Random(seed)
        claims = kind.pick(self.scene, rng, self.scene.board.roles, budget)
        fault = kind(self.scene, rng, claims)
        fault.begin()
        links = set(self.network.links)
        fault.end()
        self.assertEqual(self.network.links, set())
        return {role.name for role in claims}, links

    def test_isolated_from_all_fellows_both_ways(self):
        for seed in range(10):
            (victim,), links = self.cut(Isolate, seed)
            fellows = {server.name for server in self.servers} - {victim}
            self.assertLessEqual({(victim, fellow) for fellow in fellows}, links)
            self.assertEqual(links, {(b, a) for a, b in links})
            self.assertTrue(all(victim in link for link in links))

    def test_halves_are_a_minority_and_the_rest(self):
        victims, links = self.cut(Halves)
        self.assertEqual(len(victims), 2)
        self.assertEqual(len(links), 2 * 2 * 3)
        self.assertTrue(all((a in victims) != (b in victims) for a, b in links))

    def test_one_way(self):
        ways = set()
        for seed in range(10):
            (victim,), links = self.cut(OneWay, seed)
            self.assertEqual(len(links), 4)
            ways.add({victim} == {a for a, _ in links})
            self.assertFalse(links & {(b, a) for a, b in links})
        self.assertEqual(ways, {True, False})

    def test_partial_is_between_two(self):
        (victim,), links = self.cut(Partial)
        self.assertEqual(len(links), 2)
        self.assertTrue(all(victim in link for link in links))

    def test_an_edge_is_cut_from_servers(self):
        (edge,), links = self.cut(Edges, budget=0)
        self.assertIn(edge, {"broker", "proxy", "reference"})
        self.assertTrue(all(edge in link for link in links))

    def test_nobody_is_broken_without_budget(self):
        for kind in (Isolate, Halves, OneWay, Partial):
            self.assertIsNone(kind.pick(self.scene, Random(1), self.scene.board.roles, 0))


class ObstacleTests(SynchronousTestCase):
    """What a machine cannot do is said, and everything else is possible."""

    def possible(self, servers=3, **missing):
        able = Abilities(
            **({"network": None, "slow_links": None, "mounts": None, "disk_orders": None} | missing)
        )
        conditions = Conditions(able, servers)
        return {name for name, kind in KINDS.items() if kind.obstacle(conditions) is None}

    def test_all(self):
        self.assertEqual(self.possible(), set(KINDS))

    def test_no_namespaces(self):
        no = "there are no namespaces here"
        cut = {"isolate", "halves", "one-way", "partial", "edges", "slow"}
        self.assertEqual(self.possible(network=no, slow_links=no, mounts=no), set(KINDS) - cut)

    def test_no_compiler(self):
        self.assertEqual(self.possible(disk_orders="no compiler"), set(KINDS) - {"stall", "sync-fails"})
        without = self.possible(disk_orders="no compiler", mounts="no right")
        self.assertEqual(without, set(KINDS) - {"stall", "sync-fails", "full", "full-majority"})

    def test_one_server(self):
        """Nothing breaks the one, but what breaks all."""
        harmless = {"broker", "proxy", "reference", "edges", "everything", "forget", "slow-reader", "flood"}
        for servers in (1, 2):
            self.assertEqual(self.possible(servers=servers), harmless)
