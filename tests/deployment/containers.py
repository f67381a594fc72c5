"""Containers without an engine: each is a process in its own network, mount, UTS and user namespace.

What the compose file says about a service is what happens here: entry point, command and environment, volumes (as folders that several
containers share), networks (as bridges), service names (by ``/etc/hosts``), a read-only root, a user without capabilities who gains no
new privileges, the health check, the signal and the patience of a stop.  Each container gets an address that none had before.

The bridges are in a namespace of their own, so the machine's network is not touched.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from tests.deployment.definition import ROOT, Image, argv, load, seconds

PROGRAMS = ("ip", "unshare", "nsenter", "setpriv", "mount", "hostname", "sh")


def obstacle():
    """Why containers cannot be run here, as a sentence; or None."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"these programs are missing: {', '.join(missing)}"
    if os.geteuid():
        return "making network namespaces needs root"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--uts", "unshare", "--user", "--map-user=1", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"there are no namespaces here: {tried.stderr.strip()}"


class Container:
    """One container of a service, from its start to its end."""

    def __init__(self, project, name, service, number, command=None, environment=None):
        self.project, self.name, self.service = project, name, service
        self.host = f"{name}-{number}"
        self.addresses = {network: project.new_address(network) for network in service["networks"]}
        self.log = project.folder / f"{self.host}.log"
        self._hosts = project.folder / f"{self.host}.hosts"
        self._namespace = f"{project.prefix}{number}"
        self._environment = environment or {}
        self._command = command
        self.process = None

    def start(self, **streams):
        self._make_network()
        self.project.containers.append(self)
        self.project.write_hosts()
        project, service = self.project, self.service
        script = ["set -e", f"hostname {self.host}", f"mount --bind {self._hosts} /etc/hosts"]
        for volume in service.get("volumes", ()):
            name, target = volume.split(":")
            (project.folder / name).mkdir(exist_ok=True)
            parent = Path(target).parent
            script += [
                f"mount -t tmpfs tmpfs {parent}",
                f"mkdir {target}",
                f"mount --bind {project.folder / name} {target}",
                f"mount -o remount,ro {parent}",
            ]
        if service["read_only"]:
            script.append("mount -o remount,bind,ro /")
        needed = (ROOT, sys.prefix, sys.base_prefix, project.folder)
        for entry in service["tmpfs"]:
            target, _, options = entry.partition(":")
            if not any(Path(needed).is_relative_to(target) for needed in needed):
                script.append(f"mount -t tmpfs -o {options} tmpfs {target}")
        user, group = service["user"].split(":")
        script.append(f"cd {project.image.folder}")
        script.append(
            f"exec unshare --user --map-user={user} --map-group={group}"
            ' setpriv --no-new-privs --bounding-set=-all "$@"'
        )
        command = argv(
            service if self._command is None else {**service, "command": self._command}, project.image
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self._namespace),
                    *("unshare", "--mount", "--uts", "sh", "-c", "\n".join(script), "sh", *command),
                ],
                **({"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log} | streams),
                env=project.environment | service.get("environment", {}) | self._environment,
            )
        return self

    def write_hosts(self, names):
        """Who is where, as this container sees it; in place, since it is mounted."""
        lines = ["127.0.0.1 localhost", *(f"{address} {self.host}" for address in self.addresses.values())]
        lines += [f"{address} {name}" for name, network, address in names if network in self.addresses]
        self._hosts.write_text("\n".join(lines) + "\n")

    def healthy(self):
        """Whether the health check succeeds, run as an engine runs it; and what it says."""
        kind, *command = self.service["healthcheck"]["test"]
        assert kind == "CMD", kind
        done = subprocess.run(
            [
                *("nsenter", f"--target={self.process.pid}", "--net", "--mount", "--uts", "--user"),
                *("--preserve-credentials", *command),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self.project.environment,
        )
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def kill(self):
        self.process.kill()
        self.end()

    def stop(self):
        """As ``docker stop``: the signal, and the exit status within the grace period."""
        self.process.send_signal(signal.Signals[self.service.get("stop_signal", "SIGTERM")])

    def end(self):
        """Wait for the end of a container that was stopped; its exit status."""
        status = self.process.wait(seconds(self.service.get("stop_grace_period", "10s")))
        self.remove()
        return status

    def remove(self):
        if self in self.project.containers:
            self.project.containers.remove(self)
            self.project.write_hosts()
            subprocess.run(["ip", "netns", "del", self._namespace], check=False, capture_output=True)

    def _make_network(self):
        switch = self.project.switch
        commands = [["ip", "netns", "add", self._namespace]]
        for card, (network, address) in enumerate(self.addresses.items()):
            outside = f"v{self._namespace[-6:]}{card}"
            within = ["ip", "-n", self._namespace]
            commands += [
                [
                    *within,
                    "link",
                    "add",
                    f"eth{card}",
                    "type",
                    "veth",
                    "peer",
                    "name",
                    outside,
                    "netns",
                    switch,
                ],
                [*within, "addr", "add", f"{address}/16", "dev", f"eth{card}"],
                [*within, "link", "set", f"eth{card}", "up"],
                ["ip", "-n", switch, "link", "set", outside, "master", network, "up"],
            ]
        commands.append(["ip", "-n", self._namespace, "link", "set", "lo", "up"])
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)


class Project:
    """What the compose file describes.

    :param folder: where volumes and logs are.
    """

    def __init__(self, folder):
        self.folder = folder
        self.definition = load()
        self.image = Image()
        self.prefix = f"b{secrets.token_hex(2)}"
        self.switch = f"{self.prefix}switch"
        self.containers = []
        self._made = 0
        self._addresses = dict.fromkeys(self.definition["networks"], 1)
        self.environment = self._image_environment()
        subprocess.run(["ip", "netns", "add", self.switch], check=True)
        for network in self._addresses:
            subprocess.run(
                ["ip", "-n", self.switch, "link", "add", network, "up", "type", "bridge"], check=True
            )

    def _image_environment(self):
        """The image's environment, with this interpreter's programs in the place of the image's."""
        programs = self.folder / "bin"
        programs.mkdir()
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        for line in config["options.entry_points"]["console_scripts"].split("\n"):
            if line:
                name, module, function = line.replace("=", ":").split(":")
                script = programs / name.strip()
                script.write_text(
                    f"#!{sys.executable}\nimport sys\nfrom {module.strip()} import {function}\nsys.exit({function}())\n"
                )
                script.chmod(0o755)
        path = [str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]
        ours = {"PATH": ":".join(path), "PYTHONPATH": str(ROOT)}
        return self.image.environment | ours

    def new_address(self, network):
        """One that no container had before: the third part of it tells the networks apart."""
        self._addresses[network] += 1
        number = list(self._addresses).index(network)
        return f"10.{77 + number}.{self._addresses[network] // 250}.{self._addresses[network] % 250 + 1}"

    def container(self, name, **given):
        self._made += 1
        return Container(self, name, self.definition["services"][name], self._made, **given)

    def write_hosts(self):
        names = [
            (container.name, network, address)
            for container in self.containers
            for network, address in container.addresses.items()
        ]
        for container in self.containers:
            container.write_hosts(names)

    def run(self, name, *command, typed="", **environment):
        """As ``docker compose run --rm -T``, with the service's own command if none is given: its standard output."""
        container = self.container(name, command=list(command) or None, environment=environment)
        try:
            container.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            out, _ = container.process.communicate(typed.encode(), timeout=120)
        finally:
            container.process.poll() is None and container.process.kill()
            container.remove()
        if container.process.returncode:
            raise AssertionError(f"{command}: {container.log.read_text()}")
        return out.decode()

    def destroy(self):
        """Whatever is left."""
        for container in self.containers[:]:
            if container.process is not None and container.process.poll() is None:
                container.process.kill()
                container.process.wait()
            container.remove()
        subprocess.run(["ip", "netns", "del", self.switch], check=False, capture_output=True)
