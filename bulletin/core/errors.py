"""The catalogue of refusals: every ``erro`` reply of the board is one of these codes.

A *definite* refusal says that the operation did not and will not take effect.  An indefinite one says that
it may have, or may yet: the same ``id``, sent again, settles it.
"""

from enum import Enum
from typing import Final, Self

import attrs

ENGLISH: Final = "en"
PORTUGUESE: Final = "pt"


@attrs.frozen
class _Case:
    """What stands behind a code.

    :param code: the stable, machine-readable name on the wire.
    :param portuguese: a sentence for a person; ``{motivo}`` is replaced by the reason's words.
    :param english: the same in English.
    :param definite: whether the operation is known not to take effect.
    :param retry_after: seconds after which asking again may help, or None.
    """

    code: str
    portuguese: str
    english: str
    definite: bool = True
    retry_after: float | None = None


class Code(Enum):
    """The codes, each with its sentences; the only place where either is written down."""

    MALFORMED = _Case(
        "formato_invalido",
        "O pedido não pôde ser lido: {motivo}.",
        "The request could not be read: {motivo}.",
    )
    TOO_LARGE = _Case(
        "grande_demais",
        "O pedido é grande demais: {motivo}.",
        "The request is too large: {motivo}.",
    )
    UNKNOWN_OPERATION = _Case(
        "operacao_desconhecida",
        "O servidor não conhece essa operação.",
        "The board knows no such operation.",
    )
    INVALID_FIELD = _Case(
        "campo_invalido",
        "O campo {campo} é inválido: {motivo}.",
        "The field {campo} is invalid: {motivo}.",
    )
    INVALID_CLOCK = _Case(
        "relogio_invalido",
        "O relógio lógico do pedido está fora do intervalo permitido.",
        "The request's logical clock is out of range.",
    )
    REPLICATED_FORBIDDEN = _Case(
        "replicado_proibido",
        "Um cliente não pode enviar pedidos de replicação.",
        "A client must not send requests of replication.",
    )
    RESERVED_NAME = _Case(
        "nome_reservado",
        "O nome no campo {campo} é reservado.",
        "The name in the field {campo} is reserved.",
    )
    NAME_IN_USE = _Case(
        "nome_em_uso",
        "Um usuário e um canal não podem ter o mesmo nome.",
        "A user and a channel cannot have the same name.",
    )
    NO_SUCH_CHANNEL = _Case(
        "canal_inexistente",
        "O canal não existe.",
        "There is no such channel.",
    )
    NO_SUCH_USER = _Case(
        "usuario_inexistente",
        "O usuário não existe.",
        "There is no such user.",
    )
    ID_REUSED = _Case(
        "id_reutilizado",
        "Este id já foi usado por um pedido com outro conteúdo.",
        "This id was already used by a request with another content.",
    )
    ID_EXPIRED = _Case(
        "id_expirado",
        "Este id é antigo demais: o resultado do pedido não é mais conhecido.",
        "This id is too old: what became of its request is no longer known.",
        definite=False,
    )
    FULL = _Case(
        "cheio",
        "O limite de nomes deste mural foi atingido.",
        "This board has reached its limit of names.",
    )
    OVERLOADED = _Case(
        "sobrecarregado",
        "Há pedidos demais no momento; tente de novo em instantes.",
        "There are too many requests at the moment; try again shortly.",
        retry_after=1.0,
    )
    NO_SERVERS = _Case(
        "sem_servidores",
        "Nenhum servidor está pronto no momento.",
        "No server is ready at the moment.",
        retry_after=1.0,
    )
    NO_LEADER = _Case(
        "sem_lider",
        "A maioria dos servidores não está acessível no momento.",
        "A majority of the servers cannot be reached at the moment.",
        retry_after=1.0,
    )
    DISK_FULL = _Case(
        "disco_cheio",
        "Os discos da maioria dos servidores estão cheios.",
        "The disks of a majority of the servers are full.",
        retry_after=5.0,
    )
    TIMED_OUT = _Case(
        "tempo_esgotado",
        "O resultado não é conhecido a tempo; repita o pedido com o mesmo id.",
        "The outcome is not known in time; send the request again with the same id.",
        definite=False,
        retry_after=1.0,
    )
    UNSPECIFIED = _Case(
        "recusado",
        "O pedido foi recusado.",
        "The request was refused.",
        definite=False,
    )
    """What our client makes of a code that it does not know: a newer board's."""


class Reason(Enum):
    """Why a field or a body is refused: (wire word, Portuguese, English)."""

    MISSING = ("ausente", "ele falta", "it is missing")
    EMPTY = ("vazio", "está vazio", "it is empty")
    TOO_LONG = ("longo", "é longo demais", "it is too long")
    WRONG_TYPE = ("tipo", "o tipo não é o esperado", "it has the wrong type")
    NOT_UNICODE = ("unicode", "não é Unicode válido", "it is not valid Unicode")
    CONTROL_CHARACTER = ("controle", "há caracteres de controle", "it has control characters")
    OUT_OF_RANGE = ("intervalo", "o valor está fora do intervalo", "the value is out of range")
    UNKNOWN_VALUE = ("valor", "o valor não é conhecido", "the value is not a known one")
    NOT_DECODABLE = ("codificacao", "não é MessagePack nem JSON", "it is neither MessagePack nor JSON")
    NOT_A_MAP = ("mapa", "o corpo não é um mapa", "the body is not a map")
    TOO_DEEP = ("aninhamento", "há mapas ou listas aninhados demais", "maps or lists are nested too deeply")
    TOO_MANY_ITEMS = ("itens", "há itens demais", "there are too many items")
    TOO_MANY_BYTES = ("bytes", "há bytes demais", "there are too many bytes")
    FRAMES = ("quadros", "deve haver exatamente um quadro de corpo", "there must be exactly one body frame")

    @property
    def word(self) -> str:
        """The stable word for the wire."""
        return self.value[0]


@attrs.define(auto_exc=False, unsafe_hash=True)
class Refusal(Exception):
    """The one exception that decoding, validation and the board raise: a code of the catalogue, with its particulars.

    It is a value too: compared by its fields, and returned where raising would only be caught again.

    :param code: the catalogue's code.
    :param field: the request's field at fault, by the name on the wire, or None.  Never a value that a client sent.
    :param reason: why, or None.
    :param definite: overrides the catalogue where the same code can be either.
    """

    code: Code
    field: str | None = None
    reason: Reason | None = None
    definite: bool = attrs.field(
        default=attrs.Factory(lambda self: self.code.value.definite, takes_self=True)
    )

    @property
    def word(self) -> str:
        """The stable code for the wire, such as ``canal_inexistente``."""
        return self.code.value.code

    @property
    def retry_after(self) -> float | None:
        """Seconds after which asking again may help, or None."""
        return self.code.value.retry_after

    def sentence(self, language: str = PORTUGUESE) -> str:
        """The sentence for a person, in one of the two languages."""
        case = self.code.value
        template = case.english if language == ENGLISH else case.portuguese
        if self.reason is None:
            template = template.replace(": {motivo}", "")
            why = ""
        else:
            why = self.reason.value[2 if language == ENGLISH else 1]
        return template.format(campo=self.field or "", motivo=why)

    def as_value(self) -> Self:
        """This refusal without the traceback and the context that raising it left.

        They hold frames, and frames hold what a client sent: kept in a value, they would live until the garbage
        collector comes by.
        """
        self.__context__ = None
        return self.with_traceback(None)

    def __str__(self) -> str:
        return f"{self.word}: {self.sentence(ENGLISH)}"


BY_WORD: Final[dict[str, Code]] = {code.value.code: code for code in Code}
REASON_BY_WORD: Final[dict[str, Reason]] = {reason.word: reason for reason in Reason}
