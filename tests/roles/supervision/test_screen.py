from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.supervision.layout import lay_out
from bulletin.roles.supervision.policy import Child
from bulletin.roles.supervision.screen import next_lines, page

PAGE = """
  role       pid   http  endpoint
  broker     1001  9000  tcp://127.0.0.1:5555  clients
                         tcp://127.0.0.1:5556  servers
  proxy      1002  9001  tcp://127.0.0.1:5557  publishers
                         tcp://127.0.0.1:5558  subscribers
  reference  1003  9002  tcp://127.0.0.1:5560  servers
  server1    1004  9003  tcp://127.0.0.1:5561  peers
  server2    1005  9004  tcp://127.0.0.1:5562  peers, leads
  server3    -     9005  tcp://127.0.0.1:5563  peers, not ready yet

server2 leads.

Data: bulletin-data, logs: bulletin-data/logs, health: http://127.0.0.1:PORT/readyz
Type next, in another terminal:

  .venv/bin/twistd bulletin-client --user ana create geral
  .venv/bin/twistd bulletin-client --user ana publish geral 'Bom dia!'
  .venv/bin/twistd bulletin-client history geral
  .venv/bin/twistd bulletin-client tail geral
  .venv/bin/twistd bulletin-client clocks

Ctrl-C stops the board; the next start finds everything."""


class ScreenTests(SynchronousTestCase):
    def page(self, leader):
        roles = lay_out(Path("/data"), 3, 5555)
        children = {role.name: Child(role.name, 1001 + n, ready=True) for n, role in enumerate(roles)}
        children["server3"] = Child("server3")
        return page(
            roles,
            children,
            leader,
            {role.name: 9000 + n for n, role in enumerate(roles)},
            directory=Path("bulletin-data"),
            command=".venv/bin/twistd",
            base_port=5555,
        )

    def test_the_page(self):
        self.assertEqual(self.page("server2"), PAGE)

    def test_it_fits_a_terminal(self):
        lines = self.page("server2").splitlines()
        self.assertLessEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 90)

    def test_without_a_leader(self):
        self.assertIn("\nNo server leads yet.\n", self.page(None))

    def test_lines_for_other_ports_name_them(self):
        lines = next_lines("twistd", 7000)
        self.assertIn(
            "twistd bulletin-client --broker tcp://127.0.0.1:7000 --proxy tcp://127.0.0.1:7003 tail geral",
            lines,
        )
        self.assertIn("twistd bulletin-client clocks --reference tcp://127.0.0.1:7005", lines)
        self.assertTrue(all("tcp://127.0.0.1:70" in line for line in lines))

    def test_a_path_with_blanks_is_quoted(self):
        self.assertTrue(
            next_lines("/my board/twistd", 5555)[0].startswith("'/my board/twistd' bulletin-client")
        )
