"""A request's outcome as bytes, in its dialect and encoding; and the same read again by our own client.

Some clients search the bytes of a JSON reply for words.  So nothing that a reply of success says for itself contains
``erro``, nothing in a reply of error contains ``OK`` or ``sucesso``, and neither repeats what the client sent, but
for the request's ``id`` and the operation's name, and names and texts in lists and histories.
"""

from typing import Any, Final

from bulletin.core.board import rules
from bulletin.core.board.history import Page
from bulletin.core.board.outcome import Answer
from bulletin.core.board.value import value
from bulletin.core.errors import BY_WORD, REASON_BY_WORD, Code, Reason, Refusal
from bulletin.core.limits import CLOCK_MAX, FRAME_BYTES_MAX, ITEMS_INTERNAL_MAX, NESTING_INTERNAL_MAX
from bulletin.core.wire.envelope import Dialect, Envelope, Heading, clock_of, open_envelope, repeatable, seal
from bulletin.core.wire.moments import seconds_of
from bulletin.core.wire.operations import (
    BY_NAME,
    ERROR,
    SUCCESS,
    SUCCESS_SHORT,
    Operation,
    list_keys,
    success_word,
)
from bulletin.core.wire.publications import Published, flat, read_flat
from bulletin.core.wire.requests import CreateChannel, Login, Write


@value
class LoggedIn:
    """To a login: ``existing`` tells whether the user was registered before."""

    existing: bool


@value
class ChannelCreated:
    """To a channel's creation: ``existing`` tells whether there was one before."""

    existing: bool


@value
class UserNames:
    """Users in the order in which they registered; ``more``: the list goes on after the last of them."""

    names: tuple[str, ...]
    more: bool = False


@value
class ChannelNames:
    """Channels in the order in which they were created; ``more`` as in :class:`UserNames`."""

    names: tuple[str, ...]
    more: bool = False


@value
class Receipt:
    """What anyone can hold the board to later (``recibo``).

    :param index: of the log.
    :param term: of the entry there.
    :param chain: the chain hash of the channel or inbox after this post, 32 bytes.
    """

    index: int
    term: int
    chain: bytes


@value
class Posted:
    """To a post or a private message.

    :param id: the operation's id.
    :param seq: the post's number in its channel or inbox.
    """

    id: str
    seq: int
    receipt: Receipt


@value
class PublishedPage:
    """A page of history as a client gets it: a :class:`~bulletin.core.board.history.Page` without what stays inside."""

    posts: tuple[Published, ...]
    more: bool


Result = LoggedIn | ChannelCreated | UserNames | ChannelNames | Posted | Page | PublishedPage
"""What a request that took effect comes to."""

_CONFIRMATIONS: Final[dict[type[Result], str]] = {
    LoggedIn: "Login feito.",
    ChannelCreated: "O canal está pronto.",
    UserNames: "Estes são os usuários.",
    ChannelNames: "Estes são os canais.",
    Posted: "A mensagem foi gravada.",
    Page: "Este é o histórico.",
    PublishedPage: "Este é o histórico.",
}
"""``msg`` of a reply of success in the native envelope."""


def result_of(request: Write, answer: Answer) -> Result | Refusal:
    """What the board's (first) answer to a write comes to for its client."""
    if answer.code:
        return Refusal(BY_WORD[answer.code], answer.field or None)
    if isinstance(request, Login):
        return LoggedIn(answer.existing)
    if isinstance(request, CreateChannel):
        return ChannelCreated(answer.existing)
    return Posted(answer.id, answer.seq, Receipt(answer.index, answer.term, answer.chain))


def _fields_of(heading: Heading, result: Result) -> dict[str, Any]:
    match result:
        case Posted(id_, seq, receipt):
            recibo = {"indice": receipt.index, "termo": receipt.term, "hash": receipt.chain.hex()}
            return {"id": id_, "seq": seq, "recibo": recibo}
        case LoggedIn(existing) | ChannelCreated(existing):
            return {"existente": existing}
        case UserNames(items, more) | ChannelNames(items, more):
            listed: list[Any] = list(items)
        case Page(posts, more) | PublishedPage(posts, more):
            listed = [flat(post) for post in posts]
    fields: dict[str, Any] = dict.fromkeys(list_keys(heading.name), listed)
    fields["mais"] = fields["more"] = more
    return fields


def write(heading: Heading, result: Result, clock: int, timestamp: float) -> bytes:
    """The body of a reply of success.

    :param heading: the request's.
    :param clock: the sender's Lamport clock, ticked for this send.
    :param timestamp: the sender's time, seconds since the epoch.
    """
    inner: dict[str, Any] = {"status": success_word(heading.dialect, heading.name)}
    if heading.id is not None:
        inner["id"] = heading.id
    inner.update(_fields_of(heading, result))
    if heading.dialect is Dialect.NATIVE:
        inner["msg"] = _CONFIRMATIONS[type(result)]
    return seal(heading, inner, clock, timestamp)


def refuse(heading: Heading, refusal: Refusal, clock: int, timestamp: float) -> bytes:
    """The body of a reply of error; the arguments are those of :func:`write`."""
    sentence = refusal.sentence()
    inner: dict[str, Any] = {
        "status": ERROR,
        "erro": refusal.word,
        "description": sentence,
        "message": sentence,
        "definitivo": refusal.definite,
    }
    if refusal.retry_after is not None:
        inner["tente_em"] = refusal.retry_after
    if refusal.field is not None:
        inner["campo"] = refusal.field
    if refusal.reason is not None:
        inner["motivo"] = refusal.reason.word
    if heading.dialect is Dialect.NATIVE:
        inner["msg"] = sentence
    if heading.id is not None:
        inner["id"] = heading.id
    return seal(heading, inner, clock, timestamp)


@value
class Received:
    """What a reply was.

    :param heading: dialect, encoding, the operation's name and the request's id, as the reply has them.
    :param clock: the sender's Lamport clock, or None.
    :param timestamp: the sender's time, or None.
    :param result: what the request came to, or why it was refused.
    :param sentence: of a refusal, the board's own sentence for a person; else empty.
    """

    heading: Heading
    clock: int | None
    timestamp: float | None
    result: Result | Refusal
    sentence: str = ""


def _bad(field: str, given: object) -> Refusal:
    return Refusal(Code.INVALID_FIELD, field, Reason.MISSING if given is None else Reason.WRONG_TYPE)


def _flag(fields: dict[str, Any], name: str) -> bool:
    given = fields.get(name)
    if type(given) is not bool:
        raise _bad(name, given)
    return given


def _count(fields: dict[str, Any], name: str) -> int:
    given = fields.get(name)
    if type(given) is not int:
        raise _bad(name, given)
    if not 0 <= given <= CLOCK_MAX:
        raise Refusal(Code.INVALID_FIELD, name, Reason.OUT_OF_RANGE)
    return given


def _listed(fields: dict[str, Any], name: str) -> list[Any]:
    given = fields.get(name)
    if not isinstance(given, list):
        raise _bad(name, given)
    return given


def _receipt(fields: dict[str, Any]) -> Receipt:
    receipt = fields.get("recibo")
    if not isinstance(receipt, dict):
        raise _bad("recibo", receipt)
    digits = receipt.get("hash")
    try:
        chain = bytes.fromhex(digits) if isinstance(digits, str) else None
    except ValueError:
        chain = None
    if chain is None:
        raise _bad("hash", digits)
    return Receipt(_count(receipt, "indice"), _count(receipt, "termo"), chain)


def _read_names(fields: dict[str, Any]) -> tuple[str, ...]:
    return tuple(rules.name(name, "lista") for name in _listed(fields, "lista"))


def _read_result(operation: Operation, fields: dict[str, Any]) -> Result:
    match operation:
        case Operation.LOGIN:
            return LoggedIn(_flag(fields, "existente"))
        case Operation.CREATE_CHANNEL:
            return ChannelCreated(_flag(fields, "existente"))
        case Operation.LIST_USERS:
            return UserNames(_read_names(fields), _flag(fields, "mais"))
        case Operation.LIST_CHANNELS:
            return ChannelNames(_read_names(fields), _flag(fields, "mais"))
        case Operation.PUBLISH | Operation.SEND:
            return Posted(rules.operation_id(fields.get("id")), _count(fields, "seq"), _receipt(fields))
        case Operation.HISTORY:
            posts = tuple(read_flat(item) for item in _listed(fields, "messages"))
            return PublishedPage(posts, _flag(fields, "mais"))


def _shown(fields: dict[str, Any], name: str) -> str:
    """A text that is only for showing to a person; empty if it is none, or could do something to a terminal."""
    given = fields.get(name)
    return given if isinstance(given, str) and given.isprintable() else ""


def _read_refusal(fields: dict[str, Any]) -> Refusal:
    """A refusal from its reply; a code that a newer board has and this one lacks keeps its definiteness."""
    word, reason = fields.get("erro"), fields.get("motivo")
    return Refusal(
        BY_WORD.get(word, Code.UNSPECIFIED) if isinstance(word, str) else Code.UNSPECIFIED,
        _shown(fields, "campo") or None,
        REASON_BY_WORD.get(reason) if isinstance(reason, str) else None,
        _flag(fields, "definitivo"),
    )


def _inner_of(envelope: Envelope) -> dict[str, Any]:
    if envelope.inner is None:
        raise Refusal(Code.INVALID_FIELD, envelope.inner_key, Reason.WRONG_TYPE)
    return envelope.inner


def read(body: bytes) -> Received:
    """What a reply says.

    :raises Refusal: for whatever is no reply, and nothing else.
    """
    envelope = open_envelope(
        body, bytes_max=FRAME_BYTES_MAX, nesting_max=NESTING_INTERNAL_MAX, items_max=ITEMS_INTERNAL_MAX
    )
    fields = _inner_of(envelope)
    id_ = fields.get("id")
    heading = Heading(
        envelope.dialect,
        envelope.encoding,
        repeatable(envelope.name),
        None if id_ is None else rules.operation_id(id_),
    )
    clock, timestamp = clock_of(fields.get("clock")), seconds_of(fields.get("timestamp"))
    status = fields.get("status")
    if status == ERROR:
        return Received(heading, clock, timestamp, _read_refusal(fields), _shown(fields, "description"))
    if status not in (SUCCESS, SUCCESS_SHORT):
        raise _bad("status", status)
    operation = BY_NAME.get(heading.name)
    if operation is None:
        raise Refusal(Code.UNKNOWN_OPERATION)
    return Received(heading, clock, timestamp, _read_result(operation, fields))
