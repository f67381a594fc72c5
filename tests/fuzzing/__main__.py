"""Feed a decoder with what a fuzzer thinks of, guided by which lines of the package that reaches.

    python -m tests.fuzzing peers --seconds 60       # one target; atheris must be installed ('.[fuzz]')
    python -m tests.fuzzing --all --seconds 600      # so long in all, each target its share
    python -m tests.fuzzing together --seconds 10    # all of them in one process: for a short look
    python -m tests.fuzzing peers FILE               # this input alone, without a fuzzer
    python -m tests.fuzzing --corpus                 # every file of the corpus, without a fuzzer
    python -m tests.fuzzing --seeds                  # write the files of new seeds

Exits with 1 where a decoder is broken.  The input that shows it is then in the file that is named, and how to feed it again is
printed; once the decoder is mended, it belongs into the corpus: ``--keep FILE``.
"""

import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path

from bulletin.simulation.command_line import Parser, carry_out, whole
from tests.fuzzing.guided import ABSENT, TOGETHER, feed_of, fuzz, is_here
from tests.fuzzing.seeds import CORPUS, corpus, file_name, write
from tests.fuzzing.targets import TARGETS


def feed(name: str, paths: Iterable[Path]) -> int:
    """Feed a target with files; how many of them break it."""
    broken = 0
    for path in paths:
        try:
            feed_of(name)(path.read_bytes())
        except Exception:  # noqa: BLE001 - whatever it is, that is what was looked for
            print(f"{name} {path}:\n{traceback.format_exc()}", flush=True)
            broken += 1
    return broken


def guided(name: str, seconds: int, crashes: Path, seed: int) -> int:
    """Fuzz a target and tell of it; 1 if it is broken."""
    finding = fuzz(name, seconds, crashes, seed)
    print(f"{name}: {finding.executed} inputs, {finding.new} of them reached something new", flush=True)
    if not finding.said:
        return 0
    print(finding.said[-4000:])
    for path in finding.broken:
        print(f"Again: python -m tests.fuzzing {name} {path}")
    return 1


def arguments() -> Parser:
    """What can be asked for."""
    parser = Parser("python -m tests.fuzzing", __doc__)
    parser.add_argument("target", nargs="?")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--all", action="store_true", help="fuzz every target")
    parser.add_argument("--seconds", type=whole(1), default=60, help="how long, over all targets")
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument(
        "--crashes", type=Path, default=Path(tempfile.gettempdir()), help="where to put what breaks one"
    )
    parser.add_argument("--corpus", action="store_true", help="feed every file of the corpus")
    parser.add_argument("--seeds", action="store_true", help="write the files of new seeds")
    parser.add_argument("--keep", type=Path, help="a file to put into the target's corpus")
    return parser


def main(words: list[str] | None = None) -> int:
    """Do what is asked for.

    :param words: what was typed; None: this process's arguments.
    """
    parser = arguments()
    asked = parser.parse_args(words)
    if asked.seeds:
        print(f"{write()} files written")
        return 0
    if asked.corpus:
        return min(1, sum(feed(name, corpus(name)) for name in TARGETS))
    if not asked.all and asked.target not in {*TARGETS, TOGETHER}:
        parser.error(f"give a target, or --all; there are {', '.join((*TARGETS, TOGETHER))}")
    for path in (asked.file, asked.keep):
        if path is not None and not path.is_file():
            parser.error(f"{path}: there is no such file")
    if asked.keep is not None:
        data = asked.keep.read_bytes()
        (CORPUS / asked.target / file_name(data)).write_bytes(data)
        return 0
    if asked.file is not None:
        return feed(asked.target, [asked.file])
    if not asked.crashes.is_dir():
        parser.error(f"{asked.crashes}: there is no such folder")
    if not is_here():
        print(ABSENT, file=sys.stderr)
        return 2
    chosen = list(TARGETS) if asked.all else [asked.target]
    share = max(1, asked.seconds // len(chosen))
    return min(1, sum(guided(name, share, asked.crashes, asked.seed) for name in chosen))


if __name__ == "__main__":
    sys.exit(carry_out(main))
