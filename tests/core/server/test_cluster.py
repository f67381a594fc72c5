"""Three servers, a broker and a reference together, in bytes, on a simulated network, disk and clock."""

from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.server import applying
from bulletin.core.wire.publications import HEADS_TOPIC, Election, Heads, Published, read
from tests.core.server.cluster import Asked, Cluster, Server


def seqs(page: dict[str, Any]) -> list[int]:
    return [post["seq"] for post in page["messages"]]


class FormationTests(SynchronousTestCase):
    def test_three_empty_servers_found_one_cluster_and_elect_a_leader(self) -> None:
        cluster = Cluster(1)
        cluster.form()
        documents = {server.replica.document for server in cluster.servers}
        self.assertEqual(len(documents), 1)
        self.assertEqual(sum(server.leads for server in cluster.servers), 1)

    def test_two_of_three_wait_and_say_so(self) -> None:
        cluster = Cluster(2)
        cluster.start(*cluster.servers[:2])
        cluster.run(8.0)
        self.assertTrue(all(server.replica.document is None for server in cluster.alive))
        self.assertTrue(any("waits" in text for server in cluster.alive for text in server.events))
        self.assertIn("empty", cluster.unready()[0])
        cluster.start(cluster.servers[2])
        cluster.until(lambda: not cluster.unready())

    def test_a_fourth_server_waits_outside(self) -> None:
        cluster = Cluster(3)
        cluster.form()
        fourth = Server(cluster, 4)
        cluster.servers.append(fourth)
        cluster.names[fourth.name] = fourth
        fourth.start(3)
        cluster.run(5.0)
        self.assertIsNone(fourth.replica.document)
        self.assertTrue(any("without this server" in text for text in fourth.events))
        self.assertEqual(
            fourth.replica.unready(cluster.now),
            "The server is empty, and no member of the cluster that there is.",
        )

    def test_with_data_the_reference_is_not_needed(self) -> None:
        cluster = Cluster(4)
        cluster.form()
        cluster.ask("channel", canal="geral")
        cluster.reference_up = False
        for server in cluster.servers:
            server.kill()
        cluster.start()
        cluster.until(lambda: not cluster.unready())
        self.assertEqual(cluster.ask("channels")["channels"], ["geral"])

    def test_all_come_back_under_each_others_addresses(self) -> None:
        cluster = Cluster(6)
        cluster.form()
        cluster.ask("channel", canal="geral")
        endpoints = [server.endpoint for server in cluster.servers]
        for server in cluster.servers:
            server.kill()
        for server, endpoint in zip(cluster.servers, (*endpoints[1:], "tcp://servidor:5561"), strict=True):
            server.endpoint = endpoint
        cluster.start()
        cluster.until(lambda: not cluster.unready())
        self.assertEqual(cluster.ask("channels")["channels"], ["geral"])

        cluster.reference_up = False
        for server in cluster.servers:
            server.kill()
        cluster.start()
        cluster.until(lambda: not cluster.unready())  # from what they learnt before
        self.assertEqual(cluster.ask("channels")["channels"], ["geral"])

    def test_a_fellow_that_moves_while_the_others_run_is_found_again(self) -> None:
        cluster = Cluster(7)
        cluster.form()
        victim = cluster.servers[1]
        victim.kill()
        cluster.run(2.0)
        victim.endpoint = "tcp://10.0.0.9:5561"
        cluster.start(victim)
        cluster.until(lambda: not cluster.unready())
        moved = [text for server in cluster.servers for text in server.events if "is now at" in text]
        self.assertEqual(moved, ["s2 is now at tcp://10.0.0.9:5561; it was at tcp://127.0.0.1:5562"] * 2)

    def test_one_server_alone(self) -> None:
        cluster = Cluster(5, size=1)
        cluster.form()
        self.assertEqual(cluster.ask("login", user="ana")["status"], "sucesso")
        self.assertEqual(cluster.ask("users")["users"], ["ana"])


class RequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(10)
        self.cluster.form()
        self.cluster.ask("login", user="ana")
        self.cluster.ask("login", user="bia")
        self.cluster.ask("channel", canal="geral")

    def test_every_operation_through_every_server(self) -> None:
        for number, server in enumerate(self.cluster.servers, 1):
            posted = self.cluster.through(
                server, "publish", user="ana", canal="geral", message=f"m{number}", id=f"x{number}"
            )
            self.assertEqual((posted["status"], posted["seq"], posted["id"]), ("OK", number, f"x{number}"))
            sent = self.cluster.through(server, "message", src="ana", dst="bia", message=f"p{number}")
            self.assertEqual((sent["status"], sent["seq"]), ("OK", number))
        for server in self.cluster.servers:
            page = self.cluster.through(server, "history", canal="geral")
            self.assertEqual([post["message"] for post in page["messages"]], ["m1", "m2", "m3"])
            self.assertEqual(seqs(self.cluster.through(server, "history", user="bia")), [1, 2, 3])
            talk = self.cluster.through(server, "history", user="bia", com="ana")
            self.assertEqual([post["message"] for post in talk["messages"]], ["p1", "p2", "p3"])
            self.assertEqual(self.cluster.through(server, "users")["users"], ["ana", "bia"])
            self.assertEqual(self.cluster.through(server, "channels")["channels"], ["geral"])
            self.assertTrue(self.cluster.through(server, "login", user="ana")["existente"])

    def test_an_id_takes_effect_once_and_gets_its_first_answer(self) -> None:
        request = {"user": "ana", "canal": "geral", "message": "um", "id": "c0ffee:1"}
        answers = [self.cluster.through(server, "publish", **request) for server in self.cluster.servers]
        first = {name: answers[0][name] for name in ("id", "seq", "recibo")}
        for answer in answers[1:]:
            self.assertEqual({name: answer[name] for name in first}, first)
        other = self.cluster.ask("publish", **{**request, "message": "dois"})
        self.assertEqual((other["erro"], other["definitivo"]), ("id_reutilizado", True))
        self.assertEqual(seqs(self.cluster.ask("history", canal="geral")), [1])
        posts = [frames for server in self.cluster.servers for frames in server.published]
        self.assertEqual(sum(topic == b"geral" for topic, _ in posts), 1, "published once")

    def test_refusals_by_the_state(self) -> None:
        for service, data, code in (
            ("publish", {"user": "ana", "canal": "nada", "message": "x"}, "canal_inexistente"),
            ("message", {"src": "ana", "dst": "nada", "message": "x"}, "usuario_inexistente"),
            ("history", {"canal": "nada"}, "canal_inexistente"),
            ("history", {"user": "nada"}, "usuario_inexistente"),
            ("history", {"user": "ana", "com": "nada"}, "usuario_inexistente"),
            ("login", {"user": "geral"}, "nome_em_uso"),
            ("publish", {"user": "ana", "canal": "geral", "message": ""}, "campo_invalido"),
            ("dance", {}, "operacao_desconhecida"),
        ):
            answer = self.cluster.ask(service, **data)
            self.assertEqual((answer["erro"], answer["definitivo"]), (code, True), service)

    def test_a_read_sees_what_was_acknowledged_before_it_whichever_server_answers(self) -> None:
        for number in range(1, 11):
            self.cluster.ask("publish", user="ana", canal="geral", message=str(number))
            self.assertEqual(seqs(self.cluster.ask("history", canal="geral", limite=1)), [number])

    def test_posts_are_published_by_whoever_answers_and_their_heads_by_the_leader(self) -> None:
        for number in range(6):
            self.cluster.ask("publish", user="ana", canal="geral", message=str(number))
        self.cluster.run(1.5)
        heard = [(server, read(*frames)) for server in self.cluster.servers for frames in server.published]
        posts = [(server, post) for server, post in heard if isinstance(post, Published)]
        self.assertEqual(sorted(post.seq for _, post in posts), [1, 2, 3, 4, 5, 6])
        self.assertGreater(len({server.name for server, _ in posts}), 1)
        self.assertEqual(
            [event.coordinator for _, event in heard if isinstance(event, Election)],
            [self.cluster.leader.name],
        )
        heads = {(server.name, event.heads[0].seq) for server, event in heard if isinstance(event, Heads)}
        self.assertEqual(heads, {(self.cluster.leader.name, 6)})

    def test_local_reads_do_not_ask_anybody(self) -> None:
        (lonely, *others) = self.cluster.servers
        for other in others:
            other.kill()
        self.cluster.run(3.0)
        answer = self.cluster.ask("history", canal="geral", leitura="local")
        self.assertEqual(answer["status"], "sucesso")
        self.assertEqual(self.cluster.ask("channels", leitura="local")["channels"], ["geral"])
        self.assertIn("no leader", lonely.replica.unready(self.cluster.now))

    def test_clocks_rise_and_stay_equal_everywhere(self) -> None:
        posts = [
            self.cluster.ask("publish", user="ana", canal="geral", message="x", clock=clock)
            for clock in (5, 1000, 7)
        ]
        page = self.cluster.ask("history", canal="geral")["messages"]
        clocks = [post["clock"] for post in page]
        self.assertEqual(clocks, sorted(set(clocks)))
        self.assertGreater(clocks[1], 1000)
        self.assertEqual([post["seq"] for post in posts], [1, 2, 3])
        self.cluster.settle()
        self.assertEqual(len(self.cluster.digests()), 1)


class FailureTests(SynchronousTestCase):
    def form(self, seed: int, **arguments: Any) -> Cluster:
        cluster = Cluster(seed, **arguments)
        cluster.form()
        cluster.ask("login", user="ana")
        cluster.ask("channel", canal="geral")
        return cluster

    def load(self, cluster: Cluster, seconds: float, *, answered: bool = True) -> list[Asked]:
        """Post every 20 ms for a while."""
        asked: list[Asked] = []
        end = cluster.time + seconds
        while cluster.time < end:
            number = len(asked)
            asked.append(
                cluster.send("publish", user="ana", canal="geral", message=str(number), id=f"n{number}")
            )
            cluster.run(0.02)
        if answered:
            cluster.until(lambda: all(one.answered_at is not None for one in asked), 6.0)
        return asked

    def check_history(self, cluster: Cluster, asked: list[Asked]) -> None:
        """Every acknowledged post is there once, at its number; there are no gaps."""
        posts: list[dict[str, Any]] = []
        while True:
            page = cluster.ask("history", canal="geral", desde=len(posts), limite=500)
            posts += page["messages"]
            if not page["mais"]:
                break
        self.assertEqual([post["seq"] for post in posts], list(range(1, len(posts) + 1)))
        self.assertEqual(len({post["id"] for post in posts}), len(posts))
        clocks = [post["clock"] for post in posts]
        self.assertEqual(clocks, sorted(set(clocks)))
        received = [post["recebido"] for post in posts]
        self.assertEqual(received, sorted(received))
        by_id = {post["id"]: post["seq"] for post in posts}
        for number, one in enumerate(asked):
            if one.ok:
                self.assertEqual(by_id[f"n{number}"], one.data["seq"])

    def check_pause(self, asked: list[Asked], seconds: float) -> None:
        times = sorted(one.answered_at for one in asked if one.answered_at is not None)
        longest = max(later - earlier for earlier, later in pairwise(times))
        self.assertLess(longest, seconds)

    def test_the_leader_is_killed_under_load_and_no_client_notices_but_by_waiting(self) -> None:
        for seed in range(20, 23):
            cluster = self.form(seed)
            victim = cluster.leader
            assert victim is not None
            cluster.after(0.5, victim.kill)
            asked = self.load(cluster, 1.5)
            self.assertTrue(all(one.ok for one in asked), [one.data for one in asked if not one.ok][:3])
            self.check_pause(asked, 2.0)
            self.check_history(cluster, asked)
            victim.start()
            cluster.settle()
            self.assertEqual(len(cluster.digests()), 1)

    def test_a_follower_is_killed(self) -> None:
        cluster = self.form(30)
        victim = next(server for server in cluster.servers if not server.leads)
        cluster.after(0.5, victim.kill)
        asked = self.load(cluster, 1.5)
        self.assertTrue(all(one.ok for one in asked))
        self.check_history(cluster, asked)

    def test_frames_between_servers_are_lost(self) -> None:
        cluster = self.form(40)
        cluster.loss = 0.05
        asked = self.load(cluster, 2.0)
        self.assertTrue(all(one.ok for one in asked))
        cluster.loss = 0.0
        self.check_history(cluster, asked)

    def test_a_stopped_leader_begins_a_new_session_when_it_goes_on(self) -> None:
        for seed in (50, 51):
            cluster = self.form(seed)
            victim = cluster.leader
            assert victim is not None
            before = victim.status.session
            cluster.after(0.4, victim.pause)
            cluster.after(2.4, victim.resume)
            asked = self.load(cluster, 3.0)
            self.assertTrue(all(one.ok for one in asked), [one.data for one in asked if not one.ok][:3])
            self.check_pause(asked, 2.0)
            self.check_history(cluster, asked)
            self.assertGreater(victim.status.session, before)
            cluster.settle()
            self.assertEqual(len(cluster.digests()), 1)

    def test_a_server_whose_disk_hangs_gives_way_and_takes_no_requests(self) -> None:
        for seed, leads in ((55, True), (56, False)):
            cluster = self.form(seed)
            victim = next(server for server in cluster.servers if server.leads is leads)
            cluster.after(0.4, victim.hang_disk)
            asked = self.load(cluster, 3.0)
            self.assertTrue(all(one.ok for one in asked), [one.data for one in asked if not one.ok][:3])
            self.check_pause(asked, 1.5)
            self.assertFalse(victim.leads)
            self.assertEqual(victim.replica.unready(cluster.now), "The disk does not answer.")
            reads = [cluster.send("history", canal="geral") for _ in range(6)]
            cluster.until(lambda reads=reads: all(read.answered_at is not None for read in reads), 1.0)
            self.assertTrue(all(read.ok for read in reads))
            victim.free_disk()
            cluster.settle()
            self.check_history(cluster, asked)
            self.assertEqual(len(cluster.digests()), 1)

    def test_what_a_server_has_when_its_disk_begins_to_hang_is_answered_by_others(self) -> None:
        for seed, leads in ((57, True), (58, False)):
            cluster = self.form(seed)
            victim = next(server for server in cluster.servers if server.leads is leads)
            victim.hang_disk()
            asked = [
                cluster.send("publish", user="ana", canal="geral", message="x", id=f"h{n}") for n in range(9)
            ]
            asked += [cluster.send("history", canal="geral") for _ in range(9)]
            cluster.until(lambda asked=asked: all(one.answered_at is not None for one in asked), 2.5)
            self.assertTrue(all(one.ok for one in asked), [one.data for one in asked if not one.ok][:3])

    def test_all_are_killed_at_once(self) -> None:
        cluster = self.form(60)
        asked = self.load(cluster, 0.5, answered=False)
        for server in cluster.servers:
            server.kill()
        cluster.start()
        cluster.until(lambda: not cluster.unready())
        self.check_history(cluster, asked)

    def test_without_a_majority_a_write_is_refused_in_time_and_works_again_after_a_return(self) -> None:
        cluster = self.form(70)
        for server in cluster.servers[:2]:
            server.kill()
        asked = cluster.send("publish", user="ana", canal="geral", message="x", id="n0")
        cluster.until(lambda: asked.answered_at is not None, 5.0)
        self.assertIn(asked.data["erro"], {"sem_lider", "tempo_esgotado"})
        self.assertGreater(asked.data["tente_em"], 0)
        again = cluster.send("publish", user="ana", canal="geral", message="x")
        cluster.until(lambda: again.answered_at is not None, 5.0)
        self.assertEqual(again.data["erro"], "sem_lider")
        read = cluster.send("history", canal="geral")
        cluster.until(lambda: read.answered_at is not None, 5.0)
        self.assertEqual((read.data["erro"], read.data["definitivo"]), ("sem_lider", True))
        cluster.servers[0].start()
        asked = cluster.send("publish", user="ana", canal="geral", message="x", id="n0")
        cluster.until(lambda: asked.answered_at is not None, 5.0)
        self.assertTrue(asked.ok, asked.data)

    def test_a_server_cut_off_from_its_fellows_hands_its_requests_on(self) -> None:
        cluster = self.form(80)
        for victim in cluster.servers:
            lines = {frozenset((victim.name, other.name)) for other in cluster.servers if other is not victim}
            cluster.cut |= lines
            asked = self.load(cluster, 2.5)
            self.assertTrue(all(one.ok for one in asked), [one.data for one in asked if not one.ok][:3])
            cluster.cut -= lines
            cluster.settle()

    def test_a_server_that_is_told_to_stop_hands_over_and_answers_what_it_has(self) -> None:
        for seed in (90, 91):
            cluster = self.form(seed)
            leaving = cluster.leader
            assert leaving is not None
            cluster.after(0.3, lambda leaving=leaving, cluster=cluster: leaving.replica.drain(cluster.now))
            asked = self.load(cluster, 1.0)
            self.assertTrue(all(one.ok for one in asked))
            self.check_pause(asked, 0.5)
            self.assertTrue(leaving.replica.drained(cluster.now))
            self.assertFalse(leaving.leads)
            self.assertIn("stopping", leaving.replica.unready(cluster.now))
            leaving.kill()
            self.check_history(cluster, asked)

    def test_a_server_that_was_away_catches_up_before_it_takes_requests(self) -> None:
        cluster = self.form(100)
        away = cluster.servers[0]
        away.kill()
        asked = self.load(cluster, 4.0)
        away.start()
        cluster.until(lambda: away.replica.unready(cluster.now) is None)
        self.assertEqual(away.status.applied, cluster.leader.status.applied)
        page = cluster.through(away, "history", canal="geral", leitura="local", limite=1)
        self.assertEqual(seqs(page), [len(asked)])

    def test_a_state_that_differs_from_the_majoritys_stops_its_server(self) -> None:
        self.patch(applying, "CHECKPOINT_EVERY", 16)
        cluster = self.form(110)
        victim = next(server for server in cluster.servers if not server.leads)
        assert victim.replica.member is not None
        victim.replica.member.board._digest = b"\1" * 32
        for _ in range(20):
            cluster.ask("login", user="ana")
        cluster.run(1.0)
        self.assertIn("differs from that of a majority", victim.fatal or "")
        self.assertEqual([server.fatal for server in cluster.alive], [None, None])

    def test_a_new_leader_goes_on_with_the_beacons(self) -> None:
        cluster = self.form(120)
        self.load(cluster, 0.1)
        first = cluster.leader
        assert first is not None
        first.kill()
        cluster.until(lambda: cluster.leader is not None)
        cluster.run(1.2)
        heads = [topic for topic, _ in cluster.leader.published if topic == HEADS_TOPIC]
        self.assertGreater(len(heads), 0)

    def test_the_same_seed_gives_the_same_run(self) -> None:
        digests = []
        for _ in range(2):
            cluster = self.form(130)
            self.load(cluster, 0.3)
            cluster.leader.kill()
            self.load(cluster, 0.1, answered=False)
            cluster.run(2.0)
            digests.append((cluster.digests(), [server.status.clock for server in cluster.alive]))
        self.assertEqual(digests[0], digests[1])
