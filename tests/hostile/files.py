"""Files: the working folder, the image, and what the host has."""

from hostile.program import hostile

PROGRAMS = (
    hostile(
        "a folder tree of thousands of levels",
        "passed",
        """
        import os
        depth = 0
        while depth < 3000:
            os.mkdir('d')
            os.chdir('d')
            depth += 1
        open('file', 'w').close()
        assert depth == 3000
        """,
    ),
    hostile(
        "folders and files without any permission",
        "passed",
        """
        import os
        work = os.getcwd()
        for path in ('/tmp/a', '/dev/shm/b', work + '/c'):
            open(path, 'w').write('x')
            os.chmod(path, 0)
        os.makedirs('/tmp/d/e/f')
        open('/tmp/d/e/f/g', 'w').close()
        for path in ('/tmp/d/e/f', '/tmp/d/e', '/tmp/d', work):
            os.chmod(path, 0)
        mode = os.stat('/tmp/d').st_mode & 0o777
        assert mode == 0
        """,
    ),
    hostile(
        "a folder that is made immutable",
        "passed",
        """
        import fcntl, os, struct
        def is_refused(number, flags):
            fd = os.open('kept', os.O_RDONLY)
            try:
                fcntl.ioctl(fd, number, struct.pack('l', flags))
            except OSError:
                return True
            return False
        os.mkdir('kept')
        open('kept/file', 'w').close()
        assert is_refused(0x40086602, 0x10)
        assert is_refused(0x40086602, 0x20)
        """,
    ),
    hostile(
        "file names of odd bytes",
        "passed",
        """
        import os
        names = [b'\\xff\\xfe', b'a\\nb', b'-rf', b' ', b'...', b'*', b'\\x1b[2J', b'x' * 255, b'\\xed\\xa0\\x80']
        for name in names:
            os.mkdir(name)
            open(name + b'/' + name, 'w').close()
        assert sorted(os.listdir(b'.')) == sorted(names)
        """,
    ),
    hostile(
        "a working folder that is replaced by a link to /",
        "passed",
        """
        import os
        os.rmdir('/tmp/work')
        os.symlink('/', '/tmp/work')
        target = os.readlink('/tmp/work')
        assert target == '/'
        """,
    ),
    hostile(
        "a working folder that is replaced by a file",
        "passed",
        """
        import os
        os.rmdir('/tmp/work')
        open('/tmp/work', 'w').close()
        replaced = os.path.isfile('/tmp/work')
        assert replaced
        """,
    ),
    hostile(
        "a working folder that is replaced by a FIFO",
        "passed",
        """
        import os, stat
        os.rmdir('/tmp/work')
        os.mkfifo('/tmp/work')
        mode = os.stat('/tmp/work').st_mode
        assert stat.S_ISFIFO(mode)
        """,
    ),
    hostile(
        "a working folder that is deleted and renamed in a race",
        "passed",
        """
        import os, time
        x = 1
        for number in range(3):
            if os.fork() == 0:
                os.setsid()
                while True:
                    for action in (
                        lambda: os.rename('/tmp/work', f'/tmp/moved{number}'),
                        lambda: os.symlink('/dev/shm', '/tmp/work'),
                        lambda: os.unlink('/tmp/work'),
                        lambda: os.rename(f'/tmp/moved{number}', '/tmp/work'),
                        lambda: os.rmdir('/tmp/work'),
                    ):
                        try:
                            action()
                        except OSError:
                            pass
        time.sleep(0.3)
        assert x == 1
        """,
    ),
    hostile(
        "a place of the next source that is a link",
        "passed",
        """
        import os
        for name in ('program.py', 'work2', 'tmp'):
            os.symlink('/dev/shm/stolen', '/tmp/' + name)
        links = os.listdir('/tmp')
        assert len(links) == 4
        """,
        after="""
        import os
        def own_text():
            return open(__file__).read()
        assert 'own_text' in own_text()
        assert not os.path.lexists('/dev/shm/stolen')
        """,
    ),
    hostile(
        "links, FIFOs and sockets that are left",
        "passed",
        """
        import os, socket
        for folder in ('/tmp', '/tmp/work', '/dev/shm'):
            os.symlink('/etc', f'{folder}/etc')
            os.symlink('loop', f'{folder}/loop')
            os.mkfifo(f'{folder}/fifo')
            socket.socket(socket.AF_UNIX).bind(f'{folder}/socket')
        names = sorted(os.listdir('.'))
        assert names == ['etc', 'fifo', 'loop', 'socket']
        """,
    ),
    hostile(
        "a deleted current folder",
        "passed",
        """
        import os
        def is_gone():
            try:
                os.getcwd()
            except FileNotFoundError:
                return True
            return False
        os.rmdir(os.getcwd())
        assert is_gone()
        """,
    ),
    hostile(
        "writes into the image",
        "passed",
        """
        import os, sys
        def written():
            done = []
            for path in ('/etc/passwd', '/etc/shadow', '/etc/ld.so.preload', '/usr/lib/python3/evil.py', '/bin/sh',
                         '/evil', '/root/evil', '/var/tmp/evil', '/run/evil', os.__file__, sys.executable):
                for action in (lambda: open(path, 'a'), lambda: os.chmod(path, 0o777), lambda: os.unlink(path)):
                    try:
                        action()
                        done.append(path)
                    except OSError:
                        pass
            return done
        assert written() == []
        """,
    ),
    hostile(
        "hard links to files of the image",
        "passed",
        """
        import os
        def is_refused(path):
            try:
                os.link(path, 'linked')
            except OSError:
                return True
            return False
        assert is_refused('/etc/passwd')
        assert is_refused('/proc/1/exe')
        """,
    ),
    hostile(
        "a file of the host, by every way that leads out",
        "passed",
        """
        import os
        def found():
            ways = ['', '/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/tmp/work' + '/..' * 20, '/mnt', '/host']
            return [way for way in ways if os.path.exists(way + '@HOST_FILE@')]
        assert found() == []
        """,
    ),
)
