"""The table of operations: every name that a client may call one by, and what its replies are called.

The table holds for both envelopes: a name of one may come in the other, and the envelope's keys alone decide the
reply's shape.
"""

from enum import Enum
from typing import Final

import attrs

from bulletin.core.wire.envelope import Dialect

SUCCESS: Final = "sucesso"
SUCCESS_SHORT: Final = "OK"
ERROR: Final = "erro"


@attrs.frozen
class _Row:
    """One operation's row.

    :param native: the name that our own client uses in the native envelope.
    :param service: the same in the ``service`` envelope.
    :param aliases: other names that are taken.
    :param lists: the keys under which a reply carries the list; empty where the operation lists nothing.
    """

    native: str
    service: str
    aliases: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


class Operation(Enum):
    """What a client can ask for."""

    LOGIN = _Row("login", "login", ("register_user",))
    LIST_USERS = _Row("listar usuarios", "users", ("listar",), ("users", "lista"))
    CREATE_CHANNEL = _Row("cadastrar canal", "channel", ("cadastrarCanal",))
    LIST_CHANNELS = _Row(
        "listar canais", "channels", ("listarCanal", "list_channels"), ("channels", "users", "lista")
    )
    PUBLISH = _Row("publicar mensagem", "publish")
    SEND = _Row("enviar mensagens para um usuario especifico", "message")
    HISTORY = _Row("listar historico", "history", ("history_channel", "history_messages"), ("messages",))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the operation, the canonical ones first, each once."""
        row = self.value
        return tuple(dict.fromkeys((row.native, row.service, *row.aliases)))

    def name_in(self, dialect: Dialect) -> str:
        """The canonical name in an envelope."""
        return self.value.native if dialect is Dialect.NATIVE else self.value.service


BY_NAME: Final[dict[str, Operation]] = {
    name: operation for operation in Operation for name in operation.names
}

_SHORT_SUCCESS: Final = frozenset({"publish", "message", "listar", "listarCanal", "cadastrarCanal"})
"""Names whose replies in the ``service`` envelope say ``OK``: clients compare with exactly that."""

_LISTS: Final[dict[str, tuple[str, ...]]] = {
    name: (*operation.value.lists, "publications") if name.startswith("history_") else operation.value.lists
    for name, operation in BY_NAME.items()
}


def success_word(dialect: Dialect, name: str) -> str:
    """``status`` of a reply of success to the operation called ``name``."""
    return SUCCESS_SHORT if dialect is Dialect.SERVICE and name in _SHORT_SUCCESS else SUCCESS


def list_keys(name: str) -> tuple[str, ...]:
    """The keys that carry the list in a reply to the operation called ``name``; none for a name without one."""
    return _LISTS.get(name, ())
