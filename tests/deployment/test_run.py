"""``docker compose up``, ``down`` and ``up`` again, with every entry point, environment and health check of the compose file."""

import json
import random
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.torture.waiting import until
from tests.deployment.containers import Project, obstacle


class RunTests(SynchronousTestCase):
    timeout = 300

    def setUp(self):
        why_not = obstacle()
        if why_not is not None:
            raise SkipTest(why_not)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.project = Project(folder)
        self.addCleanup(self.project.destroy)

    def up(self):
        """Start all services that have no profile, and wait until all are healthy; the servers."""
        services = self.project.definition["services"]
        started = []
        for name in ("broker", "proxy", "referencia", "servidor"):
            replicas = services[name].get("deploy", {}).get("replicas", 1)
            started += [self.project.container(name) for _ in range(replicas)]
        for container in started:
            container.start()
        for container in started:
            self.healthy(container)
        return [container for container in started if container.name == "servidor"]

    def healthy(self, container):
        said = [(False, "")]

        def look():
            self.assertIsNone(container.process.poll(), container.log.read_text())
            said[0] = container.healthy()
            return said[0][0]

        until(look, lambda: f"{container.host}: {said[0][1]}\n{container.log.read_text()}", every=0.5)

    def down(self):
        """Stop all at once; each ends with status 0 within its grace period."""
        containers = self.project.containers[:]
        for container in containers:
            container.stop()
        self.assertEqual([container.end() for container in containers], [0] * len(containers))

    def name_of(self, server):
        """Which server a container says that it is."""
        (name,) = {
            line.split()[-1] for line in server.log.read_text().splitlines() if "This is the server" in line
        }
        return name

    def post(self, text):
        (line,) = self.project.run(
            "cliente", "--json", "publish", "geral", text, BULLETIN_USER="ana"
        ).splitlines()
        return json.loads(line)["seq"]

    def test_replicas_come_back_as_who_they_were(self):
        servers = self.up()
        names = {"servidor-1", "servidor-2", "servidor-3"}
        self.assertEqual({self.name_of(server) for server in servers}, names)
        said = self.project.run(
            "cliente", typed="/create geral\num\n", BULLETIN_USER="ana", BULLETIN_LANG="en"
        )
        self.assertRegex(said, r"^geral #1 .* ana: um\n$")

        victim = random.Random(1).choice(servers)
        victim.kill()
        successor = self.project.container("servidor").start()
        self.healthy(successor)
        self.assertEqual(self.name_of(successor), self.name_of(victim))
        self.assertNotEqual(successor.addresses, victim.addresses)

        before = {
            address for container in self.project.containers for address in container.addresses.values()
        }
        self.down()
        servers = self.up()
        after = {address for container in self.project.containers for address in container.addresses.values()}
        self.assertEqual(before & after, set())
        self.assertEqual({self.name_of(server) for server in servers}, names)
        self.assertEqual(self.post("dois"), 2)

        fourth = self.project.container("servidor").start()
        until(lambda: "The server is empty" in fourth.healthy()[1], fourth.log.read_text, every=0.5)
        self.assertEqual(self.name_of(fourth), "servidor-4")
        self.healthy(self.project.container("bot").start())

        posts = [
            json.loads(line)
            for line in self.project.run("cliente", "--json", "history", "geral").splitlines()
        ]
        self.assertEqual([(post["seq"], post["message"]) for post in posts[:2]], [(1, "um"), (2, "dois")])
        self.down()
