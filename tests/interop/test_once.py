"""A request with an id takes effect once, however often, however written, and over whichever connection it is sent."""

import secrets
import threading

import zmq

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import BARE, DELIMITED, JSON, MSGPACK, NATIVE, REQ, WAYS, Way, fresh, reply_of
from tests.interop.rules import check_error


class OnceTests(BoardTestCase):
    def test_repeated_in_every_way_it_gets_its_first_answer(self):
        channel, user, id_ = self.channel(self.asker()), fresh("ana"), fresh("id")
        fields = {"user": user, "canal": channel, "message": "Oi", "id": id_}
        answers = []
        for way in WAYS:
            asker = self.asker(way)
            replies = [asker.ask(name, fields) for name in ("publicar mensagem", "publish")]
            answers += [{key: reply[key] for key in ("id", "seq", "recibo")} for reply in replies]
            asker.close()
        self.assertEqual(answers, answers[:1] * 24)
        items, _ = page(self.asker(), "history", {"canal": channel})
        self.assertEqual([item["id"] for item in items], [id_])

    def test_repeated_at_the_same_time_it_gets_one_answer(self):
        channel, id_ = self.channel(self.asker()), fresh("id")
        fields = {"user": "ana", "canal": channel, "message": "Oi", "id": id_}
        askers = [self.asker(Way(DELIMITED, MSGPACK, NATIVE)) for _ in range(8)]
        for asker in askers:
            asker.send_body(asker.way.pack(asker.request("publish", fields)))
        answers = [reply_of(asker.receive_body()) for asker in askers]
        self.assertEqual({(reply["status"], reply["seq"]) for reply in answers}, {("sucesso", 1)})
        self.assertEqual(len(page(self.asker(), "history", {"canal": channel})[0]), 1)

    def test_another_request_cannot_use_the_id_and_another_user_can(self):
        for asker in self.askers():
            channel, id_ = self.channel(asker), fresh("id")
            fields = {"user": "ana", "canal": channel, "message": "Oi", "id": id_}
            asker.ask("publish", fields)
            reused = asker.ask("publish", {**fields, "message": "Outra"})
            check_error(reused, asker.way, "publish", "id_reutilizado")
            self.assertIs(reused["definitivo"], True)
            self.assertEqual(asker.ask("publish", {**fields, "user": "bia"})["seq"], 2)
            self.assertEqual(len(page(asker, "history", {"canal": channel})[0]), 2)

    def test_the_numbered_ids_of_a_session_work_like_others(self):
        asker = self.asker()
        channel, session = self.channel(asker), secrets.token_hex(8)
        for number in (1, 2, 2, 3, 1):
            fields = {
                "user": "ana",
                "canal": channel,
                "message": f"post {number}",
                "id": f"{session}:{number}",
            }
            self.assertEqual(asker.ask("publish", fields)["seq"], number)

    def test_a_refusal_has_the_id_and_stores_nothing(self):
        asker = self.asker()
        channel, id_ = fresh("canal"), fresh("id")
        fields = {"user": "ana", "canal": channel, "message": "Oi", "id": id_}
        reply = asker.ask("publish", fields)
        self.assertEqual((reply["erro"], reply["id"]), ("canal_inexistente", id_))

    def test_a_pipelining_dealer_tells_replies_apart_by_id(self):
        for way in (Way(BARE, MSGPACK, NATIVE), Way(DELIMITED, JSON, NATIVE)):
            asker = self.asker(way)
            channel = self.channel(asker)
            ids = [fresh("id") for _ in range(200)]
            for id_ in ids:
                fields = {"user": "ana", "canal": channel, "message": id_, "id": id_}
                asker.send_body(way.pack(asker.request("publish", fields)))
            replies = [reply_of(asker.receive_body()) for _ in ids]
            self.assertEqual({reply["id"] for reply in replies}, set(ids))
            self.assertEqual(sorted(reply["seq"] for reply in replies), list(range(1, 201)))
            by_id = {reply["id"]: reply["seq"] for reply in replies}
            items, more = page(asker, "history", {"canal": channel, "limite": 500})
            self.assertEqual(
                [(item["id"], item["seq"]) for item in items], sorted(by_id.items(), key=lambda pair: pair[1])
            )
            self.assertFalse(more)

    def test_a_req_socket_with_the_advised_options(self):
        """Relaxed and correlated: an answer that nobody waited for does not come to the next request."""
        options = {zmq.REQ_RELAXED: 1, zmq.REQ_CORRELATE: 1}
        asker = self.asker(Way(REQ, MSGPACK, NATIVE), options)
        user = self.user(asker)
        asker.send_body(asker.way.pack(asker.request("users", {})))
        asker.send_body(asker.way.pack(asker.request("login", {"user": user, "id": "segundo"})))
        self.assertEqual(reply_of(asker.receive_body())["id"], "segundo")

    def test_writers_at_the_same_time_leave_no_gap(self):
        channel = self.channel(self.asker())
        failures: list[object] = []

        def write(number: int) -> None:
            asker = self.asker(WAYS[number])
            for count in range(10):
                reply = asker.ask("publish", {"user": f"w{number}", "canal": channel, "message": str(count)})
                if reply["status"] == "erro":
                    failures.append(reply.inner)
            asker.close()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(len(WAYS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])
        items, _ = page(self.asker(), "history", {"canal": channel, "limite": 500})
        self.assertEqual([item["seq"] for item in items], list(range(1, 10 * len(WAYS) + 1)))
