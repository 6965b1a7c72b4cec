"""Tricks with /proc, /sys and /dev."""

from hostile.program import Hostile, hostile

ACCESS = """
import glob, os
def opened(mode, *patterns):
    done = []
    for pattern in patterns:
        for path in [p for p in glob.glob(pattern) or [pattern] if f'/{os.getpid()}/' not in p]:
            try:
                with open(path, mode, buffering=0) as file:
                    file.read(1) if mode == 'rb' else file.write(b'1')
                done.append(path)
            except OSError:
                pass
    return done
"""


def denied(name: str, mode: str, *patterns: str) -> Hostile:
    """A program that asserts that it can open none of the files. Mode `rb` reads a byte, `wb` writes one."""
    return hostile(name, "passed", f"{ACCESS}assert opened({mode!r}, *{patterns!r}) == []\n")


PROGRAMS = (
    denied("a read of the memory of the sandbox's processes", "rb", "/proc/[0-9]*/mem", "/proc/1/task/1/mem"),
    denied("a write into the memory of the sandbox's processes", "wb", "/proc/[0-9]*/mem", "/proc/1/task/1/mem"),
    hostile(
        "the supervisor's environment",
        "passed",
        """
        import os
        def foreign():
            try:
                data = open('/proc/1/environ', 'rb').read()
            except OSError:
                return []
            own = {name.encode() for name in os.environ}
            return [line for line in data.split(b'\\0') if line and line.partition(b'=')[0] not in own]
        assert foreign() == []
        """,
    ),
    hostile(
        "the supervisor's descriptors",
        "passed",
        """
        import os
        def opened():
            done = []
            others = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) != os.getpid()]
            for path in [f'/proc/{pid}/fd/{number}' for pid in others for number in range(32)]:
                for mode in (os.O_RDONLY, os.O_WRONLY):
                    try:
                        fd = os.open(path, mode | os.O_NONBLOCK)
                        done += [path] * (os.readlink(f'/proc/self/fd/{fd}') != '/dev/null')
                        os.close(fd)
                    except OSError:
                        pass
            return done
        assert opened() == []
        """,
    ),
    hostile(
        "the supervisor's root and folder",
        "passed",
        """
        import os
        def entered():
            done = []
            for name in ('root/root', 'cwd/root', 'root/etc/shadow', 'map_files'):
                try:
                    done.append(os.listdir('/proc/1/' + name))
                except OSError:
                    pass
            return done
        assert entered() == []
        """,
    ),
    denied(
        "settings of the kernel",
        "wb",
        "/proc/sys/kernel/*",
        "/proc/sys/vm/*",
        "/proc/sys/fs/*",
        "/proc/sys/net/*/*",
    ),
    denied("the kernel's magic key", "wb", "/proc/sysrq-trigger", "/proc/sys/kernel/sysrq"),
    denied("memory of the machine", "rb", "/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/kpagemap"),
    denied("the kernel's log", "rb", "/dev/kmsg", "/proc/kmsg", "/var/log/[ds]*g"),
    denied("disks of the machine", "rb", "/dev/sd*", "/dev/vd*", "/dev/nvme*", "/dev/xvd*", "/dev/dm-*", "/dev/loop*"),
    denied(
        "control groups",
        "wb",
        "/sys/fs/cgroup/*",
        "/sys/fs/cgroup/*/release_agent",
        "/sys/fs/cgroup/*/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory.max",
    ),
    hostile(
        "a control group of its own",
        "passed",
        """
        import glob, os
        def made():
            done = []
            for folder in ['/sys/fs/cgroup', *glob.glob('/sys/fs/cgroup/*/')]:
                try:
                    os.mkdir(folder + '/selfcodealign-hostile')
                    done.append(folder)
                except OSError:
                    pass
            return done
        assert made() == []
        """,
    ),
    denied(
        "settings of devices",
        "wb",
        "/sys/kernel/uevent_helper",
        "/sys/power/state",
        "/sys/class/*/*/uevent",
        "/sys/devices/*/*",
        "/sys/module/*/parameters/*",
        "/sys/firmware/efi/efivars/*",
    ),
    denied("identities of the supervisor", "wb", "/proc/1/uid_map", "/proc/1/gid_map", "/proc/1/oom_score_adj"),
    denied("the interpreter that runs", "wb", "/proc/self/exe", "/proc/1/exe"),
    hostile(
        "other processes of the machine",
        "passed",
        """
        import os
        def others():
            pids = [int(name) for name in os.listdir('/proc') if name.isdigit()]
            names = {open(f'/proc/{pid}/comm').read().strip() for pid in pids}
            return max(pids) > 100_000, len(pids) > 3, names - {'python3'}
        assert others() == (False, False, set())
        """,
    ),
)
