"""What old clients need beside all that: each rule once, as a client sees it.

`test_every_rule` lists all rules with their tests; these are those that no other module has.
"""

import secrets
import time

import msgpack
import zmq

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import (
    BARE,
    DELIMITED,
    FRAMINGS,
    JSON,
    MSGPACK,
    NATIVE,
    REQ,
    SERVICE,
    Asker,
    Reader,
    Way,
    fresh,
    reply_of,
)
from tests.interop.rules import check_envelope, check_error, check_success

RESERVED_FIELDS = ("assunto", "responde", "edita", "expira", "rastro", "nivel", "em", "senha", "ficha")

PAGE_DEFAULT = 50
PAGE_MAX = 500


class ReplyTests(BoardTestCase):
    def test_status_is_ok_for_some_names_of_the_service_envelope_and_for_no_others(self):
        """`login` never says OK, which one of the clients would like; `existente` makes no error of a repetition."""
        for encoding in (MSGPACK, JSON):
            service, native = (self.asker(Way(REQ, encoding, envelope)) for envelope in (SERVICE, NATIVE))
            user, channel = fresh("ana"), fresh("canal")
            requests = (
                ("login", {"user": user}, "sucesso"),
                ("register_user", {"user": user}, "sucesso"),
                ("channel", {"channel": channel}, "sucesso"),
                ("cadastrar canal", {"canal": channel}, "sucesso"),
                ("cadastrarCanal", {"canal": channel}, "OK"),
                ("users", {}, "sucesso"),
                ("listar usuarios", {}, "sucesso"),
                ("listar", {}, "OK"),
                ("channels", {}, "sucesso"),
                ("list_channels", {}, "sucesso"),
                ("listar canais", {}, "sucesso"),
                ("listarCanal", {}, "OK"),
                ("publish", {"user": user, "channel": channel, "message": "Oi"}, "OK"),
                ("publicar mensagem", {"user": user, "canal": channel, "message": "Oi"}, "sucesso"),
                ("message", {"src": user, "dst": user, "message": "Oi"}, "OK"),
                ("history", {"channel": channel}, "sucesso"),
            )
            for name, fields, word in requests:
                self.assertEqual(service.ask(name, fields)["status"], word, name)
                self.assertEqual(native.ask(name, fields)["status"], "sucesso", name)

    def test_the_timestamps_of_a_reply_are_float64(self):
        for envelope in (NATIVE, SERVICE):
            asker = self.asker(Way(REQ, MSGPACK, envelope))
            for body in (
                asker.ask("login", {"user": fresh("ana")}).body,
                asker.ask("login", {"user": 5}).body,
            ):
                self.assertEqual(body.count(b"\xa9timestamp\xcb"), 2, body)

    def test_every_reply_to_a_request_with_an_id_has_it_errors_and_lists_included(self):
        for asker in self.askers():
            user, channel = self.user(asker), self.channel(asker)
            for name, fields in (
                ("users", {}),
                ("channels", {}),
                ("history", {"canal": channel}),
                ("history_messages", {"user": user}),
                ("login", {"user": user}),
                ("login", {"user": channel}),
                ("login", {"user": "replica"}),
                ("login", {"user": 5}),
                ("login", {"user": user, "clock": -1}),
                ("login", {"user": user, "replicado": True}),
                ("channel", {"channel": user}),
                ("publish", {"user": user, "canal": fresh("nenhum"), "message": "Oi"}),
                ("message", {"src": user, "dst": fresh("nada"), "message": "Oi"}),
                ("history", {"canal": fresh("nenhum")}),
                ("apagar", {}),
                (None, {}),
            ):
                id_ = fresh("id")
                self.assertEqual(asker.ask(name, {**fields, "id": id_})["id"], id_, (name, fields))

    def test_an_id_may_have_64_bytes_and_any_characters(self):
        for asker in self.askers():
            for id_ in (secrets.token_hex(32), f"{secrets.token_hex(4)} é OK sucesso erro \"'\\/"):
                reply = asker.ask("login", {"user": fresh("ana"), "id": id_})
                self.assertEqual((reply["status"], reply["id"]), ("sucesso", id_))

    def test_a_reply_is_in_the_framing_of_its_request_also_where_nothing_could_be_read(self):
        for framing in FRAMINGS:
            for encoding in (MSGPACK, JSON):
                asker = self.asker(Way(framing, encoding, SERVICE))
                asker.send_body(b"{" if encoding == JSON else b"\xc1")
                check_error(reply_of(asker.receive_body()), asker.way, "error", "formato_invalido")

    def test_both_framings_may_be_mixed_on_one_socket(self):
        socket = self.context.socket(zmq.DEALER)
        socket.rcvtimeo = 6000
        socket.connect(self.board.broker_endpoint)
        body = Way(DELIMITED, MSGPACK, SERVICE).pack({"service": "login", "data": {"user": fresh("ana")}})
        for frames in ([body], [b"", body], [body]):
            socket.send_multipart(frames)
            self.assertEqual(len(socket.recv_multipart()), len(frames))


class RequestTests(BoardTestCase):
    def test_dates_as_libraries_of_messagepack_write_them_are_times(self):
        """An extension type: what JavaScript's Date and Go's time.Time become."""
        for way in (Way(REQ, MSGPACK, NATIVE), Way(REQ, MSGPACK, SERVICE)):
            asker, channel = self.asker(way), self.channel(self.asker())
            moment = msgpack.Timestamp(1764000000, 500_000_000)
            fields = {"user": "ana", "canal": channel, "message": "Oi", "timestamp": moment}
            check_success(asker.ask("publish", fields), way, "publish", None, {"id", "seq", "recibo"})
            ((post,), _) = page(asker, "history", {"canal": channel})
            self.assertEqual((post["timestamp"], post.get("enviado")), (1764000000.5, None))

    def test_extension_types_in_fields_that_nobody_reads_do_no_harm(self):
        asker = self.asker()
        fields = {
            "user": fresh("ana"),
            "timestamp": msgpack.ExtType(7, b"x"),
            "clock": msgpack.ExtType(1, b""),
        }
        check_success(asker.ask("login", fields), asker.way, "login", None, {"existente"})
        reply = asker.ask("login", {"user": msgpack.ExtType(7, b"ana")})
        check_error(reply, asker.way, "login", "campo_invalido", field="user", reason="tipo")

    def test_reserved_fields_are_ignored(self):
        for asker in self.askers():
            channel = self.channel(asker)
            extra = dict.fromkeys(RESERVED_FIELDS, "qualquer coisa")
            reply = asker.ask("publish", {"user": "ana", "canal": channel, "message": "Oi", **extra})
            check_success(reply, asker.way, "publish", None, {"id", "seq", "recibo"})
            ((post,), _) = page(asker, "history", {"canal": channel})
            self.assertEqual(set(post) & set(RESERVED_FIELDS), set())

    def test_names_and_texts_of_the_greatest_length_are_taken(self):
        for asker in self.askers():
            user, channel = ("é" * 28 + secrets.token_hex(4) for _ in range(2))
            self.assertEqual(len(user.encode()), 64)
            check_success(asker.ask("login", {"user": user}), asker.way, "login", None, {"existente"})
            reply = asker.ask("channel", {"channel": channel})
            check_success(reply, asker.way, "channel", None, {"existente"})
            reply = asker.ask("publish", {"user": user, "canal": channel, "message": "é" * 32768})
            check_success(reply, asker.way, "publish", None, {"id", "seq", "recibo"})

    def test_who_posts_or_writes_without_a_login_is_registered_by_it(self):
        for asker in self.askers():
            channel, receiver = self.channel(asker), self.user(asker)
            poster, writer = fresh("bia"), fresh("caio")
            asker.ask("publish", {"user": poster, "canal": channel, "message": "Oi"})
            asker.ask("message", {"from": writer, "to": receiver, "content": "Oi"})
            users = asker.ask("users", {"desde": receiver})["users"]
            self.assertEqual([user for user in users if user in {poster, writer}], [poster, writer])

    def test_a_post_without_an_id_gets_one_of_the_boards_in_hexadecimal(self):
        for asker in self.askers():
            channel = self.channel(asker)
            reply = asker.ask("publish", {"user": "ana", "canal": channel, "message": "Oi"})
            ((post,), _) = page(asker, "history", {"canal": channel})
            self.assertEqual(post["id"], reply["id"])
            self.assertRegex(post["id"], r"\A[0-9a-f]+\Z")


class PageTests(BoardTestCase):
    def setUp(self):
        super().setUp()
        self.dealer = self.asker(Way(DELIMITED, MSGPACK, NATIVE))
        self.many = self.channel(self.dealer)
        for _ in range(PAGE_MAX + 10):
            fields = {"user": "ana", "canal": self.many, "message": "Oi"}
            self.dealer.send_body(self.dealer.way.pack(self.dealer.request("publish", fields)))
        for _ in range(PAGE_MAX + 10):
            self.assertEqual(reply_of(self.dealer.receive_body())["status"], "sucesso")

    def test_a_page_has_50_posts_if_not_said_and_500_at_most(self):
        last = PAGE_MAX + 10
        for request, first, count in (
            ({}, last - PAGE_DEFAULT + 1, PAGE_DEFAULT),
            ({"desde": 0}, 1, PAGE_DEFAULT),
            ({"antes": 100}, 50, PAGE_DEFAULT),
            ({"limite": 500}, 11, PAGE_MAX),
            ({"limite": 501, "desde": 0}, 1, PAGE_MAX),
            ({"limit": 2**53, "since": 3}, 4, PAGE_MAX),
        ):
            items, more = page(self.dealer, "history", {"canal": self.many, **request})
            self.assertEqual([item["seq"] for item in items], list(range(first, first + count)))
            self.assertTrue(more)


class PublicationTests(BoardTestCase):
    def test_publications_are_messagepack_whatever_the_requests_are(self):
        """Some readers want JSON; they get MessagePack, and live."""
        asker = self.asker(Way(REQ, JSON, SERVICE))
        channel = self.channel(asker)
        reader = self.reader(channel)
        asker.ask("publish", {"user": "ana", "channel": channel, "message": "Oi"})
        _, body = reader.socket.recv_multipart()
        self.assertEqual(body[0] & 0xF0, 0x80, "a small map")
        self.assertEqual(msgpack.unpackb(body)["message"], "Oi")

    def test_the_type_of_a_private_message_is_user(self):
        asker = self.asker()
        receiver = self.user(asker)
        reader = self.reader(receiver)
        asker.ask("message", {"src": "ana", "dst": receiver, "message": "Oi"})
        self.assertEqual(reader.next_of(receiver.encode())["type"], "user")

    def test_nothing_but_posts_comes_under_a_name(self):
        """Some readers die of anything else: it has topics that begin with a zero byte, but for `servers`."""
        asker = self.asker()
        channel, receiver = self.channel(asker), self.user(asker)
        reader = Reader(self.context, self.board.proxy_endpoint, b"")
        reader.follow(
            channel, lambda name: asker.ask("publish", {"user": "ana", "canal": name, "message": "já?"})
        )
        asker.ask("message", {"src": "ana", "dst": receiver, "message": "Oi"})
        beacons, posts = 0, 0
        deadline = time.monotonic() + 10
        while not (beacons and posts) and time.monotonic() < deadline:
            topic, value = reader.next()
            if topic[:1] == b"\0":
                beacons += 1
            elif topic != b"servers":
                posts += 1
                self.assertIn(value["type"], {"channel", "user"})
                self.assertEqual(value["topic"], topic.decode())
                self.assertIn("message", value)
        self.assertTrue(beacons)
        self.assertTrue(posts)


class ReferenceTests(BoardTestCase):
    """The reference, as a server of another team's asks it."""

    def setUp(self):
        super().setUp()
        self.endpoint = self.board.reference.arguments[2]
        self.name = fresh("velho")

    def references(self) -> list[Asker]:
        ways = [*self.ways, Way(BARE, MSGPACK, SERVICE), Way(BARE, JSON, NATIVE)]
        return [Asker(self.context, self.endpoint, way) for way in ways]

    def test_a_name_gets_the_same_rank_in_either_envelope_and_encoding(self):
        ranks = set()
        for asker in self.references():
            for fields in ({"user": self.name}, {"user": self.name, "clock": 7, "timestamp": 1764000000.5}):
                reply = asker.ask("rank", fields)
                check_envelope(reply, asker.way, "rank")
                ranks.add(reply["rank"])
        self.assertEqual(len(ranks), 1)
        self.assertGreater(ranks.pop(), 3, "the board's own servers have the first ones")

    def test_the_list_has_who_is_alive(self):
        for asker in self.references():
            asker.ask("rank", {"user": self.name, "endereco": "tcp://127.0.0.1:9"})
            reply = asker.ask("list")
            check_envelope(reply, asker.way, "list")
            rows = {row["name"]: row for row in reply["list"]}
            self.assertEqual(set(rows[self.name]), {"name", "rank", "endereco"})
            self.assertEqual(rows[self.name]["endereco"], "tcp://127.0.0.1:9")
            own = sorted(rows[name]["rank"] for name in ("server1", "server2", "server3"))
            self.assertEqual(own, [1, 2, 3])

    def test_a_heartbeat_is_ok_or_unknown_until_the_rank_was_asked_for(self):
        for number, asker in enumerate(self.references()):
            name = f"{self.name}-{number}"
            self.assertEqual(asker.ask("heartbeat", {"user": name})["status"], "unknown")
            asker.ask("rank", {"user": name})
            reply = asker.ask("heartbeat", {"user": name})
            check_envelope(reply, asker.way, "heartbeat")
            self.assertEqual(reply["status"], "OK")

    def test_the_clock_is_the_time_in_seconds(self):
        for asker in self.references():
            for inner in ({}, None, ""):
                reply = asker.ask_bytes(asker.way.pack(asker.request("clock", inner)))
                check_envelope(reply, asker.way, "clock")
                self.assertApproximates(reply["time"], time.time(), 60)
                self.assertIs(type(reply["time"]), float)

    def test_what_it_does_not_know_is_an_error_and_no_silence(self):
        for asker in self.references():
            for name in ("election", "login", 5, None):
                self.assertEqual(asker.ask(name, {"user": self.name})["status"], "erro")
            self.assertEqual(asker.ask("rank", {"user": ""})["status"], "erro")
            self.assertEqual(asker.ask_bytes(b"\xc1")["status"], "erro")
            self.assertEqual(asker.ask_bytes(b"{")["status"], "erro")
            self.assertEqual(
                asker.ask("clock", {"clock": "tarde", "timestamp": "ontem"})["status"], "sucesso"
            )
