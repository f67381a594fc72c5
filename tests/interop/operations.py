"""Every operation by every name and with every alias of a field: each function raises AssertionError where a reply differs."""

import itertools
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from tests.interop.plain import Asker, Reply, UnansweredError, fresh
from tests.interop.rules import check_post, check_receipt, check_success

PUBLISH = "publish"
CREATE = "cadastrar canal"
LOGIN = "login"
MESSAGE = "message"


@attrs.frozen
class Operation:
    """A row of the table of operations.

    :param title: what it does.
    :param names: all its names.
    :param exercise: called with a client and one of the names.
    """

    title: str
    names: tuple[str, ...]
    exercise: Callable[[Asker, str], None]


def attempt(operation: Operation, asker: Asker, name: str) -> str | None:
    """Exercise an operation; what differed from the protocol, and where that was seen, or None."""
    try:
        operation.exercise(asker, name)
    except (AssertionError, UnansweredError) as error:
        seen = traceback.extract_tb(error.__traceback__)[-1]
        what = str(error) or seen.line
        return f"{asker.way}: {operation.title}, {name!r}: {what} ({Path(seen.filename).name}, line {seen.lineno})"
    return None


def asked(asker: Asker, name: str, request: dict, fields: set[str]) -> Reply:
    """Ask with an id, and hold the reply against the rules of success with these fields."""
    id_ = fresh("id")
    reply = asker.ask(name, {**request, "id": id_, "timestamp": 1764000000.5, "clock": 7})
    check_success(reply, asker.way, name, id_, fields)
    return reply


def make_channel(asker: Asker) -> str:
    channel = fresh("canal")
    asked(asker, CREATE, {"canal": channel}, {"existente"})
    return channel


def make_user(asker: Asker) -> str:
    user = fresh("ana")
    asked(asker, LOGIN, {"user": user}, {"existente"})
    return user


def log_in(asker: Asker, name: str) -> None:
    user = fresh("ação")
    assert asked(asker, name, {"user": user}, {"existente"})["existente"] is False
    assert asked(asker, name, {"user": user}, {"existente"})["existente"] is True
    bare = asker.ask(name, {"user": user})
    check_success(bare, asker.way, name, None, {"existente"})


def create_channel(asker: Asker, name: str) -> None:
    user = asker.made_once("user", lambda: make_user(asker))
    for field in ("canal", "channel", "name"):
        channel = fresh("praça")
        assert asked(asker, name, {field: channel}, {"existente"})["existente"] is False
        assert asked(asker, name, {field: channel, "user": user}, {"existente"})["existente"] is True


def _whole_list(asker: Asker, name: str, keys: tuple[str, ...], level: dict) -> list[str]:
    """All pages of a list, each under all of its keys."""
    names: list[str] = []
    more = True
    while more:
        since = {"desde": names[-1]} if names else {}
        reply = asked(asker, name, {**level, **since}, {*keys, "mais", "more"})
        page = reply[keys[0]]
        assert all(reply[key] == page for key in keys)
        assert reply["mais"] is reply["more"]
        names += page
        more = reply["mais"]
    assert len(set(names)) == len(names)
    return names


def _check_list(asker: Asker, name: str, keys: tuple[str, ...], make: Callable[[Asker], str]) -> None:
    first, second = asker.made_once(make.__name__, lambda: (make(asker), make(asker)))
    names = _whole_list(asker, name, keys, {})
    assert names.index(first) < names.index(second), "a list has the order of registration"
    assert first in _whole_list(asker, name, keys, {"leitura": "linearizavel"})
    assert isinstance(_whole_list(asker, name, keys, {"leitura": "local"}), list)
    after = asked(asker, name, {"desde": first}, {*keys, "mais", "more"})[keys[0]]
    assert second in after
    assert first not in after


def list_users(asker: Asker, name: str) -> None:
    _check_list(asker, name, ("users", "lista"), make_user)


def list_channels(asker: Asker, name: str) -> None:
    _check_list(asker, name, ("channels", "users", "lista"), make_channel)


def publish(asker: Asker, name: str) -> None:
    channel, user = make_channel(asker), fresh("ana")
    seq = itertools.count(1)
    for field, text in (("canal", "message"), ("channel", "content"), ("name", "message")):
        request = {"user": user, field: channel, text: "Olá, çãé – 漢字 🎈"}
        check_receipt(asked(asker, name, request, {"id", "seq", "recibo"}), next(seq))
    bare = asker.ask(name, {"user": user, "canal": channel, "message": "sem id"})
    check_success(bare, asker.way, name, None, {"id", "seq", "recibo"})
    check_receipt(bare, next(seq))
    int(bare["id"], 16)


def private_message(asker: Asker, name: str) -> None:
    receiver, sender = make_user(asker), fresh("bia")
    seq = itertools.count(1)
    for field, to, text in (
        ("user", "receptor", "message"),
        ("src", "dst", "content"),
        ("from", "to", "message"),
    ):
        request = {field: sender, to: receiver, text: "Oi"}
        check_receipt(asked(asker, name, request, {"id", "seq", "recibo"}), next(seq))


def page_fields(name: str) -> set[str]:
    extra = {"publications"} if name.startswith("history_") else set()
    return {"messages", "mais", "more", *extra}


def page(asker: Asker, name: str, request: dict) -> tuple[list[dict], bool]:
    """A page of history: its posts and whether there are more."""
    reply = asked(asker, name, request, page_fields(name))
    assert reply["mais"] is reply["more"]
    if name.startswith("history_"):
        assert reply["publications"] == reply["messages"]
    return reply["messages"], reply["mais"]


def _numbers(items: list[dict]) -> list[int]:
    return [item["seq"] for item in items]


def _channel_of_seven(asker: Asker) -> tuple[str, str]:
    channel, user = make_channel(asker), fresh("ana")
    for number in range(1, 8):
        request = {"user": user, "canal": channel, "message": f"mensagem {number}"}
        asked(asker, PUBLISH, request, {"id", "seq", "recibo"})
    return channel, user


def history_of_channel(asker: Asker, name: str) -> None:
    channel, user = asker.made_once("channel of seven", lambda: _channel_of_seven(asker))
    for field in ("canal", "channel", "name"):
        items, more = page(asker, name, {field: channel})
        assert not more
        for number, item in enumerate(items, 1):
            check_post(item, user=user, stream=channel, message=f"mensagem {number}", seq=number)
        assert len(items) == 7
    for request, numbers, more in _pages():
        items, there_is_more = page(asker, name, {"canal": channel, **request})
        assert (_numbers(items), there_is_more) == (numbers, more), f"{request}: {_numbers(items)}"
    items, _ = page(asker, name, {"canal": channel, "user": "ninguém"})
    assert len(items) == 7, "canal wins over user"


def _pages() -> Iterator[tuple[dict, list[int], bool]]:
    """Cursors into seven posts; the numbers that they give, and whether there are more."""
    for since, before, limit in (("desde", "antes", "limite"), ("since", "before", "limit")):
        yield {limit: 3}, [5, 6, 7], True
        yield {since: 2, limit: 3}, [3, 4, 5], True
        yield {since: 4, limit: 3}, [5, 6, 7], False
        yield {before: 5, limit: 3}, [2, 3, 4], True
        yield {before: 4, limit: 3}, [1, 2, 3], False
        yield {since: 2, before: 7, limit: 3}, [3, 4, 5], True
        yield {since: 3, before: 6}, [4, 5], False
        yield {since: 7}, [], False
        yield {since: 0.0, limit: 2.0}, [1, 2], True
        yield {limit: 10_000}, [1, 2, 3, 4, 5, 6, 7], False


def _three_users(asker: Asker, *pairs: str) -> dict[str, str]:
    """Ana, Bia and Caio, who wrote to each other: "ab" is a message of Ana to Bia."""
    users = {letter: make_user(asker) for letter in "abc"}
    for sender, receiver in pairs:
        request = {"src": users[sender], "dst": users[receiver], "message": "Oi"}
        asked(asker, MESSAGE, request, {"id", "seq", "recibo"})
    return users


def history_of_inbox(asker: Asker, name: str) -> None:
    users = asker.made_once("inbox", lambda: _three_users(asker, "ba", "ca", "ab", "ac", "ba"))
    ana, bia, caio = users.values()
    items, more = page(asker, name, {"user": ana})
    assert not more
    assert [item["src"] for item in items] == [bia, caio, bia]
    for number, item in enumerate(items, 1):
        check_post(item, user=item["src"], stream=ana, message="Oi", seq=number, private=True)
    items, more = page(asker, name, {"user": ana, "leitura": "local", "limite": 2})
    assert len(items) <= 2


def conversation(asker: Asker, name: str) -> None:
    users = asker.made_once("conversation", lambda: _three_users(asker, "ab", "ba", "ca", "ab"))
    ana, bia, _ = users.values()
    both = [(ana, bia), (bia, ana), (ana, bia)]
    for partner in ("com", "with"):
        items, more = page(asker, name, {"user": ana, partner: bia})
        assert not more
        assert [(item["src"], item["dst"]) for item in items] == both
        assert items == page(asker, name, {"user": bia, partner: ana})[0], "it is the same from either end"
        clocks = [item["clock"] for item in items]
        assert clocks == sorted(set(clocks)), "clock rises"
        rest, more = page(asker, name, {"user": ana, partner: bia, "desde": clocks[0], "limite": 1})
        assert (rest, more) == (items[1:2], True)
        rest, more = page(asker, name, {"user": ana, partner: bia, "antes": clocks[2]})
        assert (rest, more) == (items[:2], False)


HISTORY = ("listar historico", "history", "history_channel", "history_messages")

OPERATIONS = (
    Operation("log in", ("login", "register_user"), log_in),
    Operation("list users", ("listar usuarios", "users", "listar"), list_users),
    Operation("create a channel", ("cadastrar canal", "channel", "cadastrarCanal"), create_channel),
    Operation("list channels", ("listar canais", "channels", "listarCanal", "list_channels"), list_channels),
    Operation("publish", ("publicar mensagem", "publish"), publish),
    Operation("private message", ("enviar mensagens para um usuario especifico", "message"), private_message),
    Operation("history of a channel", HISTORY, history_of_channel),
    Operation("history of an inbox", HISTORY, history_of_inbox),
    Operation("history of a conversation", HISTORY, conversation),
)
