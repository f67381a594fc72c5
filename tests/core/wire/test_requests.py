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
    NAMES = ("listar historico", "history", "history_channel", "history_messages")

    def test_a_channel_an_inbox_a_conversation(self):
        for name in self.NAMES:
            for field in ("canal", "channel", "name"):
                self.taken(name, {field: "geral"}, page(CHANNEL, "geral"))
            self.taken(name, {"user": "ana"}, page(INBOX, "ana"))
            for field in ("com", "with"):
                self.taken(name, {"user": "ana", field: "bia"}, page(INBOX, "ana", "bia"))

    def test_canal_wins_over_user(self):
        self.taken("history", {"canal": "geral", "user": "ana", "com": "bia"}, page(CHANNEL, "geral"))
        self.taken("history", {"canal": "", "user": "ana"}, page(INBOX, "ana"))

    def test_cursors_and_limits(self):
        for since, before, limit in (("desde", "antes", "limite"), ("since", "before", "limit")):
            self.taken("history", {"canal": "g", since: 7}, page(CHANNEL, "g", since=7))
            self.taken("history", {"canal": "g", since: 0}, page(CHANNEL, "g", since=0))
            self.taken("history", {"canal": "g", before: 7}, page(CHANNEL, "g", before=7))
            self.taken("history", {"canal": "g", limit: 7}, page(CHANNEL, "g", limit=7))
            self.taken(
                "history",
                {"canal": "g", since: 3, before: 9, limit: 1},
                page(CHANNEL, "g", since=3, before=9, limit=1),
            )

    def test_fifty_posts_if_not_said(self):
        for nothing in (None, ""):
            self.taken("history", {"canal": "g", "limite": nothing}, page(CHANNEL, "g", limit=50))

    def test_what_is_above_the_limit_gets_the_limit(self):
        for limit in (500, 501, 10**6, 2**63):
            self.taken("history", {"canal": "g", "limite": limit}, page(CHANNEL, "g", limit=500))
        for cursor in (CLOCK_MAX, CLOCK_MAX + 1, 2**64 - 1):
            self.taken("history", {"canal": "g", "desde": cursor}, page(CHANNEL, "g", since=CLOCK_MAX))

    def test_negative_sizes_are_refused(self):
        for field in ("desde", "since", "antes", "before", "limite", "limit"):
            for value in (-1, -500, -(2**63)):
                self.invalid("history", {"canal": "g", field: value}, field, Reason.OUT_OF_RANGE)
        self.invalid("history", {"canal": "g", "limite": 0}, "limite", Reason.OUT_OF_RANGE)

    def test_whole_floats_are_numbers_and_nothing_else_is(self):
        self.taken("history", {"canal": "g", "limite": 7.0}, page(CHANNEL, "g", limit=7))
        for value in (7.5, "7", True, [], {}):
            self.invalid("history", {"canal": "g", "limite": value}, "limite", Reason.WRONG_TYPE)
        for value in (float("nan"), float("inf")):
            body = msgpack.packb({"opcao": "listar historico", "dados": {"canal": "g", "limite": value}})
            self.assertEqual(read(body).request, Refusal(Code.INVALID_FIELD, "limite", Reason.WRONG_TYPE))

    def test_the_level_of_a_read(self):
        for word in (None, "", "linearizavel"):
            self.taken("history", {"canal": "g", "leitura": word}, page(CHANNEL, "g"))
        self.taken("history", {"canal": "g", "leitura": "local"}, page(CHANNEL, "g", level=LOCAL))
        for word in ("LOCAL", "eventual", 1, [], True):
            self.invalid("history", {"canal": "g", "leitura": word}, "leitura", Reason.UNKNOWN_VALUE)
            self.invalid("listar", {"leitura": word}, "leitura", Reason.UNKNOWN_VALUE)

    def test_a_list_goes_on_after_a_name_and_after_nothing_else(self):
        for value in (None, "", 0, 7, [], True):
            self.taken("users", {"desde": value}, ListUsers(LINEARIZABLE))
        self.invalid("users", {"desde": "x" * 65}, "desde", Reason.TOO_LONG)

    def test_reserved_names_have_a_history_like_any_other(self):
        self.taken("history", {"canal": "servers"}, page(CHANNEL, "servers"))


class Clocks(RequestsCase):
    LOGIN = ("login", {"user": "ana"})

    def clocked(self, value, **beside):
        return self.asked("login", {"user": "ana", "clock": value}, beside)

    def test_an_integer_is_the_senders_clock(self):
        for clock in (0, 1, CLOCK_MAX):
            incoming = self.clocked(clock)
            self.assertEqual((incoming.clock, incoming.request), (clock, Login("ana")))

    def test_anything_else_counts_as_no_clock_and_the_request_is_served(self):
        for clock in (None, 1.0, 7.5, "7", "", "x", True, False, [], {}):
            incoming = self.clocked(clock)
            self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))
        incoming = self.asked("login", {"user": "ana"})
        self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))

    def test_not_a_number_counts_as_no_clock(self):
        for encoding in Encoding:
            for number in (float("nan"), float("inf"), -float("inf")):
                incoming = read(
                    encode(encoding, {"opcao": "login", "dados": {"user": "ana", "clock": number}})
                )
                self.assertEqual((incoming.clock, incoming.request), (None, Login("ana")))

    def test_an_integer_out_of_range_is_refused_and_moves_no_clock(self):
        for clock in (-1, CLOCK_MAX + 1, 2**63, 2**64 - 1, -(2**63)):
            incoming = self.clocked(clock)
            self.assertEqual(incoming.request, Refusal(Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE))
            self.assertIsNone(incoming.clock)

    def test_an_integer_that_only_json_can_write_is_refused_too(self):
        for digits in (str(2**64), "-" + "9" * 30, "9" * 5000):
            body = b'{"opcao":"login","dados":{"user":"ana","clock":%s}}' % digits.encode()
            self.assertEqual(read(body).request.code, Code.INVALID_CLOCK)

    def test_the_clock_beside_the_inner_map_counts_when_the_inner_map_has_none(self):
        self.assertEqual(self.asked(*self.LOGIN, {"clock": 7}).clock, 7)
        self.assertEqual(self.clocked(None, clock=7).clock, 7)
        self.assertEqual(self.clocked(5, clock=7).clock, 5)
        self.assertEqual(self.clocked(5, clock=-1).clock, 5)
        self.refused(*self.LOGIN, Code.INVALID_CLOCK, "clock", Reason.OUT_OF_RANGE, beside={"clock": 2**60})

    def test_a_request_that_is_refused_for_its_content_has_a_clock_all_the_same(self):
        self.assertEqual(self.asked("apagar", {"clock": 7}).clock, 7)


class Timestamps(RequestsCase):
    def timed(self, fields, **beside):
        incoming = self.asked("login", {"user": "ana", **fields}, beside)
        self.assertEqual(incoming.request, Login("ana"))
        return incoming.timestamp, incoming.sent

    def test_seconds_as_a_float_are_the_form_itself(self):
        self.assertEqual(self.timed({"timestamp": 1_700_000_000.25}), (1_700_000_000.25, None))

    def test_other_forms_go_along(self):
        for form, seconds in (
            (1_700_000_000, 1_700_000_000.0),
            (1_700_000_000_250, 1_700_000_000.25),
            (1_700_000_000_250.0, 1_700_000_000.25),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T22:13:20", 1_700_000_000.0),
            ("2023-11-14T19:13:20-03:00", 1_700_000_000.0),
        ):
            for name in ("timestamp", "time"):
                self.assertEqual(self.timed({name: form}), (seconds, form))

    def test_what_is_not_understood_is_no_reason_to_refuse(self):
        for junk in (None, "", "agora", True, [], {"a": 1}, -1e300, 1e300, 2**63):
            self.assertEqual(self.timed({"timestamp": junk}), (None, None))
        self.assertEqual(self.timed({}), (None, None))
        for encoding in Encoding:
            for number in (float("nan"), float("inf")):
                outer = {"opcao": "login", "dados": {"user": "ana", "timestamp": number}}
                self.assertEqual(read(encode(encoding, outer)).request, Login("ana"))

    def test_the_timestamp_beside_the_inner_map_counts_when_the_inner_map_has_none(self):
        self.assertEqual(self.timed({}, timestamp=1.5), (1.5, None))
        self.assertEqual(self.timed({}, time=1.5), (1.5, None))
        self.assertEqual(self.timed({"time": 2.5}, timestamp=1.5), (2.5, None))
        self.assertEqual(self.timed({"timestamp": "agora"}, timestamp=1.5), (1.5, None))


class Ids(RequestsCase):
    def test_every_request_may_carry_an_id(self):
        for name in ("login", "users", "history", "apagar"):
            self.assertEqual(self.asked(name, {"id": "a" * 64}).heading.id, "a" * 64)

    def test_null_and_empty_are_no_id(self):
        for nothing in (None, ""):
            incoming = self.asked("login", {"user": "ana", "id": nothing})
            self.assertEqual((incoming.heading.id, incoming.request), (None, Login("ana")))

    def test_a_refused_request_has_its_id_too(self):
        for fields, beside in (
            ({"id": "7", "clock": -1}, {}),
            ({"id": "7", "user": 5}, {}),
            ({"id": "7"}, {"replicado": True}),
        ):
            incoming = self.asked("login", fields, beside)
            self.assertIsInstance(incoming.request, Refusal)
            self.assertEqual(incoming.heading.id, "7")

    def test_what_can_be_no_id_is_refused_and_not_repeated(self):
        for value, reason in (
            ("x" * 65, Reason.TOO_LONG),
            ("é" * 33, Reason.TOO_LONG),
            ("a\nb", Reason.CONTROL_CHARACTER),
            (7, Reason.WRONG_TYPE),
            (True, Reason.WRONG_TYPE),
            ([], Reason.WRONG_TYPE),
        ):
            incoming = self.refused("login", {"user": "ana", "id": value}, Code.INVALID_FIELD, "id", reason)
            self.assertIsNone(incoming.heading.id)

    def test_an_id_beside_the_inner_map_is_none(self):
        self.assertIsNone(self.asked("login", {"user": "ana"}, {"id": "7"}).heading.id)


class Replication(RequestsCase):
    def test_a_client_may_not_say_replicado(self):
        for claim in (True, 1, "sim", "", 0, [], {}):
            self.refused("login", {"user": "ana", "replicado": claim}, Code.REPLICATED_FORBIDDEN)
            self.refused("login", {"user": "ana"}, Code.REPLICATED_FORBIDDEN, beside={"replicado": claim})
        self.refused("apagar", {"replicado": True}, Code.REPLICATED_FORBIDDEN)

    def test_that_it_is_not_replicated_anybody_may_say(self):
        for claim in (False, None):
            self.taken("login", {"user": "ana", "replicado": claim}, Login("ana"))
