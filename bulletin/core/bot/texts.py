"""What bots are called, where they talk, and what they say: short, plausible, in Portuguese or English."""

from typing import TYPE_CHECKING, Final

from bulletin.core.limits import NAME_BYTES_MAX

if TYPE_CHECKING:
    from random import Random

CHANNELS: Final = (
    "geral",
    "avisos",
    "noticias",
    "duvidas",
    "trabalhos",
    "biblioteca",
    "esportes",
    "musica",
    "caronas",
    "achados",
)
"""Channels that a bot makes, the first ones first: so bots that come to an empty board together meet in the same ones."""

_BIRDS: Final = (
    "arara",
    "bem-te-vi",
    "canario",
    "coruja",
    "garca",
    "gaviao",
    "jacana",
    "papagaio",
    "pardal",
    "sabia",
    "tico-tico",
    "tucano",
)

_DAYS: Final = ("segunda", "terça", "quarta", "quinta", "sexta")
_SUBJECTS: Final = ("redes", "sistemas distribuídos", "cálculo", "compiladores", "banco de dados", "física")
_PLACES: Final = ("a biblioteca", "o laboratório 3", "a cantina", "o auditório", "a secretaria")
_OPENINGS: Final = (
    "A aula de {subject} de {day} mudou de sala.",
    "Alguém tem as notas de {subject}?",
    "A lista de {subject} é para {day}.",
    "Quem vai estudar {subject} na {day} à tarde?",
    "Encontrei um casaco perto d{place}.",
    "Hoje {place} fecha mais cedo.",
    "O café d{place} está bom hoje.",
    "Achei um resumo ótimo de {subject}.",
    "Sobrou um lugar no grupo de {subject}.",
    "Chove muito; cuidado na frente d{place}.",
)

_ENGLISH_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_ENGLISH_SUBJECTS: Final = (
    "networks",
    "distributed systems",
    "calculus",
    "compilers",
    "databases",
    "physics",
)
_ENGLISH_PLACES: Final = ("library", "lab", "canteen", "main hall", "office")
_ENGLISH_OPENINGS: Final = (
    "The {subject} class on {day} is in another room.",
    "Does anybody have notes on {subject}?",
    "The {subject} homework is due on {day}.",
    "Who wants to go through {subject} on {day}?",
    "I found a jacket near the {place}.",
    "The {place} closes early today.",
    "Coffee in the {place} is good today.",
    "There is room for one more in the {subject} group.",
)

_PRIVATE: Final = (
    "Oi, {receiver}! Li o que você escreveu em {channel}.",
    "{receiver}, você vai à aula de {subject}?",
    "Obrigado pela dica, {receiver}.",
    "{receiver}, a gente se vê na {day}?",
)
_ENGLISH_PRIVATE: Final = (
    "Hi {receiver}, I saw your post in {channel}.",
    "{receiver}, are you coming to {subject}?",
    "Thanks, {receiver}, that helped.",
    "{receiver}, see you on {day}?",
)


def drawn_name(rng: "Random") -> str:
    """A bot's name."""
    return f"bot-{rng.choice(_BIRDS)}-{rng.randrange(1000):03}"


def other_name(name: str, attempt: int) -> str:
    """What a bot is called where its name is taken.

    :param attempt: 2 for the first other name.
    """
    end = f"-{attempt}"
    while len((name + end).encode()) > NAME_BYTES_MAX:
        name = name[:-1]
    return name + end


def post(rng: "Random", number: int) -> str:
    """The text of a post.

    :param number: how many the bot has made, this one included: so that a reader can check.
    """
    return f"{_sentence(rng, _OPENINGS, _ENGLISH_OPENINGS)} (#{number})"


def private(rng: "Random", number: int, receiver: str, channel: str) -> str:
    """The text of a private message.

    :param number: as of a post, with a count of its own.
    :param channel: one that both know.
    """
    sentence = _sentence(rng, _PRIVATE, _ENGLISH_PRIVATE, receiver=receiver, channel=channel)
    return f"{sentence} (#{number})"


def _sentence(rng: "Random", portuguese: tuple[str, ...], english: tuple[str, ...], **words: str) -> str:
    """A sentence with its gaps filled; the same number of draws whatever comes out."""
    templates, days, subjects, places = (
        (portuguese, _DAYS, _SUBJECTS, _PLACES)
        if rng.random() < 0.7
        else (english, _ENGLISH_DAYS, _ENGLISH_SUBJECTS, _ENGLISH_PLACES)
    )
    template, day, subject, place = (rng.choice(each) for each in (templates, days, subjects, places))
    return template.format(day=day, subject=subject, place=place, **words)
