"""What docker-compose.yml and the Dockerfile say, with their variables filled in."""

import json
import re
import shlex
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


def substitute(text, environment):
    """``${NAME}`` and ``${NAME:-default}``; a dollar sign is written twice."""

    def value(found):
        return "$" if found[1] is None else environment.get(found[1]) or found[2] or ""

    return _VARIABLE.sub(value, text)


def _substituted(value, environment):
    if isinstance(value, str):
        return substitute(value, environment)
    if isinstance(value, dict):
        return {key: _substituted(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, environment) for item in value]
    return value


def load(environment=None):
    """The compose file as plain values; merge keys and anchors are resolved."""
    return _substituted(YAML(typ="safe", pure=True).load(COMPOSE), environment or {})


def seconds(text):
    """A duration of the compose file: ``15s``, ``1m30s``."""
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    return 60 * int(parts[1] or 0) + int(parts[2] or 0)


def instructions(path=DOCKERFILE):
    """The Dockerfile's instructions: (stage's number, word, the rest), comments and continuations resolved."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    stage = -1
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        word, _, rest = line.strip().partition(" ")
        stage += word == "FROM"
        yield stage, word, rest.strip()


class Image:
    """What the last stage of the Dockerfile says about how a container of it starts."""

    def __init__(self):
        *_, (last, _, _) = instructions()
        own = [(word, rest) for stage, word, rest in instructions() if stage == last]
        said = dict(own)
        self.entrypoint = json.loads(said["ENTRYPOINT"])
        self.user = said["USER"]
        self.folder = said["WORKDIR"]
        self.environment = {}
        for word, rest in own:
            if word == "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))


def argv(service, image):
    """What a service's container runs: its own entry point and command, or the image's."""
    return [*service.get("entrypoint", image.entrypoint), *service["command"]]
