"""The network: there is none."""

from hostile.program import Hostile, hostile

REFUSED = """
import socket
def is_refused(family, kind, address, protocol=0):
    try:
        with socket.socket(family, kind, protocol) as opened:
            opened.settimeout(1)
            opened.connect(address)
            opened.send(b'hostile')
            opened.recv(1)
    except OSError:
        return True
    return False
"""


def refused(name: str, checks: str) -> Hostile:
    """A program that asserts that each check holds."""
    return hostile(name, "passed", REFUSED + checks)


PROGRAMS = (
    refused(
        "TCP to the outside",
        """
assert is_refused(socket.AF_INET, socket.SOCK_STREAM, ('1.1.1.1', 53))
assert is_refused(socket.AF_INET, socket.SOCK_STREAM, ('172.17.0.1', 22))
""",
    ),
    refused(
        "TCP to the host",
        """
for address in ('127.0.0.1', '0.0.0.0', '172.17.0.1'):
    assert is_refused(socket.AF_INET, socket.SOCK_STREAM, (address, @HOST_PORT@))
""",
    ),
    refused(
        "UDP to the outside",
        """
assert is_refused(socket.AF_INET, socket.SOCK_DGRAM, ('8.8.8.8', 53))
""",
    ),
    refused(
        "IPv6",
        """
assert is_refused(socket.AF_INET6, socket.SOCK_STREAM, ('2606:4700:4700::1111', 53))
assert is_refused(socket.AF_INET6, socket.SOCK_STREAM, ('::1', @HOST_PORT@))
assert is_refused(socket.AF_INET6, socket.SOCK_DGRAM, ('2001:4860:4860::8888', 53))
""",
    ),
    refused(
        "the metadata service of a cloud",
        """
import http.client
def metadata(address):
    connection = http.client.HTTPConnection(address, timeout=1)
    try:
        connection.request('GET', '/latest/meta-data/')
        return connection.getresponse().read()
    except OSError:
        return b''
assert metadata('169.254.169.254') == b''
assert metadata('[fd00:ec2::254]') == b''
""",
    ),
    hostile(
        "a look-up of a name",
        "error",
        """
        import socket
        socket.getaddrinfo('example.com', 80)
        """,
    ),
    refused(
        "a broadcast",
        """
def is_sent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            opened.sendto(b'hostile', ('255.255.255.255', 9))
        except OSError:
            return False
    return True
assert not is_sent()
""",
    ),
    refused(
        "raw sockets and packet sockets",
        """
assert is_refused(socket.AF_INET, socket.SOCK_RAW, ('127.0.0.1', 0), socket.IPPROTO_ICMP)
assert is_refused(socket.AF_INET, socket.SOCK_RAW, ('127.0.0.1', 0), socket.IPPROTO_RAW)
assert is_refused(socket.AF_PACKET, socket.SOCK_RAW, ('lo', 0))
""",
    ),
    refused(
        "sockets of the kernel and of a hypervisor",
        """
def opened_families():
    opened = []
    for family in (30, 38, 40, 44):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
            opened.append(family)
        except OSError:
            pass
    return opened
assert opened_families() == []
""",
    ),
    refused(
        "interfaces but the loopback",
        """
def interfaces():
    return [name for _, name in socket.if_nameindex()]
assert set(interfaces()) <= {'lo'}
""",
    ),
    refused(
        "the sockets of Docker and containerd",
        """
import os
for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock', '@HOST_SOCKET@'):
    assert is_refused(socket.AF_UNIX, socket.SOCK_STREAM, path)
""",
    ),
    refused(
        "abstract sockets of the host",
        """
name = '\\0selfcodealign-hostile-host'
assert is_refused(socket.AF_UNIX, socket.SOCK_STREAM, name)
""",
    ),
    hostile(
        "servers that are left behind",
        "passed",
        """
        import os, socket, time
        tcp = socket.create_server(('0.0.0.0', 47111))
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind('\\0selfcodealign-hostile')
        abstract.listen()
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        port = tcp.getsockname()[1]
        assert port == 47111
        """,
        after="""
        import socket
        def is_open(family, address):
            with socket.socket(family) as opened:
                try:
                    opened.connect(address)
                except OSError:
                    return False
            return True
        assert not is_open(socket.AF_INET, ('127.0.0.1', 47111))
        assert not is_open(socket.AF_UNIX, '\\0selfcodealign-hostile')
        """,
    ),
)
