from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.store.port import StoreError
from bulletin.roles.supervision.layout import (
    REMEMBERED,
    Founded,
    lay_out,
    ports,
    recall,
    remember,
    typed_command,
)


class LayoutTests(SynchronousTestCase):
    def test_the_ports_of_a_board(self):
        self.assertEqual(ports(3, 5555), (5555, 5556, 5557, 5558, 5560, 5561, 5562, 5563))

    def test_every_role_listens_where_the_others_look(self):
        roles = {role.name: role for role in lay_out(Path("/data"), 3, 5555)}
        self.assertEqual(list(roles), ["broker", "proxy", "reference", "server1", "server2", "server3"])
        self.assertEqual(
            roles["server2"].options,
            (
                *("--name", "server2", "--listen", "tcp://127.0.0.1:5562", "--data", "/data/server2"),
                *("--broker", "tcp://127.0.0.1:5556", "--proxy", "tcp://127.0.0.1:5557"),
                *("--reference", "tcp://127.0.0.1:5560", "--expect", "3"),
            ),
        )
        listening = [endpoint for role in roles.values() for _, endpoint in role.endpoints]
        self.assertEqual(listening, [f"tcp://127.0.0.1:{port}" for port in ports(3, 5555)])

    def test_some_servers_get_options_of_their_own(self):
        wrong = {2: ("--clock-offset", "5.0")}
        plain, skewed = lay_out(Path("/data"), 3, 5555), lay_out(Path("/data"), 3, 5555, wrong)
        self.assertEqual([*plain[:4], plain[5]], [*skewed[:4], skewed[5]])
        self.assertEqual(skewed[4].options, (*plain[4].options, *wrong[2]))

    def test_an_open_board_serves_clients_everywhere_and_its_own_roles_here_alone(self):
        roles = {role.name: role for role in lay_out(Path("/data"), 3, 5555, everywhere=True)}
        everywhere = [o for role in roles.values() for o in role.options if o.startswith("tcp://*")]
        self.assertEqual(everywhere, ["tcp://*:5555", "tcp://*:5558"])
        self.assertEqual(roles["broker"].options[:2], ("--clients", "tcp://*:5555"))
        self.assertEqual(roles["proxy"].options[2:], ("--subscribers", "tcp://*:5558"))
        self.assertEqual(roles["broker"].endpoints[0], ("clients", "tcp://*:5555"))

    def test_a_command_line_runs_this_python(self):
        role = lay_out(Path("/data"), 1, 5555)[-1]
        line = role.command_line(9000)
        self.assertEqual(line[-2:], ("--http", "127.0.0.1:9000"))
        self.assertLess(line.index("--pidfile="), line.index("bulletin-server"))

    def test_only_servers_lead(self):
        leading = [role.name for role in lay_out(Path("/data"), 2, 5555) if role.is_server]
        self.assertEqual(leading, ["server1", "server2"])


class RememberTests(SynchronousTestCase):
    def setUp(self):
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_a_new_directory_remembers_nothing(self):
        self.assertIsNone(recall(self.directory))

    def test_what_was_founded_is_remembered(self):
        remember(self.directory, Founded(5, 7000))
        self.assertEqual(recall(self.directory), Founded(5, 7000))

    def test_what_cannot_be_read_says_what_to_do(self):
        for text in ("", "[]", "{}", '{"servers": "many", "base_port": 1}', "\0"):
            (self.directory / REMEMBERED).write_text(text)
            self.assertIn("write it anew", str(self.assertRaises(StoreError, recall, self.directory)))


class TypedCommandTests(SynchronousTestCase):
    def typed(self, argument, *, virtual, path="/usr/bin:/home/ana/board/.venv/bin"):
        return typed_command(argument, Path("/home/ana/board"), {"PATH": path}, virtual=virtual)

    def test_of_a_virtual_environment_in_the_current_directory(self):
        for argument in (".venv/bin/twistd", "/home/ana/board/.venv/bin/twistd"):
            self.assertEqual(self.typed(argument, virtual=True), ".venv/bin/twistd")

    def test_of_a_virtual_environment_elsewhere(self):
        self.assertEqual(self.typed("/opt/board/bin/twistd", virtual=True), "/opt/board/bin/twistd")

    def test_of_the_system(self):
        self.assertEqual(self.typed("/usr/bin/twistd", virtual=False), "twistd")

    def test_of_none(self):
        self.assertEqual(self.typed("-c", virtual=True), "twistd")
