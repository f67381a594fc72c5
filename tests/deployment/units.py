"""The units as they are installed, read as systemd reads them: what a test runs is each unit's own command line."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy/systemd"
UNITS = Path("usr/local/lib/systemd/system")
ETC = Path("etc/bulletin")
VENV = Path("opt/bulletin/venv")
SYSTEM = Path("/usr/lib/systemd/system")

TWISTD = f"""#!{sys.executable}
import sys
from twisted.scripts.twistd import run
sys.exit(run())
"""
"""What pip puts into an environment for twistd."""


def install(root: Path) -> None:
    """Run the install line of the docs, with this Python's environment in the place of the one in /opt."""
    subprocess.run([DEPLOY / "install"], env={"DESTDIR": str(root), "PATH": "/usr/bin:/bin"}, check=True)
    twistd = root / VENV / "bin/twistd"
    twistd.parent.mkdir(parents=True, exist_ok=True)
    twistd.write_text(TWISTD)
    twistd.chmod(0o755)


def add_system(root: Path) -> None:
    """Add the system's own units, to which ours refer."""
    target = root / SYSTEM.relative_to("/")
    target.mkdir(parents=True)
    for pattern in ("*.target", "*.slice", "*.mount", "*.socket"):
        for path in SYSTEM.glob(pattern):
            shutil.copy(path, target)


def settings(path: Path) -> list[tuple[str, str]]:
    """Names and values of a unit file, in order."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.partition("=") for line in lines if line and line[0] not in "#;["]
    return [(name.strip(), value.strip()) for name, _, value in pairs]


class Unit:
    """One service, as it would be run.

    :param root: where it is installed.
    :param name: such as ``bulletin-server@one.service``.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        prefix, at, rest = name.removesuffix(".service").partition("@")
        self.instance = rest
        self.path = root / UNITS / f"{prefix}{at}.service"
        drop_ins = sorted((root / UNITS / "bulletin-.service.d").glob("*.conf"))
        self.settings = [pair for path in (self.path, *drop_ins) for pair in settings(path)]

    def values(self, name: str) -> list[str]:
        """The values of a setting, its specifiers replaced: an instance without strange characters is itself."""
        assert self.instance.isalnum() or not self.instance
        found = [value for key, value in self.settings if key == name]
        return [value.replace("%i", self.instance).replace("%I", self.instance) for value in found]

    @property
    def state(self) -> Path | None:
        """The directory that systemd makes for it."""
        named = self.values("StateDirectory")
        return self.root / "var/lib" / named[0] if named else None

    def environment(self) -> dict[str, str]:
        """What systemd puts into its environment."""
        found = {}
        for value in self.values("Environment"):
            found.update(word.split("=", 1) for word in shlex.split(value))
        for value in self.values("EnvironmentFile"):
            path = self.root / value.removeprefix("-").removeprefix("/")
            if path.exists() or not value.startswith("-"):
                found.update(settings(path))
        if self.state is not None:
            found["STATE_DIRECTORY"] = str(self.state)
        return found

    def command(self) -> list[str]:
        """What systemd runs."""
        (line,) = self.values("ExecStart")
        program, *arguments = shlex.split(line)
        for variable, value in self.environment().items():
            arguments = [word.replace(f"${{{variable}}}", value) for word in arguments]
        return [str(self.root / program.removeprefix("/")), *arguments]
