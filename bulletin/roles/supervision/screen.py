"""The one page that is shown when the board runs: who runs where, who leads, what to type next."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from bulletin.roles.supervision.layout import BASE_PORT, HOST, Role
from bulletin.roles.supervision.policy import ALL_READY, Child


def draw(
    roles: Sequence[Role],
    children: Mapping[str, Child],
    leader: str | None,
    http_ports: Mapping[str, int],
) -> list[str]:
    """The lines that say who runs where, and who leads.

    :param roles: in the order in which they are shown.
    :param children: their processes, by name.
    :param leader: the server that leads, or None.
    :param http_ports: each role's port for health and metrics, by name.
    """
    rows = [("role", "pid", "http", "endpoint", "")]
    for role in roles:
        child = children[role.name]
        first = (role.name, "-" if child.pid is None else str(child.pid), str(http_ports.get(role.name, "-")))
        for number, (purpose, endpoint) in enumerate(role.endpoints):
            note = f"{purpose}{_state(child, leader) if number == 0 else ''}"
            rows.append((*(first if number == 0 else ("", "", "")), endpoint, note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lead = "No server leads yet." if leader is None else f"{leader} leads."
    if leader is not None and all(children[role.name].ready for role in roles):
        lead += "  " + ALL_READY
    return [*(f"  {line}".rstrip() for line in aligned), "", lead]


def _state(child: Child, leader: str | None) -> str:
    if not child.ready:
        return ", not ready yet"
    return ", leads" if child.name == leader else ""


def next_lines(command: str, base_port: int) -> list[str]:
    """The lines to type in another terminal.

    :param command: how twistd is typed.
    :param base_port: the broker's port; the clients' default needs no option.
    """
    broker, proxy = f"tcp://{HOST}:{base_port}", f"tcp://{HOST}:{base_port + 3}"
    here = "" if base_port == BASE_PORT else f" --broker {broker}"
    reference = "" if base_port == BASE_PORT else f" --reference tcp://{HOST}:{base_port + 5}"
    stream = "" if base_port == BASE_PORT else f"{here} --proxy {proxy}"
    client = f"{shlex.quote(command)} bulletin-client"
    return [
        f"{client}{here} --user ana create geral",
        f"{client}{here} --user ana publish geral 'Bom dia!'",
        f"{client}{here} history geral",
        f"{client}{stream} tail geral",
        f"{client} clocks{reference}",
    ]


def page(
    roles: Sequence[Role],
    children: Mapping[str, Child],
    leader: str | None,
    http_ports: Mapping[str, int],
    *,
    directory: Path,
    command: str,
    base_port: int,
) -> str:
    """The whole page; at most 24 lines for three servers."""
    return "\n".join(
        [
            "",
            *draw(roles, children, leader, http_ports),
            "",
            f"Data: {directory}, logs: {directory / 'logs'}, health: http://{HOST}:PORT/readyz",
            "Type next, in another terminal:",
            "",
            *(f"  {line}" for line in next_lines(command, base_port)),
            "",
            "Ctrl-C stops the board; the next start finds everything.",
        ]
    )
