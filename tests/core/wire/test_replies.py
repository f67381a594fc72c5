"""Replies: in the dialect and encoding of the request, with the words that clients search for and no others."""

import itertools
import json

import msgpack
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import Page
from bulletin.core.board.outcome import Answer
from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX
from bulletin.core.wire import requests
from bulletin.core.wire.envelope import Dialect, Encoding, Heading, unreadable
from bulletin.core.wire.operations import BY_NAME, Operation
from bulletin.core.wire.publications import flat
from bulletin.core.wire.replies import (
    ChannelCreated,
    ChannelNames,
    LoggedIn,
    Posted,
    PublishedPage,
    Receipt,
    Received,
    UserNames,
    read,
    refuse,
    result_of,
    write,
)
from tests.core.wire.test_publications import INBOX, NAMES, POSTS, post, published

COMBINATIONS = [(dialect, encoding) for dialect in Dialect for encoding in Encoding]
REPEATABLE = settings(deadline=None, max_examples=150, derandomize=True, database=None)
RECEIPT = Receipt(7, 2, bytes(range(32)))
RESULTS = {
    Operation.LOGIN: LoggedIn(True),
    Operation.LIST_USERS: UserNames(("ana", "bia")),
    Operation.CREATE_CHANNEL: ChannelCreated(False),
    Operation.LIST_CHANNELS: ChannelNames(("geral",), more=True),
    Operation.PUBLISH: Posted("k:1", 5, RECEIPT),
    Operation.SEND: Posted("k:1", 5, RECEIPT),
    Operation.HISTORY: Page((post(), post(INBOX)), more=True),
}


def decode(body):
    return json.loads(body) if body[:1] == b"{" else msgpack.unpackb(body)


class RepliesCase(SynchronousTestCase):
    def inner(self, name, result, dialect, encoding=Encoding.MSGPACK):
        """The inner map of a reply, less the common fields, which are checked."""
        heading = Heading(dialect, encoding, name)
        made = refuse if isinstance(result, Refusal) else write
        body = made(heading, result, 9, 1.5)
        self.assertEqual(body[:1] == b"{", encoding is Encoding.JSON)
        outer = decode(body)
        name_key, inner_key = dialect.value
        inner = outer[inner_key]
        self.assertEqual(outer, {name_key: name, inner_key: inner, "timestamp": 1.5, "clock": 9})
        self.assertEqual((inner.pop("timestamp"), inner.pop("clock")), (1.5, 9))
        return inner


class Success(RepliesCase):
    def expect(self, operation, fields):
        """What the reply to each of an operation's names is, in all four combinations."""
        for name, (dialect, encoding) in itertools.product(operation.names, COMBINATIONS):
            inner = self.inner(name, RESULTS[operation], dialect, encoding)
            status = inner.pop("status")
            short = {"publish", "message", "listar", "listarCanal", "cadastrarCanal"}
            self.assertEqual(status, "OK" if dialect is Dialect.SERVICE and name in short else "sucesso")
            message = inner.pop("msg", None)
            self.assertEqual(message is not None, dialect is Dialect.NATIVE)
            self.assertEqual(inner, fields(name))

    def test_login(self):
        self.expect(Operation.LOGIN, lambda name: {"existente": True})

    def test_create_channel(self):
        self.expect(Operation.CREATE_CHANNEL, lambda name: {"existente": False})

    def test_list_users(self):
        names = ["ana", "bia"]
        self.expect(
            Operation.LIST_USERS, lambda name: {"users": names, "lista": names, "mais": False, "more": False}
        )

    def test_list_channels(self):
        names = ["geral"]
        self.expect(
            Operation.LIST_CHANNELS,
            lambda name: {"channels": names, "users": names, "lista": names, "mais": True, "more": True},
        )

    def test_publish_and_send(self):
        fields = {
            "id": "k:1",
            "seq": 5,
            "recibo": {"indice": 7, "termo": 2, "hash": bytes(range(32)).hex()},
        }
        self.expect(Operation.PUBLISH, lambda name: fields)
        self.expect(Operation.SEND, lambda name: fields)

    def test_history(self):
        items = [flat(post()), flat(post(INBOX))]

        def fields(name):
            also = {"publications": items} if name in ("history_channel", "history_messages") else {}
            return {"messages": items, "mais": True, "more": True, **also}

        self.expect(Operation.HISTORY, fields)

    def test_items_of_a_history_are_flat(self):
        inner = self.inner("history", Page((post(),), more=False), Dialect.SERVICE)
        self.assertNotIn("service", inner["messages"][0])
        self.assertNotIn("data", inner["messages"][0])

    def test_every_reply_to_a_request_with_an_id_has_it(self):
        for operation, result in RESULTS.items():
            for name, (dialect, encoding) in itertools.product(operation.names, COMBINATIONS):
                body = write(Heading(dialect, encoding, name, "k:1"), result, 9, 1.5)
                self.assertEqual(decode(body)[dialect.value[1]]["id"], "k:1")

    def test_no_word_of_an_error(self):
        for operation, result in RESULTS.items():
            for name, (dialect, encoding) in itertools.product(operation.names, COMBINATIONS):
                self.assertNotIn(b"erro", write(Heading(dialect, encoding, name), result, 9, 1.5))


class Errors(RepliesCase):
    def test_the_fields_of_an_error(self):
        refusal = Refusal(Code.INVALID_FIELD, "user", Reason.EMPTY)
        sentence = "O campo user é inválido: está vazio."
        fields = {
            "status": "erro",
            "erro": "campo_invalido",
            "description": sentence,
            "message": sentence,
            "definitivo": True,
            "campo": "user",
            "motivo": "vazio",
        }
        for encoding in Encoding:
            self.assertEqual(self.inner("login", refusal, Dialect.SERVICE, encoding), fields)
            self.assertEqual(
                self.inner("login", refusal, Dialect.NATIVE, encoding), {**fields, "msg": sentence}
            )

    def test_what_is_unknown_is_not_definite_and_waiting_may_help(self):
        inner = self.inner("publish", Refusal(Code.TIMED_OUT), Dialect.SERVICE)
        self.assertEqual((inner["definitivo"], inner["tente_em"]), (False, 1.0))
        inner = self.inner("publish", Refusal(Code.NO_SUCH_CHANNEL), Dialect.SERVICE)
        self.assertNotIn("tente_em", inner)

    def test_every_error_to_a_request_with_an_id_has_it(self):
        for dialect, encoding in COMBINATIONS:
            body = refuse(Heading(dialect, encoding, "login", "k:1"), Refusal(Code.FULL), 9, 1.5)
            self.assertEqual(decode(body)[dialect.value[1]]["id"], "k:1")

    def test_no_word_of_a_success_whatever_the_code(self):
        names = (*BY_NAME, "error", "apagar")
        refusals = [Refusal(code, "canal", reason) for code in Code for reason in (None, *Reason)]
        for refusal, (dialect, encoding) in itertools.product(refusals, COMBINATIONS):
            body = refuse(Heading(dialect, encoding, "login"), refusal, 9, 1.5)
            self.assertNotIn(b"OK", body)
            self.assertNotIn(b"sucesso", body)
        for name, (dialect, encoding) in itertools.product(names, COMBINATIONS):
            body = refuse(Heading(dialect, encoding, name), Refusal(Code.FULL), 9, 1.5)
            self.assertNotIn(b"OK", body)
            self.assertNotIn(b"sucesso", body)

    def test_what_could_not_be_decoded_is_answered_in_the_service_envelope(self):
        for body, encoding in ((b"{", Encoding.JSON), (b"\xc1", Encoding.MSGPACK), (b"", Encoding.MSGPACK)):
            reply = refuse(unreadable(body), Refusal(Code.MALFORMED, reason=Reason.NOT_DECODABLE), 9, 1.5)
            self.assertEqual(reply[:1] == b"{", encoding is Encoding.JSON)
            outer = decode(reply)
            self.assertEqual((outer["service"], outer["data"]["status"]), ("error", "erro"))


class Repetition(SynchronousTestCase):
    """Neither a success nor an error says again what the client said."""

    MARK = "Zq7sucessoOKerroZq7"

    def replies(self, outer):
        for encoding in Encoding:
            body = msgpack.packb(outer) if encoding is Encoding.MSGPACK else json.dumps(outer).encode()
            incoming = requests.read(body)
            request = incoming.request
            if isinstance(request, Refusal):
                yield refuse(incoming.heading, request, 9, 1.5)
            else:
                operation = requests.operation_of(request)
                for refusal in (Refusal(code, "canal") for code in Code):
                    yield refuse(incoming.heading, refusal, 9, 1.5)
                if operation not in (Operation.LIST_USERS, Operation.LIST_CHANNELS, Operation.HISTORY):
                    yield write(incoming.heading, RESULTS[operation], 9, 1.5)

    def test_no_value_of_a_request_comes_back(self):
        mark = self.MARK
        fields = dict.fromkeys(("user", "canal", "receptor", "message", "com", "leitura", "x"), mark)
        for name_key, inner_key in (dialect.value for dialect in Dialect):
            for name in (*BY_NAME, mark):
                for outer in (
                    {name_key: name, inner_key: fields},
                    {name_key: name, inner_key: {**fields, "timestamp": mark, "clock": mark}},
                    {name_key: name, inner_key: {**fields, "user": mark * 4}},
                    {name_key: name, inner_key: {**fields, "message": [mark]}},
                    {name_key: name, inner_key: {**fields, "id": mark * 4}},
                    {name_key: name, inner_key: mark},
                    {name_key: name, inner_key: fields, "replicado": mark},
                ):
                    for reply in self.replies(outer):
                        self.assertNotIn(b"Zq7", reply)


class Answers(SynchronousTestCase):
    def answer(self, **changes):
        fields = {
            "code": "",
            "field": "",
            "id": "k:1",
            "existing": True,
            "seq": 5,
            "index": 7,
            "term": 2,
            "chain": RECEIPT.chain,
            "clock": 9,
        }
        return Answer(**{**fields, **changes})

    def test_the_boards_answers_become_results(self):
        for request, result in (
            (requests.Login("ana"), LoggedIn(True)),
            (requests.CreateChannel("", "geral"), ChannelCreated(True)),
            (requests.Publish("ana", "geral", "oi"), Posted("k:1", 5, Receipt(7, 2, RECEIPT.chain))),
            (requests.Send("ana", "bia", "oi"), Posted("k:1", 5, Receipt(7, 2, RECEIPT.chain))),
        ):
            self.assertEqual(result_of(request, self.answer()), result)

    def test_its_refusals_become_refusals(self):
        request = requests.Publish("ana", "geral", "oi")
        for code in Code:
            self.assertEqual(result_of(request, self.answer(code=code.value.code)), Refusal(code))
        self.assertEqual(
            result_of(request, self.answer(code="nome_em_uso", field="user")),
            Refusal(Code.NAME_IN_USE, "user"),
        )


class Reading(SynchronousTestCase):
    def test_a_refusal_is_read_with_its_sentence(self):
        refusal = Refusal(Code.INVALID_FIELD, "user", Reason.EMPTY)
        for dialect, encoding in COMBINATIONS:
            heading = Heading(dialect, encoding, "login", "k:1")
            received = read(refuse(heading, refusal, 9, 1.5))
            self.assertEqual(received, Received(heading, 9, 1.5, refusal, refusal.sentence()))

    def test_definiteness_is_the_replys_own(self):
        for definite in (False, True):
            refusal = Refusal(Code.NO_LEADER, definite=definite)
            heading = Heading(Dialect.NATIVE, Encoding.MSGPACK, "login")
            self.assertEqual(read(refuse(heading, refusal, 9, 1.5)).result, refusal)

    def test_a_newer_boards_code_is_an_unspecified_refusal(self):
        inner = {
            "status": "erro",
            "erro": "novidade",
            "description": "Novo.",
            "definitivo": True,
            "motivo": "novo",
        }
        received = read(msgpack.packb({"opcao": "login", "dados": inner}))
        self.assertEqual(received.result, Refusal(Code.UNSPECIFIED, definite=True))
        self.assertEqual(received.sentence, "Novo.")
        self.assertEqual((received.clock, received.timestamp), (None, None))

    def test_texts_that_could_do_something_to_a_terminal_are_not_shown(self):
        for text in ("\x1b[2J", "a\nb", 5, None):
            inner = {
                "status": "erro",
                "erro": "cheio",
                "definitivo": True,
                "description": text,
                "campo": text,
            }
            received = read(msgpack.packb({"opcao": "login", "dados": inner}))
            self.assertEqual((received.sentence, received.result), ("", Refusal(Code.FULL)))

    def test_what_is_no_reply_is_refused(self):
        good = decode(
            write(Heading(Dialect.NATIVE, Encoding.MSGPACK, "publish"), RESULTS[Operation.PUBLISH], 9, 1.5)
        )
        for changes in (
            {"status": None},
            {"status": "talvez"},
            {"status": []},
            {"status": "erro"},
            {"id": 5},
            {"seq": "5"},
            {"seq": -1},
            {"seq": 2**60},
            {"recibo": None},
            {"recibo": {}},
            {"recibo": {"indice": 1, "termo": 1, "hash": "zz"}},
            {"recibo": {"indice": 1, "termo": 1, "hash": 5}},
            {"recibo": {"indice": True, "termo": 1, "hash": "00"}},
        ):
            body = msgpack.packb({**good, "dados": {**good["dados"], **changes}})
            self.assertRaises(Refusal, read, body)
        for outer in (
            {**good, "opcao": "apagar"},
            {**good, "opcao": 5},
            {**good, "dados": []},
            {"opcao": "login", "dados": {"status": "sucesso", "existente": 1}},
            {"opcao": "listar", "dados": {"status": "sucesso", "lista": [5], "mais": False}},
            {"opcao": "listar", "dados": {"status": "sucesso", "lista": "ana", "mais": False}},
            {"opcao": "listar historico", "dados": {"status": "sucesso", "messages": [1], "mais": False}},
        ):
            self.assertRaises(Refusal, read, msgpack.packb(outer))

    def test_a_page_comes_without_what_stays_inside(self):
        heading = Heading(Dialect.NATIVE, Encoding.MSGPACK, "listar historico")
        received = read(write(heading, Page((post(), post(INBOX)), more=True), 9, 1.5))
        self.assertEqual(
            received.result, PublishedPage((published(post()), published(post(INBOX))), more=True)
        )

    def test_the_longest_lists_can_be_read(self):
        heading = Heading(Dialect.NATIVE, Encoding.MSGPACK, "listar usuarios")
        names = UserNames(tuple(f"{n:020}" for n in range(100_000)))
        self.assertEqual(read(write(heading, names, 9, 1.5)).result, names)


TUPLES = st.lists(NAMES, max_size=6).map(tuple)
CASES = st.one_of(
    st.tuples(st.just(Operation.LOGIN), st.builds(LoggedIn, st.booleans())),
    st.tuples(st.just(Operation.CREATE_CHANNEL), st.builds(ChannelCreated, st.booleans())),
    st.tuples(st.just(Operation.LIST_USERS), st.builds(UserNames, TUPLES, st.booleans())),
    st.tuples(st.just(Operation.LIST_CHANNELS), st.builds(ChannelNames, TUPLES, st.booleans())),
    st.tuples(
        st.sampled_from((Operation.PUBLISH, Operation.SEND)),
        st.builds(
            Posted,
            st.just("k:1"),
            st.integers(1, CLOCK_MAX),
            st.builds(
                Receipt,
                st.integers(1, CLOCK_MAX),
                st.integers(1, CLOCK_MAX),
                st.binary(min_size=32, max_size=32),
            ),
        ),
    ),
    st.tuples(
        st.just(Operation.HISTORY),
        st.builds(PublishedPage, st.lists(POSTS, max_size=4).map(tuple), st.booleans()),
    ),
)


class Properties(SynchronousTestCase):
    @given(
        CASES, st.sampled_from(COMBINATIONS), st.integers(0, 3), st.integers(0, CLOCK_MAX), st.floats(0, 1e11)
    )
    @REPEATABLE
    def test_a_reply_is_read_as_it_was_written(self, case, combination, which, clock, timestamp):
        operation, result = case
        heading = Heading(*combination, operation.names[which % len(operation.names)], "k:1")
        self.assertEqual(
            read(write(heading, result, clock, timestamp)), Received(heading, clock, timestamp, result)
        )

    @given(
        st.binary(max_size=80),
        CASES,
        st.sampled_from(COMBINATIONS),
        st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
    )
    @REPEATABLE
    def test_nothing_but_refusals(self, junk, case, combination, edits):
        operation, result = case
        body = write(Heading(*combination, operation.names[0], "k:1"), result, 9, 1.5)
        mutated = bytearray(body)
        for place, byte in edits:
            mutated[place % len(mutated)] = byte
        for one in (junk, b"{" + junk, bytes(mutated), body[: edits[0][0] % len(body)]):
            try:
                read(one)
            except Refusal as refusal:
                self.assertIsInstance(refusal.code, Code)
