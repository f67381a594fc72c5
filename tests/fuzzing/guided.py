"""Running a target under atheris, which changes an input wherever that reaches lines of the package that none reached before.

libFuzzer reads the arguments of its process and ends it, and what it guides itself by must be imported under its eyes: so it
has a process of its own.
"""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import attrs

from tests.fuzzing.seeds import corpus, file_name
from tests.fuzzing.targets import TARGETS

ROOT = Path(__file__).parent.parent.parent
ABSENT = "atheris is not installed: pip install '.[fuzz]' (there are wheels for Linux alone, and not for every Python)"
INPUT_BYTES_MAX = 4096
"""What a fuzzer tries at most: all formats fit, and what is large is mostly filler."""

MEMORY_MIB_MAX = 1024
INPUT_SECONDS_MAX = 10
TOGETHER = "together"
"""All targets in one process, of which an input's first byte chooses one."""

_FUZZER = """
import sys
import atheris
with atheris.instrument_imports(include=["bulletin"]):
    from tests.fuzzing.guided import feed_of
feed = feed_of(sys.argv.pop(1))
def one_input(data):
    feed(data)
atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
"""


def is_here() -> bool:
    """Whether atheris is installed."""
    return find_spec("atheris") is not None


def feed_of(name: str):
    """What is called with each input."""
    if name != TOGETHER:
        return TARGETS[name].feed
    targets = list(TARGETS.values())
    return lambda data: bool(data) and targets[data[0] % len(targets)].feed(data[1:])


@attrs.frozen
class Finding:
    """What came of fuzzing.

    :param executed: inputs that were fed, as libFuzzer says.
    :param new: how many of them reached something new.
    :param broken: files with inputs that break the target; empty where none was found.
    :param said: the fuzzer's own words, where it failed.
    """

    executed: int
    new: int
    broken: list[Path]
    said: str


def fuzz(name: str, seconds: int, crashes: Path, seed: int) -> Finding:
    """Fuzz a target, or all of them :data:`TOGETHER`.

    :param crashes: the folder for inputs that break it.
    """
    with tempfile.TemporaryDirectory(prefix="bulletin-fuzz-") as temporary:
        found, begun = Path(temporary, "found"), Path(temporary, "begun")
        found.mkdir()
        begun.mkdir()
        _copy_corpus(name, begun)
        command = [
            *(sys.executable, "-c", _FUZZER, name, str(found), str(begun)),
            *(f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-seed={seed}"),
            *(f"-timeout={INPUT_SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}"),
            *(f"-artifact_prefix={crashes.absolute()}/{name}-", "-print_final_stats=1"),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        new = len(list(found.iterdir()))
    said = done.stdout + done.stderr
    counts = [line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line]
    executed = int(counts[0]) if counts else 0
    if done.returncode == 0:
        return Finding(executed, new, [], "")
    return Finding(executed, new, sorted(crashes.glob(f"{name}-*")), said)


def _copy_corpus(name: str, folder: Path) -> None:
    for number, each in enumerate(TARGETS):
        if name in {each, TOGETHER}:
            for path in corpus(each):
                data = path.read_bytes()
                data = bytes([number]) + data if name == TOGETHER else data
                (folder / file_name(data)).write_bytes(data)
