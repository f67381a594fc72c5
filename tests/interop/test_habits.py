"""Clients' habits that do no harm are served: odd clocks, odd times, fields beside the inner map, empty maps."""

import json
import time

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import DELIMITED, JSON, MSGPACK, NATIVE, REQ, SERVICE, Asker, Way, fresh, reply_of
from tests.interop.rules import check_envelope, check_error, check_success

NAN = float("nan")
INFINITY = float("inf")

NO_CLOCKS = (None, NAN, INFINITY, -INFINITY, 3.0, -1.5, 1e300, "7", "", "agora", True, False, [], {"a": 1})
"""What is no integer is no clock."""

WRONG_CLOCKS = (-1, -(2**40), 2**53 + 1, 2**63, 2**64 - 1)
"""Integers out of range; JSON has longer ones, besides."""

FAR_CLOCKS = (2**30, 2**53)
"""In range, and too far ahead of the board's own to be merged."""


class ClockTests(BoardTestCase):
    def _served(self, asker: Asker, clock: object) -> int:
        reply = asker.ask("login", {"user": self.name, "clock": clock})
        check_success(reply, asker.way, "login", None, {"existente"})
        return reply["clock"]

    def setUp(self):
        super().setUp()
        self.name = fresh("ana")

    def test_what_is_no_integer_counts_as_no_clock(self):
        for asker in self.askers():
            for clock in NO_CLOCKS:
                self.assertLess(self._served(asker, clock), 2**30)

    def test_one_far_ahead_is_not_merged(self):
        for asker in self.askers():
            for clock in FAR_CLOCKS:
                self.assertLess(self._served(asker, clock), 2**30)

    def test_one_that_is_near_is_merged(self):
        for asker in self.askers():
            near = self._served(asker, None) + 1000
            self.assertGreater(self._served(asker, near), near)

    def test_an_integer_out_of_range_is_refused_and_moves_no_clock(self):
        for asker in self.askers():
            wrong = (*WRONG_CLOCKS, 2**64, 10**60, -(10**60)) if asker.way.encoding == JSON else WRONG_CLOCKS
            for clock in wrong:
                reply = asker.ask("login", {"user": self.name, "clock": clock})
                check_error(reply, asker.way, "login", "relogio_invalido", field="clock")
                self.assertIs(reply["definitivo"], True)
                self.assertLess(reply["clock"], 2**30)

    def test_beside_the_inner_map_it_counts_where_that_has_none(self):
        for asker in self.askers():
            near = self._served(asker, None) + 1000
            reply = asker.ask("login", {"user": self.name}, clock=near, timestamp=1.5)
            self.assertGreater(reply["clock"], near)
            near = reply["clock"] + 1000
            reply = asker.ask("login", {"user": self.name, "clock": 5}, clock=near)
            self.assertLess(reply["clock"], near)
            reply = asker.ask("login", {"user": self.name}, clock=-5)
            check_error(reply, asker.way, "login", "relogio_invalido")


class TimeTests(BoardTestCase):
    def _kept(self, asker: Asker, inner: dict, **outer: object) -> tuple[float, object]:
        """The time of a post and the form in which it was sent, as the history has them."""
        channel = self.channel(asker)
        reply = asker.ask("publish", {"user": "ana", "canal": channel, "message": "Oi", **inner}, **outer)
        check_success(reply, asker.way, "publish", None, {"id", "seq", "recibo"})
        ((post,), _) = page(asker, "history", {"canal": channel})
        return post["timestamp"], post.get("enviado")

    def test_every_form_of_a_time_is_understood(self):
        moment = 1764000000.5
        for asker in self.askers():
            for field in ("timestamp", "time"):
                self.assertEqual(self._kept(asker, {field: moment}), (moment, None))
                self.assertEqual(self._kept(asker, {field: 1764000000}), (1764000000.0, 1764000000))
                self.assertEqual(self._kept(asker, {field: 1764000000500}), (moment, 1764000000500))
                self.assertEqual(self._kept(asker, {field: 1764000000500.0}), (moment, 1764000000500.0))
                for text in (
                    "2025-11-24T16:00:00.500000Z",
                    "2025-11-24T16:00:00.500+00:00",
                    "2025-11-24T16:00:00.500",
                    "2025-11-24 16:00:00.500",
                    "2025-11-24T13:00:00.500-03:00",
                ):
                    self.assertEqual(self._kept(asker, {field: text}), (moment, text))
            self.assertEqual(self._kept(asker, {}, timestamp=moment), (moment, None))
            self.assertEqual(self._kept(asker, {"timestamp": moment}, timestamp=5.5), (moment, None))

    def test_what_is_not_understood_is_replaced_by_the_boards_time(self):
        for asker in self.askers():
            for value in (None, "ontem", "", NAN, INFINITY, -1e300, True, [1], {"a": 1}, 10**18):
                kept, sent = self._kept(asker, {"timestamp": value})
                self.assertApproximates(kept, time.time(), 60)
                self.assertIsNone(sent)
            self.assertApproximates(self._kept(asker, {})[0], time.time(), 60)


class MapTests(BoardTestCase):
    def test_an_inner_map_may_be_empty_null_or_missing(self):
        for asker in self.askers():
            name_key, _ = ("opcao", "dados") if asker.way.envelope == NATIVE else ("service", "data")
            keys = {"channels", "users", "lista", "mais", "more"}
            for inner in ({}, None, ""):
                reply = asker.ask_bytes(asker.way.pack(asker.request("listar canais", inner)))
                check_success(reply, asker.way, "listar canais", None, keys)
            reply = asker.ask_bytes(asker.way.pack({name_key: "listar canais"}))
            check_success(reply, asker.way, "listar canais", None, keys)

    def test_an_inner_map_that_is_none_is_refused(self):
        for asker in self.askers():
            for inner in (5, "texto", [1, 2], True):
                reply = asker.ask_bytes(asker.way.pack(asker.request("listar canais", inner)))
                check_error(reply, asker.way, "listar canais", "campo_invalido", reason="tipo")

    def test_unknown_fields_and_empty_ones_do_no_harm(self):
        for asker in self.askers():
            user = self.user(asker)
            extra = {"cor": "azul", "canal": None, "channel": "", "assunto": {"a": [1, 2, {"b": None}]}}
            reply = asker.ask("login", {"user": user, **extra}, versao=3, id="fora")
            check_success(reply, asker.way, "login", None, {"existente"})
            channel = self.channel(asker)
            whole = {
                "user": user,
                "canal": "",
                "channel": None,
                "name": channel,
                "message": "",
                "content": "Oi",
            }
            reply = asker.ask("publish", {**whole, "id": "", "leitura": ""})
            check_success(reply, asker.way, "publish", None, {"id", "seq", "recibo"})

    def test_of_several_names_of_a_field_the_first_counts(self):
        asker = self.asker()
        first, second = self.channel(asker), self.channel(asker)
        asker.ask(
            "publish", {"user": "ana", "name": second, "channel": second, "canal": first, "message": "Oi"}
        )
        self.assertEqual(len(page(asker, "history", {"canal": first})[0]), 1)
        self.assertEqual(len(page(asker, "history", {"canal": second})[0]), 0)

    def test_a_body_with_the_keys_of_both_envelopes_is_a_native_one(self):
        for encoding in (MSGPACK, JSON):
            way = Way(REQ, encoding, NATIVE)
            asker = self.asker(way)
            user = self.user(asker)
            both = {"service": "login", "data": {"user": user}, "opcao": "login", "dados": {"user": user}}
            check_success(asker.ask_bytes(way.pack(both)), way, "login", None, {"existente"})

    def test_a_claim_of_replication_that_is_false_is_none(self):
        asker = self.asker()
        reply = asker.ask("login", {"user": self.user(asker), "replicado": False}, replicado=False)
        check_success(reply, asker.way, "login", None, {"existente"})

    def test_text_is_kept_as_it_is(self):
        texts = (
            "linha 1\nlinha 2\r\n\ttab",
            "👩‍👩‍👧 🎈",
            "e\u0301 é",
            " espaços ",
            "\u202e",
            "a" * 65536,
            "é" * 32768,
        )
        for asker in self.askers():
            channel = self.channel(asker)
            for text in texts:
                asker.ask("publish", {"user": "ana", "canal": channel, "message": text})
            items, more = page(asker, "history", {"canal": channel})
            self.assertEqual([item["message"] for item in items], list(texts))
            self.assertFalse(more)

    def test_a_page_ends_early_where_it_gets_long(self):
        asker = self.asker()
        channel = self.channel(asker)
        for _ in range(12):
            asker.ask("publish", {"user": "ana", "canal": channel, "message": "a" * 65536})
        newest, more = page(asker, "history", {"canal": channel})
        self.assertTrue(more)
        self.assertEqual(newest[-1]["seq"], 12)
        self.assertLess(len(newest), 12)
        oldest, more = page(asker, "history", {"canal": channel, "desde": 0})
        self.assertTrue(more)
        self.assertEqual(oldest[0]["seq"], 1)


class JsonTests(BoardTestCase):
    """How JSON is written is its writer's matter; how a reply is written matters to those who search it for words."""

    def test_white_space_and_escapes_do_no_harm(self):
        asker = self.asker(Way(REQ, JSON, SERVICE))
        user = fresh("ação")
        request = {"service": "login", "data": {"user": user}}
        for text in (
            json.dumps(request, indent=4),
            json.dumps(request, ensure_ascii=False),
            json.dumps(request, separators=(" , ", " : ")),
            json.dumps(request) + "\r\n",
        ):
            check_success(asker.ask_bytes(text.encode()), asker.way, "login", None, {"existente"})
        users = asker.ask("users", {"desde": ""})
        self.assertIn(user.encode(), users.body)

    def test_words_that_clients_search_for(self):
        """A name or a text with such a word in it is not repeated: not by success, not by an error."""
        for asker in (self.asker(Way(REQ, JSON, SERVICE)), self.asker(Way(DELIMITED, JSON, NATIVE))):
            wrong, good = fresh("erro"), fresh("sucesso-OK")
            check_success(asker.ask("login", {"user": wrong}), asker.way, "login", None, {"existente"})
            channel = fresh("error")
            check_success(
                asker.ask("channel", {"channel": channel}), asker.way, "channel", None, {"existente"}
            )
            reply = asker.ask("publish", {"user": wrong, "canal": channel, "message": "erro, error"})
            check_success(reply, asker.way, "publish", None, {"id", "seq", "recibo"})
            reply = asker.ask("publish", {"user": good, "canal": good, "message": "OK, sucesso"})
            check_error(reply, asker.way, "publish", "canal_inexistente")
            reply = asker.ask("message", {"src": good, "dst": good + "2", "message": "OK, sucesso"})
            check_error(reply, asker.way, "message", "usuario_inexistente")

    def test_an_unknown_operation_with_such_a_word_is_not_repeated(self):
        asker = self.asker(Way(REQ, JSON, SERVICE))
        for name in ("OK", "sucesso", "x" * 100, "a\nb"):
            check_error(asker.ask(name), asker.way, "error", "operacao_desconhecida")


class DocumentedBytesTests(BoardTestCase):
    """The bytes that docs/protocol.md shows."""

    def test_the_login(self):
        body = bytes.fromhex(
            "82 a5 6f 70 63 61 6f a5 6c 6f 67 69 6e a5 64 61"
            "64 6f 73 83 a4 75 73 65 72 a3 61 6e 61 a9 74 69"
            "6d 65 73 74 61 6d 70 cb 41 da 49 20 40 20 00 00"
            "a5 63 6c 6f 63 6b 07"
        )
        asker = self.asker(Way(DELIMITED, MSGPACK, NATIVE))
        asker.send_body(body)
        reply = asker.receive_body()
        start = bytes.fromhex(
            "84 a5 6f 70 63 61 6f a5 6c 6f 67 69 6e a5 64 61"
            "64 6f 73 85 a6 73 74 61 74 75 73 a7 73 75 63 65"
            "73 73 6f a9 65 78 69 73 74 65 6e 74 65"
        )
        self.assertEqual(reply[: len(start)], start)
        check_success(reply_of(reply), asker.way, "login", None, {"existente"})

    def test_the_post(self):
        asker = self.asker(Way(REQ, JSON, SERVICE))
        asker.ask("channel", {"channel": "geral"})
        id_ = f"{fresh('a')[2:]}:1"
        body = (
            '{"service":"publish","data":{"user":"ana","channel":"geral","message":"Bom dia!","id":"'
            + id_
            + '","timestamp":1764000001.0,"clock":8}}'
        )
        reply = asker.ask_bytes(body.encode())
        check_success(reply, asker.way, "publish", id_, {"id", "seq", "recibo"})
        self.assertTrue(
            reply.body.startswith(
                f'{{"service":"publish","data":{{"status":"OK","id":"{id_}","seq":'.encode()
            ),
            reply.body,
        )
        check_envelope(reply, asker.way, "publish")
