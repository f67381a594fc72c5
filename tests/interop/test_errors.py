"""What is wrong is answered with its code, its field and its reason, stores nothing, and hangs no REQ socket."""

import json

from tests.interop.base import BoardTestCase
from tests.interop.operations import page
from tests.interop.plain import DELIMITED, JSON, MSGPACK, NATIVE, REQ, SERVICE, Asker, Way, fresh, reply_of
from tests.interop.rules import check_error, check_success

MIB = 1024 * 1024

UNDECODABLE = (
    (b"", "formato_invalido"),
    (b"\xc1", "formato_invalido"),
    (b"\x00", "formato_invalido"),
    (b"lixo", "formato_invalido"),
    (b"{", "formato_invalido"),
    (b"{}x", "formato_invalido"),
    (b'{"service": "login", "data": {"user": "ana"}', "formato_invalido"),
    (b"[1, 2]", "formato_invalido"),
    (b"\x93\x01\x02\x03", "formato_invalido"),
    (b"\x82\xa5opcao\xa5login\xa5dados", "formato_invalido"),
    (b"\xdf\xff\xff\xff\xff", "formato_invalido"),
    (b"\xc6\xff\xff\xff\xffabc", "formato_invalido"),
    (b"\x81\xa5opcao\xc7\x02\x05a", "formato_invalido"),
    (b"\x81\xa5opcao\xc7\x05\xff12345", "formato_invalido"),
    (b"\x81" * 100 + b"\x01", None),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "grande_demais"),
    (b'{"a":' + b"[" * 9 + b"]" * 9 + b"}", "grande_demais"),
    (b'{"a":[' + b"1," * 2000 + b"1]}", "grande_demais"),
    (b"\x81\xa1a\xdc\x07\xd0" + b"\x01" * 2000, "grande_demais"),
    (b"\x81\xa5dados\xc6\x00\x10\x00\x00" + bytes(MIB), "grande_demais"),
    (b"{" + b" " * MIB + b"}", "grande_demais"),
    (b"{" + b" " * (4 * MIB - 2), "grande_demais"),
)
"""Bodies, and the code of the answer; None where either will do."""


class ErrorTests(BoardTestCase):
    def test_what_cannot_be_decoded_is_answered(self):
        for framing in (REQ, DELIMITED):
            asker = self.asker(Way(framing, MSGPACK, SERVICE))
            for body, code in UNDECODABLE:
                reply = asker.ask_bytes(body)
                encoding = JSON if body[:1] == b"{" else MSGPACK
                way = Way(framing, encoding, SERVICE)
                check_error(reply, way, "error", code or reply["erro"])
                self.assertIs(reply["definitivo"], True)

    def test_several_body_frames_are_answered(self):
        for way in (Way(REQ, MSGPACK, SERVICE), Way(DELIMITED, MSGPACK, SERVICE)):
            asker = self.asker(way)
            body = way.pack(asker.request("users", {}))
            for frames in ((body, body), (body, b""), (b"", body), (body, *[b"x"] * 200)):
                reply = asker.ask_bytes(*frames)
                self.assertEqual((reply["status"], reply["erro"]), ("erro", "formato_invalido"))
                self.assertEqual(reply["motivo"], "quadros")

    def test_a_client_survives_its_mistakes(self):
        asker = self.asker()
        user = self.user(asker)
        for body, _ in UNDECODABLE:
            asker.ask_bytes(body)
            check_success(asker.ask("login", {"user": user}), asker.way, "login", None, {"existente"})

    def test_unknown_operations(self):
        for asker in self.askers():
            for name in ("apagar", "LOGIN", "login ", "Listar usuarios"):
                check_error(asker.ask(name), asker.way, name, "operacao_desconhecida")
            for name in (5, ["login"], {"a": 1}, True):
                check_error(asker.ask(name), asker.way, "error", "operacao_desconhecida")
            for name in (None, ""):
                reply = asker.ask(name)
                self.assertEqual(reply["status"], "erro")

    def _refused(self, asker: Asker, name: str, fields: dict, field: str, reason: str) -> None:
        id_ = fresh("id")
        reply = asker.ask(name, {"id": id_, **fields})
        check_error(reply, asker.way, name, "campo_invalido", field=field, reason=reason)
        self.assertIs(reply["definitivo"], True)
        if "id" not in fields:
            self.assertEqual(reply["id"], id_)

    def test_fields_of_a_wrong_kind(self):
        wrong = (
            ("tipo", (5, 1.5, True, ["ana"], {"a": "b"})),
            ("longo", ("a" * 65, "é" * 33)),
            ("controle", ("a\nb", "a\x00", "\x7f", "\x85")),
            ("vazio", ("",)),
            ("ausente", (None,)),
        )
        for asker in self.askers():
            good = {"user": "ana", "canal": self.channel(asker), "message": "Oi"}
            for reason, values in wrong:
                for value in values:
                    self._refused(asker, "login", {"user": value}, "user", reason)
                    self._refused(asker, "cadastrar canal", {"canal": value}, "canal", reason)
                    self._refused(asker, "publish", {**good, "user": value}, "user", reason)
                    self._refused(asker, "publish", {**good, "canal": value}, "canal", reason)
                    if reason not in {"longo", "controle"}:
                        self._refused(asker, "publish", {**good, "message": value}, "message", reason)
            for reason, value in (("longo", "a" * 65537), ("longo", "é" * 32769), ("controle", "a\x00b")):
                self._refused(asker, "publish", {**good, "message": value}, "message", reason)
            for value, reason in ((5, "tipo"), ("a" * 65, "longo"), ("a\nb", "controle")):
                self._refused(asker, "publish", {**good, "id": value}, "id", reason)
            self.assertEqual(page(asker, "history", {"canal": good["canal"]}), ([], False))

    def test_binary_is_no_string(self):
        asker = self.asker(Way(REQ, MSGPACK, NATIVE))
        self._refused(asker, "login", {"user": b"ana"}, "user", "tipo")

    def test_what_is_no_unicode(self):
        packed = self.asker(Way(REQ, MSGPACK, NATIVE))
        body = packed.way.pack(packed.request("login", {"user": "XXXX"})).replace(
            b"XXXX", b"\xff\xfe\xc3\x28"
        )
        check_error(
            packed.ask_bytes(body), packed.way, "login", "campo_invalido", field="user", reason="unicode"
        )
        text = self.asker(Way(REQ, JSON, SERVICE))
        for raw in (b"\xff\xfe", b"\\ud800", b"\xed\xa0\x80"):
            body = b'{"service":"login","data":{"user":"' + raw + b'"}}'
            check_error(
                text.ask_bytes(body), text.way, "login", "campo_invalido", field="user", reason="unicode"
            )

    def test_pages_that_nobody_can_turn(self):
        for asker in self.askers():
            channel = self.channel(asker)
            for name in ("desde", "since", "antes", "before", "limite", "limit"):
                for value in ("1", [1], 1.5, True):
                    self._refused(asker, "history", {"canal": channel, name: value}, name, "tipo")
                self._refused(asker, "history", {"canal": channel, name: -1}, name, "intervalo")
            self._refused(asker, "history", {"canal": channel, "limite": 0}, "limite", "intervalo")
            self._refused(asker, "history", {"canal": channel, "leitura": "forte"}, "leitura", "valor")
            self._refused(asker, "history", {}, "canal", "ausente")
            huge = asker.ask("history", {"canal": channel, "desde": 2**62})
            self.assertEqual((huge["status"], huge["messages"]), ("sucesso", []))

    def test_names(self):
        for asker in self.askers():
            channel, user = self.channel(asker), self.user(asker)
            way = asker.way
            for name in ("servers", "replication", "replicate", "replica"):
                check_error(asker.ask("login", {"user": name}), way, "login", "nome_reservado")
                check_error(asker.ask("channel", {"channel": name}), way, "channel", "nome_reservado")
            check_error(asker.ask("login", {"user": channel}), way, "login", "nome_em_uso")
            check_error(asker.ask("channel", {"channel": user}), way, "channel", "nome_em_uso")
            reply = asker.ask("publish", {"user": channel, "canal": channel, "message": "Oi"})
            check_error(reply, way, "publish", "nome_em_uso")
            for name in ("history", "history_channel"):
                check_error(asker.ask(name, {"canal": fresh("nenhum")}), way, name, "canal_inexistente")
                check_error(asker.ask(name, {"user": fresh("nada")}), way, name, "usuario_inexistente")
            reply = asker.ask("message", {"src": "ana", "dst": fresh("nada"), "message": "Oi"})
            check_error(reply, way, "message", "usuario_inexistente")
            stranger, lost = fresh("nada"), fresh("nenhum")
            reply = asker.ask("publish", {"user": stranger, "canal": lost, "message": "Oi"})
            check_error(reply, way, "publish", "canal_inexistente")
            self.assertNotIn(stranger, asker.ask("users", {"desde": user})["users"], "nothing was stored")

    def test_a_claim_of_replication_is_refused(self):
        for asker in self.askers():
            stranger = fresh("nada")
            for claim in (True, 1, "true", {"a": 1}):
                reply = asker.ask("login", {"user": stranger}, replicado=claim)
                check_error(reply, asker.way, "login", "replicado_proibido")
                reply = asker.ask("login", {"user": stranger, "replicado": claim})
                check_error(reply, asker.way, "login", "replicado_proibido")
            self.assertIs(asker.ask("login", {"user": stranger})["existente"], False)

    def test_a_request_just_below_the_limit_is_read(self):
        for asker in self.askers():
            fields = {"user": self.user(asker), "cor": "a" * (MIB - 200)}
            check_success(asker.ask("login", fields), asker.way, "login", None, {"existente"})
            fields["cor"] = "a" * MIB
            reply = asker.ask("login", fields)
            self.assertEqual((reply["status"], reply["erro"]), ("erro", "grande_demais"))

    def test_a_frame_that_is_far_too_long_costs_the_connection_and_no_more(self):
        asker = self.asker(Way(DELIMITED, MSGPACK, SERVICE))
        asker.socket.rcvtimeo = 1000
        asker.send_body(bytes(4 * MIB + 1))
        self.assertFalse(asker.socket.poll(500))
        other = self.asker()
        check_success(other.ask("login", {"user": self.user(other)}), other.way, "login", None, {"existente"})

    def test_an_integer_of_many_digits_in_json(self):
        asker = self.asker(Way(REQ, JSON, SERVICE))
        body = b'{"service":"history","data":{"canal":"geral","limite":' + b"9" * 100_000 + b"}}"
        self.assertIn(reply_of_bytes(asker, body), {"sucesso", "erro"})

    def test_a_key_twice(self):
        asker = self.asker(Way(REQ, JSON, SERVICE))
        user = self.user(asker)
        body = json.dumps({"service": "login", "data": {"user": user}}).replace(
            '"user"', '"user": "outro", "user"'
        )
        check_success(asker.ask_bytes(body.encode()), asker.way, "login", None, {"existente"})


def reply_of_bytes(asker: Asker, body: bytes) -> object:
    asker.send_body(body)
    return reply_of(asker.receive_body())["status"]
