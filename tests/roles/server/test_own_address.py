import socket

from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.options import Mistake
from bulletin.roles.server.own_address import own_endpoint


class OwnAddressTests(SynchronousTestCase):
    def named(self, *addresses):
        """The machine's name leads to these."""

        def look_up(name, port, **_):
            self.assertEqual((name, port), ("caixa", None))
            if not addresses:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(0, 0, 0, "", (address, 0)) for address in addresses]

        self.patch(socket, "gethostname", lambda: "caixa")
        self.patch(socket, "getaddrinfo", look_up)

    def refused(self, listen):
        return str(self.assertRaises(Mistake, own_endpoint, listen))

    def test_the_address_of_the_machines_name_and_the_port_that_is_listened_on(self):
        self.named("172.18.0.5")
        self.assertEqual(own_endpoint("tcp://*:5561"), "tcp://172.18.0.5:5561")
        self.assertEqual(own_endpoint("tcp://0.0.0.0:0"), "tcp://172.18.0.5:0")

    def test_what_listens_at_one_address_is_reached_there(self):
        self.named()
        for listen in ("tcp://10.0.0.1:5561", "tcp://127.0.0.1:0", "tcp://servidor:1", "ipc://peers"):
            self.assertEqual(own_endpoint(listen), listen)

    def test_loopback_and_link_local_are_no_address_for_others(self):
        self.named("127.0.1.1", "169.254.3.4", "10.1.2.3")
        self.assertEqual(own_endpoint("tcp://*:1"), "tcp://10.1.2.3:1")
        self.named("127.0.1.1", "::1")
        self.assertIn(
            "'caixa' has no address for other machines, only 127.0.1.1, ::1", self.refused("tcp://*:1")
        )

    def test_ipv6_only_where_it_is_listened_on(self):
        self.named("fe80::1%eth0", "fd00::5")
        self.assertEqual(own_endpoint("tcp://[::]:1"), "tcp://[fd00::5]:1")
        self.assertIn("no address for other machines", self.refused("tcp://*:1"))

    def test_a_name_without_an_address(self):
        self.named()
        self.assertIn("has no address", self.refused("tcp://*:1"))
