"""The table of operations, as the protocol has it."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.wire.envelope import Dialect, repeatable
from bulletin.core.wire.operations import BY_NAME, Operation, list_keys, success_word

TABLE = {
    Operation.LOGIN: ("login", "login", "register_user"),
    Operation.LIST_USERS: ("listar usuarios", "users", "listar"),
    Operation.CREATE_CHANNEL: ("cadastrar canal", "channel", "cadastrarCanal"),
    Operation.LIST_CHANNELS: ("listar canais", "channels", "listarCanal", "list_channels"),
    Operation.PUBLISH: ("publicar mensagem", "publish"),
    Operation.SEND: ("enviar mensagens para um usuario especifico", "message"),
    Operation.HISTORY: ("listar historico", "history", "history_channel", "history_messages"),
}


class Table(SynchronousTestCase):
    def test_every_name_of_the_protocol_and_no_other(self):
        self.assertEqual(BY_NAME, {name: operation for operation, names in TABLE.items() for name in names})
        self.assertEqual(set(TABLE), set(Operation))

    def test_canonical_names(self):
        for operation, (native, service, *_) in TABLE.items():
            self.assertEqual(operation.name_in(Dialect.NATIVE), native)
            self.assertEqual(operation.name_in(Dialect.SERVICE), service)

    def test_replies_that_say_ok_in_the_service_envelope(self):
        short = {"publish", "message", "listar", "listarCanal", "cadastrarCanal"}
        for name in BY_NAME:
            self.assertEqual(success_word(Dialect.SERVICE, name), "OK" if name in short else "sucesso")
            self.assertEqual(success_word(Dialect.NATIVE, name), "sucesso")

    def test_keys_of_the_lists(self):
        for name, operation in BY_NAME.items():
            expected = {
                Operation.LIST_USERS: ("users", "lista"),
                Operation.LIST_CHANNELS: ("channels", "users", "lista"),
                Operation.HISTORY: ("messages", "publications")
                if name.startswith("history_")
                else ("messages",),
            }.get(operation, ())
            self.assertEqual(list_keys(name), expected)
        self.assertEqual(list_keys("error"), ())

    def test_every_name_is_repeated_and_has_no_word_that_clients_search(self):
        for name in BY_NAME:
            self.assertEqual(repeatable(name), name)
            for word in ("erro", "OK", "sucesso"):
                self.assertNotIn(word, name)
