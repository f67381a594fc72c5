"""Whether docker-compose.yml is a compose file, and one that does what docs/running.md says of it."""

import re
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.deployment.definition import COMPOSE, Image, argv, load, seconds, substitute

STOP_SECONDS = 5
"""What a role promises to end within."""

CONNECTING = {"--broker", "--proxy", "--reference", "BULLETIN_BROKER", "BULLETIN_PROXY"}


def option(arguments, name):
    """The value of an option, as one argument or two; None where it is not given."""
    for place, argument in enumerate(arguments):
        if argument == name:
            return arguments[place + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


class DefinitionTests(SynchronousTestCase):
    def setUp(self):
        self.definition = load()
        self.services = self.definition["services"]
        self.image = Image()
        self.roles = {name: service for name, service in self.services.items() if "restart" in service}

    def argv(self, name):
        return argv(self.services[name], self.image)

    def listening(self, name):
        """The ports at which a service listens for others."""
        found = (re.fullmatch(r"(?:--\w+=)?tcp://\*:(\d+)", argument) for argument in self.argv(name))
        return {int(match[1]) for match in found if match}

    def test_it_is_valid_by_the_schema_of_the_compose_specification(self):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "check_jsonschema",
                "--builtin-schema",
                "vendor.compose-spec",
                str(COMPOSE),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_services(self):
        self.assertEqual(set(self.services), {"broker", "proxy", "referencia", "servidor", "cliente", "bot"})
        self.assertEqual(set(self.roles), set(self.services) - {"cliente"})
        behind_a_profile = {name for name, service in self.services.items() if "profiles" in service}
        self.assertEqual(behind_a_profile, {"bot"})

    def test_every_container_may_do_no_more_than_it_must(self):
        for name, service in self.services.items():
            user, group = map(int, service["user"].split(":"))
            self.assertTrue(user and group, name)
            self.assertIs(service["read_only"], True, name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertNotIn("cap_add", service, name)
            self.assertNotIn("privileged", service, name)
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)
            self.assertLessEqual(service["pids_limit"], 256, name)
            self.assertTrue(all("size=" in entry for entry in service["tmpfs"]), name)
            self.assertLessEqual({"max-size", "max-file"}, set(service["logging"]["options"]), name)

    def test_signals_reach_the_role(self):
        for name, service in self.services.items():
            self.assertIs(service["init"], True, name)
            self.assertIsInstance(service["command"], list, name)
            self.assertEqual(self.argv(name)[0], "twistd", name)
        for name, service in self.roles.items():
            self.assertEqual(service["stop_signal"], "SIGTERM", name)
            self.assertGreaterEqual(seconds(service["stop_grace_period"]), 2 * STOP_SECONDS, name)
            self.assertEqual(self.argv(name)[:3], ["twistd", "-n", "--pidfile="], name)

    def test_every_role_is_asked_for_its_health_where_it_answers(self):
        for name, service in self.roles.items():
            check = service["healthcheck"]
            port = option(self.argv(name), "--http").rpartition(":")[2]
            self.assertEqual(check["test"], ["CMD", "bulletin-health", f"127.0.0.1:{port}"], name)
            self.assertLess(seconds(check["interval"]), seconds(check["start_period"]), name)
            self.assertNotIn(int(port), self.listening(name), name)

    def test_every_endpoint_leads_to_a_service_that_listens_there(self):
        led = set()
        for name, service in self.services.items():
            arguments = self.argv(name)
            environment = service.get("environment", {})
            for word in CONNECTING:
                endpoint = option(arguments, word) or environment.get(word)
                if endpoint is None:
                    continue
                host, port = re.fullmatch(r"tcp://(\w+):(\d+)", endpoint).groups()
                self.assertIn(int(port), self.listening(host), f"{name}: {word}")
                shared = set(service["networks"]) & set(self.services[host]["networks"])
                self.assertTrue(shared, f"{name} and {host} have no network in common")
                led.add((name, host))
        for name in ("servidor", "cliente", "bot"):
            self.assertLessEqual({(name, "broker"), (name, "proxy")}, led)
        self.assertIn(("servidor", "referencia"), led)

    def test_clients_alone_come_in_from_outside_and_at_first_from_this_machine_only(self):
        published = {name: service["ports"] for name, service in self.services.items() if "ports" in service}
        self.assertEqual(published, {"broker": ["127.0.0.1:5555:5555"], "proxy": ["127.0.0.1:5558:5558"]})
        open_to_all = load({"BULLETIN_PUBLISH": "0.0.0.0"})["services"]
        self.assertEqual(open_to_all["broker"]["ports"], ["0.0.0.0:5555:5555"])
        self.assertIs(self.definition["networks"]["servers"]["internal"], True)
        inside = {name for name, service in self.services.items() if set(service["networks"]) == {"servers"}}
        self.assertEqual(inside, {"referencia", "servidor"})

    def test_as_many_servers_as_found_a_board_share_a_pool(self):
        server = self.services["servidor"]
        self.assertEqual(int(option(self.argv("servidor"), "--expect")), server["deploy"]["replicas"])
        (volume,) = server["volumes"]
        self.assertEqual(option(self.argv("servidor"), "--data-pool"), volume.partition(":")[2])
        self.assertEqual(option(self.argv("servidor"), "--advertise"), "auto")

    def test_what_is_kept_is_in_a_volume_of_its_service_alone(self):
        used = [
            volume.partition(":")[0]
            for service in self.services.values()
            for volume in service.get("volumes", ())
        ]
        self.assertEqual(len(set(used)), len(used))
        self.assertEqual(set(used), set(self.definition["volumes"]))
        self.assertLessEqual({"referencia", "servidor"}, set(used))

    def test_nobody_waits_for_what_he_could_do_without(self):
        for condition in self.services["servidor"]["depends_on"].values():
            self.assertEqual(condition, {"condition": "service_started"})
        for name in ("cliente", "bot"):
            self.assertEqual(self.services[name]["depends_on"]["broker"], {"condition": "service_healthy"})

    def test_the_client_can_be_attached_to(self):
        client = self.services["cliente"]
        self.assertEqual((client["stdin_open"], client["tty"]), (True, True))
        self.assertEqual(self.argv("cliente"), ["twistd", "bulletin-client", "interactive"])


class SubstitutionTests(SynchronousTestCase):
    def test_variables_as_an_engine_fills_them_in(self):
        environment = {"A": "a", "EMPTY": ""}
        for text, expected in (
            ("${A}", "a"),
            ("${A:-b} ${B:-b} ${EMPTY:-c}", "a b c"),
            ("x${NONE:-}y", "xy"),
            ("$$A", "$A"),
        ):
            self.assertEqual(substitute(text, environment), expected)
