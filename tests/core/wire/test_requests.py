"""Clients' requests: every line of the protocol about what is taken, ignored and refused."""

import itertools
import json

import msgpack
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX
from bulletin.core.wire.envelope import Dialect, Encoding, Heading
from bulletin.core.wire.requests import (
    CreateChannel,
    History,
    ListChannels,
    ListUsers,
    Login,
    Publish,
    ReadLevel,
    Send,
    read,
)

LINEARIZABLE, LOCAL = ReadLevel.LINEARIZABLE, ReadLevel.LOCAL
CHANNEL, INBOX = StreamKind.CHANNEL, StreamKind.INBOX
COMBINATIONS = [(dialect, encoding) for dialect in Dialect for encoding in Encoding]


def encode(encoding, outer):
    return msgpack.packb(outer) if encoding is Encoding.MSGPACK else json.dumps(outer).encode()


def page(kind, stream, partner=None, since=None, before=None, limit=50, level=LINEARIZABLE):
    return History(level, PageQuery(kind, stream, partner, since, before, limit))


class RequestsCase(SynchronousTestCase):
    def asked(self, name, fields, beside=None):
        """What a request is in each envelope and encoding; they must agree but for the heading."""
        incoming = []
        for dialect, encoding in COMBINATIONS:
            name_key, inner_key = dialect.value
            outer = {name_key: name, inner_key: fields, **(beside or {})}
            one = read(encode(encoding, outer))
            self.assertEqual((one.heading.dialect, one.heading.encoding), (dialect, encoding))
            self.assertEqual(one.heading.name, name)
            incoming.append(one)
        first = incoming[0]
        for one in incoming[1:]:
            self.assertEqual(
                (one.request, one.clock, one.timestamp, one.sent, one.heading.id),
                (first.request, first.clock, first.timestamp, first.sent, first.heading.id),
            )
        return first

    def taken(self, name, fields, request):
        self.assertEqual(self.asked(name, fields).request, request, (name, fields))

    def refused(self, name, fields, code, field=None, reason=None, beside=None):
        incoming = self.asked(name, fields, beside)
        self.assertEqual(incoming.request, Refusal(code, field, reason), (name, fields))
        return incoming

    def invalid(self, name, fields, field, reason):
        self.refused(name, fields, Code.INVALID_FIELD, field, reason)


class Operations(RequestsCase):
    def test_login(self):
        for name in ("login", "register_user"):
            self.taken(name, {"user": "ana"}, Login("ana"))

    def test_list_users(self):
        for name in ("listar usuarios", "users", "listar"):
            self.taken(name, {}, ListUsers(LINEARIZABLE))
            self.taken(name, None, ListUsers(LINEARIZABLE))
            self.taken(name, "", ListUsers(LINEARIZABLE))
            self.taken(name, {"desde": "ana", "leitura": "local"}, ListUsers(LOCAL, "ana"))

    def test_create_channel(self):
        for name, field in itertools.product(
            ("cadastrar canal", "channel", "cadastrarCanal"), ("canal", "channel", "name")
        ):
            self.taken(name, {field: "geral"}, CreateChannel("", "geral"))
            self.taken(name, {field: "geral", "user": "ana"}, CreateChannel("ana", "geral"))

    def test_list_channels(self):
        for name in ("listar canais", "channels", "listarCanal", "list_channels"):
            self.taken(name, {}, ListChannels(LINEARIZABLE))
            self.taken(name, {"since": "geral"}, ListChannels(LINEARIZABLE, "geral"))

    def test_publish(self):
        for name, channel, message in itertools.product(
            ("publicar mensagem", "publish"), ("canal", "channel", "name"), ("message", "content")
        ):
            self.taken(
                name, {"user": "ana", channel: "geral", message: "olá\n"}, Publish("ana", "geral", "olá\n")
            )

    def test_private_message(self):
        for name, sender, receiver, message in itertools.product(
            ("enviar mensagens para um usuario especifico", "message"),
            ("user", "src", "from"),
            ("receptor", "dst", "to"),
            ("message", "content"),
        ):
            self.taken(name, {sender: "ana", receiver: "bia", message: "oi"}, Send("ana", "bia", "oi"))

    def test_unknown_operations_are_refused_under_their_own_name(self):
        for name in ("apagar", "LOGIN", "Login", " login", "opcao"):
            self.refused(name, {}, Code.UNKNOWN_OPERATION)

    def test_a_name_that_is_not_safe_to_repeat_becomes_error(self):
        for name in ("tudo OK", "x" * 65, 5, ["login"], {"login": 1}, True):
            incoming = read(msgpack.packb({"opcao": name, "dados": {"id": "7"}}))
            self.assertEqual(incoming.heading, Heading(Dialect.NATIVE, Encoding.MSGPACK, "error", "7"))
            self.assertEqual(incoming.request, Refusal(Code.UNKNOWN_OPERATION))

    def test_a_request_without_an_operation_is_refused(self):
        for outer, dialect, field, reason in (
            ({}, Dialect.SERVICE, "service", Reason.MISSING),
            ({"dados": {}}, Dialect.NATIVE, "opcao", Reason.MISSING),
            ({"data": {"user": "ana"}}, Dialect.SERVICE, "service", Reason.MISSING),
            ({"opcao": ""}, Dialect.NATIVE, "opcao", Reason.EMPTY),
            ({"service": None}, Dialect.SERVICE, "service", Reason.MISSING),
        ):
            for encoding in Encoding:
                incoming = read(encode(encoding, outer))
                self.assertEqual(incoming.heading, Heading(dialect, encoding, "error"))
                self.assertEqual(incoming.request, Refusal(Code.INVALID_FIELD, field, reason))

    def test_an_inner_map_of_another_type_is_refused_by_its_name(self):
        for dialect in Dialect:
            name_key, inner_key = dialect.value
            for inner in (1, [], "x", True):
                incoming = read(msgpack.packb({name_key: "login", inner_key: inner}))
                self.assertEqual(incoming.request, Refusal(Code.INVALID_FIELD, inner_key, Reason.WRONG_TYPE))
                self.assertEqual(incoming.heading.name, "login")


class Fields(RequestsCase):
    def test_unknown_and_reserved_fields_are_ignored(self):
        reserved = "assunto responde edita expira rastro nivel em senha ficha"
        extra = {name: {"a": [1]} for name in (*reserved.split(), "x")}
        self.taken("login", {"user": "ana", **extra}, Login("ana"))

    def test_of_several_names_the_first_that_holds_something_counts(self):
        self.taken("channel", {"name": "c", "channel": "b", "canal": "a"}, CreateChannel("", "a"))
        self.taken("channel", {"name": "c", "channel": "", "canal": None}, CreateChannel("", "c"))
        self.taken(
            "message",
            {"user": "", "src": "ana", "receptor": None, "to": "bia", "message": "", "content": "oi"},
            Send("ana", "bia", "oi"),
        )

    def test_missing_fields_are_named(self):
        self.invalid("login", {}, "user", Reason.MISSING)
        self.invalid("login", {"user": None}, "user", Reason.MISSING)
        self.invalid("channel", {"user": "ana"}, "canal", Reason.MISSING)
        self.invalid("publish", {"canal": "geral", "message": "oi"}, "user", Reason.MISSING)
        self.invalid("publish", {"user": "ana", "message": "oi"}, "canal", Reason.MISSING)
        self.invalid("publish", {"user": "ana", "channel": "geral"}, "message", Reason.MISSING)
        self.invalid("message", {"dst": "bia", "message": "oi"}, "user", Reason.MISSING)
        self.invalid("message", {"src": "ana", "message": "oi"}, "receptor", Reason.MISSING)
        self.invalid("history", {}, "canal", Reason.MISSING)

    def test_empty_fields_are_named_as_they_came(self):
        self.invalid("login", {"user": ""}, "user", Reason.EMPTY)
        self.invalid("channel", {"name": ""}, "name", Reason.EMPTY)
        self.invalid("publish", {"user": "ana", "channel": "", "message": "oi"}, "channel", Reason.EMPTY)
        self.invalid("publish", {"user": "ana", "canal": "geral", "content": ""}, "content", Reason.EMPTY)

    def test_what_is_no_string_is_refused_by_its_field(self):
        for value in (1, 1.5, True, False, 0, [], ["ana"], {"a": 1}):
            self.invalid("login", {"user": value}, "user", Reason.WRONG_TYPE)
            self.invalid("channel", {"channel": value}, "channel", Reason.WRONG_TYPE)
            self.invalid("channel", {"channel": "geral", "user": value}, "user", Reason.WRONG_TYPE)
            self.invalid(
                "publish", {"user": "ana", "canal": "geral", "message": value}, "message", Reason.WRONG_TYPE
            )
            self.invalid("message", {"from": "ana", "to": value, "content": "x"}, "to", Reason.WRONG_TYPE)
            self.invalid("history", {"canal": value, "user": "ana"}, "canal", Reason.WRONG_TYPE)

    def test_binary_is_no_string(self):
        incoming = read(msgpack.packb({"opcao": "login", "dados": {"user": b"ana"}}))
        self.assertEqual(incoming.request, Refusal(Code.INVALID_FIELD, "user", Reason.WRONG_TYPE))

    def test_what_is_not_valid_unicode_is_refused_by_its_field(self):
        packed = b"\x82\xa5opcao\xa5login\xa5dados\x82\xa4user\xa2\xc3\x28\xa2id\xa17"
        text = b'{"opcao":"login","dados":{"user":"\xc3\x28","id":"7"}}'
        escaped = b'{"opcao":"login","dados":{"user":"\\ud800","id":"7"}}'
        for body in (packed, text, escaped):
            incoming = read(body)
            self.assertEqual(incoming.request, Refusal(Code.INVALID_FIELD, "user", Reason.NOT_UNICODE))
            self.assertEqual((incoming.heading.name, incoming.heading.id), ("login", "7"))

    def test_invalid_unicode_in_a_field_that_nobody_reads_does_no_harm(self):
        body = b"\x82\xa5opcao\xa5login\xa5dados\x82\xa4user\xa3ana\xa1x\xa1\xff"
        self.assertEqual(read(body).request, Login("ana"))

    def test_too_long_and_control_characters(self):
        self.invalid("login", {"user": "x" * 65}, "user", Reason.TOO_LONG)
        self.invalid("login", {"user": "é" * 33}, "user", Reason.TOO_LONG)
        self.invalid("login", {"user": "a\nb"}, "user", Reason.CONTROL_CHARACTER)
        self.invalid("channel", {"name": "a\0b"}, "name", Reason.CONTROL_CHARACTER)
        long = {"user": "ana", "canal": "geral", "message": "x" * 65_537}
        self.invalid("publish", long, "message", Reason.TOO_LONG)
        self.invalid("publish", {**long, "message": "a\0b"}, "message", Reason.CONTROL_CHARACTER)
        self.taken("publish", {**long, "message": "x" * 65_536}, Publish("ana", "geral", "x" * 65_536))

    def test_reserved_names_are_refused_where_they_would_be_written(self):
        for name in ("servers", "replication", "replicate", "replica"):
            for operation, fields, field in (
                ("login", {"user": name}, "user"),
                ("channel", {"channel": name}, "channel"),
                ("publish", {"user": "ana", "canal": name, "message": "x"}, "canal"),
                ("publish", {"user": name, "canal": "geral", "message": "x"}, "user"),
                ("message", {"src": name, "dst": "bia", "message": "x"}, "src"),
                ("message", {"src": "ana", "dst": name, "message": "x"}, "dst"),
            ):
                self.refused(operation, fields, Code.RESERVED_NAME, field)


class Histories(RequestsCase):
