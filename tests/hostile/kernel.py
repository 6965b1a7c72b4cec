"""System calls that change the machine, another process, or one's own rights."""

from hostile.program import Hostile, hostile

LIBC = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *arguments):
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return libc.syscall(number, *values) == -1
def raises(action, *arguments):
    try:
        action(*arguments)
    except OSError:
        return True
    return False
others = [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]
"""


def denied(name: str, checks: str) -> Hostile:
    """A program that asserts that each of its system calls is refused."""
    return hostile(name, "passed", LIBC + checks)


PROGRAMS = (
    denied(
        "ptrace of the sandbox's processes",
        """
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
for pid in others:
    assert refused(101, PTRACE_ATTACH, pid, 0, 0)
    assert refused(101, PTRACE_SEIZE, pid, 0, 0)
""",
    ),
    denied(
        "process_vm_readv and process_vm_writev on the supervisor",
        """
import struct
buffer = ctypes.create_string_buffer(8)
local = struct.pack('QQ', ctypes.addressof(buffer), 8)
remote = struct.pack('QQ', 0x400000, 8)
for number in (310, 311):
    for pid in others:
        assert refused(number, pid, local, 1, remote, 1, 0)
""",
    ),
    denied(
        "descriptors of the supervisor by pidfd",
        """
pidfd = libc.syscall(434, 1, 0)
for fd in range(8):
    assert pidfd < 0 or refused(438, pidfd, fd, 0)
assert pidfd < 0 or refused(424, pidfd, 9, 0, 0)
""",
    ),
    denied(
        "mounts",
        """
for target, kind in ((b'/tmp', b'tmpfs'), (b'/proc', b'proc'), (b'/tmp', b'ext4')):
    assert libc.mount(b'/dev/sda1', target, kind, 0, None) == -1
MS_BIND, MS_REMOUNT = 4096, 32
assert libc.mount(b'/etc', b'/tmp', None, MS_BIND, None) == -1
assert libc.mount(None, b'/', None, MS_REMOUNT, None) == -1
assert libc.umount2(b'/tmp', 2) == -1
assert libc.umount2(b'/proc', 2) == -1
""",
    ),
    denied(
        "another root",
        """
assert libc.chroot(b'/tmp') == -1
assert refused(155, b'/tmp', b'/tmp')
assert raises(os.chroot, '/')
""",
    ),
    denied(
        "namespaces other than a user's",
        """
NEWPID, NEWNET, NEWUTS, NEWIPC = 0x20000000, 0x40000000, 0x4000000, 0x8000000
for flag in (NEWPID, NEWNET, NEWUTS, NEWIPC):
    assert libc.unshare(flag) == -1
for name in ('mnt', 'pid', 'net', 'user'):
    assert raises(lambda: libc.setns(os.open(f'/proc/1/ns/{name}', os.O_RDONLY), 0) == -1 and os.stat('/none'))
""",
    ),
    denied(
        "root in a user namespace of its own",
        """
libc.unshare(0x10000000)
def try_all():
    for path, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {uid} 1')):
        try:
            open('/proc/self/' + path, 'w').write(text)
        except OSError:
            pass
    libc.unshare(0x20000)
    done = []
    for action in (
        lambda: os.kill(1, 0) or os.kill(1, 9),
        lambda: open('/proc/1/mem', 'rb').read(1),
        lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0)) or os.open('/tmp/disk', os.O_RDONLY),
        lambda: open('/etc/shadow', 'a'),
        lambda: os.chown('/etc/passwd', 0, 0),
        lambda: os.setuid(1),
    ):
        try:
            action()
            done.append(action)
        except OSError:
            pass
    return done
uid = os.getuid()
assert try_all() == []
assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == -1
assert libc.sethostname(b'hostile', 7) == -1
""",
    ),
    denied(
        "device nodes",
        """
S_IFCHR, S_IFBLK = 0o020666, 0o060666
def opened(mode, major, minor):
    os.mknod(f'/tmp/device{major}-{minor}', mode, os.makedev(major, minor))
    os.open(f'/tmp/device{major}-{minor}', os.O_RDONLY)
for mode, major, minor in ((S_IFCHR, 1, 1), (S_IFCHR, 1, 4), (S_IFBLK, 8, 0), (S_IFBLK, 253, 0), (S_IFCHR, 10, 232)):
    assert raises(opened, mode, major, minor)
""",
    ),
    denied(
        "another user",
        """
for user in (0, 1, 65534):
    assert raises(os.setuid, user)
    assert raises(os.setgid, user)
    assert raises(os.setresuid, user, user, user)
    assert raises(os.seteuid, user)
assert raises(os.setgroups, [0])
assert raises(os.chown, '/tmp/work', 0, 0)
""",
    ),
    denied(
        "capabilities",
        """
import struct
header = struct.pack('Ii', 0x20080522, 0)
everything = struct.pack('6I', *[0xFFFFFFFF] * 6)
assert refused(126, header, everything)
held = [line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapPrm', 'CapEff', 'CapAmb'))]
assert all(int(value, 16) == 0 for value in held)
PR_CAP_AMBIENT, PR_SET_SECUREBITS = 47, 28
assert libc.prctl(PR_CAP_AMBIENT, 2, 21, 0, 0) == -1
assert libc.prctl(PR_SET_SECUREBITS, 1, 0, 0, 0) == -1
""",
    ),
    denied(
        "programs that run as root",
        """
import glob, subprocess
def root_shells():
    done = []
    # Where Debian puts them; a look at every file below /usr/lib would take most of the time limit.
    folders = ('/usr/bin', '/usr/sbin', '/usr/libexec', '/usr/lib/dbus-1.0', '/usr/lib/openssh')
    for path in sorted(found for folder in folders for found in glob.glob(folder + '/*')):
        if os.path.isfile(path) and os.stat(path).st_mode & 0o6000:
            ran = subprocess.run([path, '-c', 'id'], stdin=subprocess.DEVNULL, capture_output=True, timeout=5)
            done += [path] * (b'uid=0' in ran.stdout)
    return done
assert root_shells() == []
open('own', 'w').write('#!/bin/sh')
os.chmod('own', 0o6755)
ids = os.getresuid()
assert 0 not in ids
""",
    ),
    denied(
        "the clock",
        """
import time
for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
    assert raises(time.clock_settime, clock, 0)
assert refused(164, bytes(16), None)
""",
    ),
    denied(
        "the name of the machine",
        """
import socket
assert libc.sethostname(b'hostile', 7) == -1
assert libc.setdomainname(b'hostile', 7) == -1
name = socket.gethostname()
assert name != 'hostile'
""",
    ),
    denied(
        "a restart of the machine",
        """
assert refused(169, 0xFEE1DEAD, 0x28121969, 0x01234567, 0)
assert refused(246, 0, 0, None, 0)
""",
    ),
    denied(
        "modules and programs of the kernel",
        """
assert refused(175, bytes(64), 64, b'')
assert refused(313, 0, b'', 0)
assert refused(176, b'hostile', 0)
assert refused(321, 5, bytes(128), 128)
assert refused(298, bytes(128), 0, -1, -1, 0)
""",
    ),
    denied(
        "ports, swap and accounts",
        """
for number, *arguments in ((172, 3), (173, 0, 1, 1), (167, b'/tmp/work', 0), (163, b'/tmp/work')):
    assert refused(number, *arguments)
""",
    ),
    denied(
        "files by handles instead of names",
        """
handle = bytearray(136)
handle[0] = 128
assert refused(304, -100, bytes(handle), 0)
""",
    ),
    denied(
        "tracing of a child that is left stopped",
        """
import signal, time
pid = os.fork()
if pid == 0:
    libc.ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)
stopped, status = os.waitpid(pid, os.WUNTRACED)
assert os.WIFSTOPPED(status)
""",
    ),
)
