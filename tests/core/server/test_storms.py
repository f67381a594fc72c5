"""Whole boards in memory with logs of a few entries, under faults drawn from a seed: nothing acknowledged is lost.

At length: ``python -m tests.core.server.test_storms FIRST BEYOND``.
"""

import sys
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from tests.core.server.cluster import Asked, Cluster, Server

SEEDS = (1, 2, 3)
STEPS = 14


class Storm:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        entries = rng.choice((1, 4, 16))
        config = Config(
            retained_entries=entries,
            held_entries=rng.choice((1, entries, 100)),
            memory_bytes_kept=rng.choice((0, 2**20)),
        )
        self.cluster = Cluster(seed, rng.choice((3, 3, 5)), rng.choice((0.0, 0.0, 0.03)), config)
        self.sent: dict[str, Asked] = {}
        self.taken_over = 0

    def run(self) -> None:
        cluster = self.cluster
        self.form()
        for _ in range(STEPS):
            self.rng.choice((self.kill, self.kill, self.pause, self.cut, self.hang, self.mend))()
            for _ in range(self.rng.choice((1, 5, 25))):
                self.publish()
                cluster.run(self.rng.choice((0.0, 0.01, 0.05)))
            cluster.run(self.rng.choice((0.0, 0.3, 1.5)))
        self.heal()
        self.judge()

    def form(self) -> None:
        """Have a board with a user and a channel."""
        self.cluster.form()
        assert self.cluster.ask("login", user="ana")["status"] == "sucesso"
        assert self.cluster.ask("channel", canal="geral")["status"] == "sucesso"

    def publish(self) -> None:
        id_ = f"i{len(self.sent)}"
        if self.rng.random() < 0.3:
            asked = self.cluster.send("message", src="ana", dst="ana", message=id_, id=id_)
        else:
            asked = self.cluster.send("publish", user="ana", canal="geral", message=id_, id=id_)
        self.sent[id_] = asked

    def victim(self) -> Server:
        return self.rng.choice(self.cluster.servers)

    def kill(self) -> None:
        victim = self.victim()
        if victim.running:
            victim.kill()

    def pause(self) -> None:
        victim = self.victim()
        if victim.running:
            victim.pause()

    def cut(self) -> None:
        one, other = self.rng.sample(["broker", *self.cluster.names], 2)
        self.cluster.cut.add(frozenset((one, other)))

    def hang(self) -> None:
        victim = self.victim()
        if victim.running and victim.hung is None:
            victim.hang_disk()
            self.cluster.after(self.rng.uniform(0.0, 1.5), self.free, victim, victim.life)

    def free(self, victim: Server, life: int) -> None:
        if victim.life == life and victim.running:
            victim.free_disk()

    def mend(self) -> None:
        """Some of it."""
        for server in self.cluster.servers:
            self.note(server)
            if not server.running and self.rng.random() < 0.7:
                server.start(self.cluster.size)
            elif server.paused:
                server.resume()
        self.cluster.cut.clear()

    def note(self, server: Server) -> None:
        self.taken_over += sum("taken over the tables" in text for text in server.events)
        server.events.clear()

    def heal(self) -> None:
        cluster = self.cluster
        cluster.cut.clear()
        cluster.loss = 0.0
        for server in cluster.servers:
            if not server.running:
                server.start(cluster.size)
            elif server.paused:
                server.resume()
            if server.hung is not None:
                server.free_disk()
        cluster.until(lambda: not cluster.unready(), 30.0)
        cluster.until(lambda: all(asked.answered_at is not None for asked in self.sent.values()))
        cluster.settle()
        for server in cluster.servers:
            self.note(server)

    def judge(self) -> None:
        cluster = self.cluster
        assert len(cluster.digests()) == 1, "the servers do not agree"
        assert all(server.fatal is None for server in cluster.servers), "a server stopped"
        assert not any(server.refused for server in cluster.servers), "a disk failed"
        posts = {}
        for server in cluster.servers:
            for query in ({"canal": "geral"}, {"user": "ana"}, {"user": "ana", "com": "ana"}):
                page = cluster.through(server, "history", limite=500, desde=0, **query)
                found = [(post["seq"], post["id"], post["clock"]) for post in page["messages"]]
                known = posts.setdefault(str(query), found)
                differing = [pair for pair in zip(known, found, strict=False) if pair[0] != pair[1]]
                assert known == found, (
                    f"{server.name} has another history: {len(known)} {len(found)} {differing[:2]}"
                )
        seen = {id_: seq for found in posts.values() for seq, id_, _ in found}
        for id_, asked in self.sent.items():
            if asked.ok:
                assert seen.get(id_) == asked.data["seq"], f"{id_} was acknowledged, and is lost"


class StormTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        taken_over = 0
        for seed in SEEDS:
            storm = Storm(seed)
            storm.run()
            taken_over += storm.taken_over
        self.assertGreater(taken_over, 0)


if __name__ == "__main__":
    taken = 0
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        storm = Storm(number)
        try:
            storm.run()
        except BaseException as error:
            print(f"seed {number}: {type(error).__name__} {error}", flush=True)
            if not isinstance(error, Exception):
                raise
        taken += storm.taken_over
    print(f"{taken} tables taken over")
