"""Traces of one program in the next: the first leaves something wherever it can, the second asserts to find nothing."""

from hostile.program import hostile

PROGRAMS = (
    hostile(
        "a file in every folder that can be written to",
        "passed",
        """
        import os
        def left():
            done = []
            for folder, names, _ in os.walk('/'):
                names[:] = [name for name in names if os.path.join(folder, name) not in ('/proc', '/sys', '/usr')]
                try:
                    open(folder + '/selfcodealign-hostile', 'w').write('x')
                    done.append(folder)
                except OSError:
                    pass
            return done
        assert '/tmp' in left()
        """,
        after="""
        import os
        def found():
            done = []
            for folder, names, files in os.walk('/'):
                names[:] = [name for name in names if os.path.join(folder, name) not in ('/proc', '/sys', '/usr')]
                done += [folder] * ('selfcodealign-hostile' in files)
            return done
        assert found() == []
        """,
    ),
    hostile(
        "shared memory, semaphores and queues of System V",
        "passed",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        made = [libc.shmget(4711, 4096, 0o1666), libc.semget(4712, 1, 0o1666), libc.msgget(4713, 0o1666)]
        assert len(made) == 3
        """,
        after="""
        import ctypes
        libc = ctypes.CDLL(None)
        found = [libc.shmget(4711, 0, 0), libc.semget(4712, 0, 0), libc.msgget(4713, 0)]
        assert found == [-1, -1, -1]
        """,
    ),
    hostile(
        "queues of POSIX and keys of the kernel",
        "passed",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        rt = ctypes.CDLL('librt.so.1')
        queue = rt.mq_open(b'/hostile', 0o102, 0o666, None)
        key = libc.syscall(248, b'user', b'hostile', b'secret', 6, -4)
        x = (queue, key)
        assert len(x) == 2
        """,
        after="""
        import ctypes
        libc = ctypes.CDLL(None)
        rt = ctypes.CDLL('librt.so.1')
        queue = rt.mq_open(b'/hostile', 0)
        key = libc.syscall(250, 10, -4, b'user', b'hostile', 0)
        assert (queue, key) == (-1, -1)
        """,
    ),
    hostile(
        "a changed environment",
        "passed",
        """
        import locale, os, resource, signal, sys, time
        os.environ['HOSTILE'] = '1'
        os.putenv('PATH', '/nowhere')
        os.umask(0o777)
        os.environ['TZ'] = 'Pacific/Auckland'
        time.tzset()
        sys.setrecursionlimit(60)
        sys.setswitchinterval(1000)
        sys.set_int_max_str_digits(700)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
        os.nice(10)
        x = os.environ['HOSTILE']
        assert x == '1'
        """,
        after="""
        import os, resource, signal, sys, time
        def state():
            names = [os.environ.get(name) for name in ('HOSTILE', 'TZ')]
            return *names, '/bin' in os.environ['PATH'], os.nice(0), time.tzname
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert state() == (None, None, True, 0, ('UTC', 'UTC'))
        assert mask == set()
        assert sys.getrecursionlimit() < 1100 and sys.get_int_max_str_digits() == 4300
        open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert open_files > 5
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        """,
    ),
    hostile(
        "import hooks",
        "passed",
        """
        import builtins, importlib.machinery, sys
        class Hook:
            def find_spec(self, name, path=None, target=None):
                raise ImportError('hooked')
        def hooked(name, *rest):
            raise ImportError('hooked')
        sys.meta_path.insert(0, Hook())
        sys.path_hooks.insert(0, Hook)
        sys.path.insert(0, '/tmp')
        sys.modules['colorsys'] = sys
        builtins.__import__ = hooked
        names = [type(hook).__name__ for hook in sys.meta_path]
        assert 'Hook' in names
        """,
        after="""
        import colorsys, sys, wave
        names = [type(hook).__name__ for hook in sys.meta_path]
        assert 'Hook' not in names
        assert '/tmp' not in sys.path
        red = colorsys.rgb_to_hsv(1, 0, 0)
        assert red == (0.0, 1.0, 1.0)
        """,
    ),
    hostile(
        "modules written into the working folder",
        "passed",
        """
        import os
        for name in ('json', 'unittest', 'sitecustomize', 'usercustomize', 'numpy', 'colorsys', 'os'):
            open(name + '.py', 'w').write('raise SystemExit(0)')
        packages = os.path.expanduser('~/.local/lib/python3.11/site-packages')
        os.makedirs(packages)
        open(packages + '/evil.pth', 'w').write('import os; os._exit(0)')
        names = os.listdir('.')
        assert len(names) == 8
        """,
        after="""
        import colorsys, json, os, subprocess, sys, unittest
        def answer():
            return subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout
        assert os.listdir('.') == []
        assert answer() == b'1\\n'
        assert json.loads('[1]') == [1] and colorsys.rgb_to_hsv(1, 0, 0)
        x = unittest.TestCase.__module__
        assert x == 'unittest.case'
        """,
    ),
    hostile(
        "changed modules that look harmless",
        "passed",
        """
        import collections, functools, heapq, itertools, math, operator, random, re, string
        math.pi = 3
        math.sqrt = lambda x: x
        string.ascii_lowercase = 'hostile'
        heapq.heappush = None
        collections.Counter.most_common = None
        collections.OrderedDict = dict
        functools.reduce = max
        itertools.chain = None
        operator.add = operator.sub
        re.match = re.search
        random.seed(1)
        assert math.pi == 3
        """,
        after="""
        import collections, functools, heapq, itertools, math, operator, re, string
        def state():
            heap = []
            heapq.heappush(heap, 1)
            return (
                math.pi > 3.1, math.sqrt(4), len(string.ascii_lowercase), heap,
                collections.Counter('aab').most_common(1), collections.OrderedDict is dict,
                functools.reduce(operator.add, [1, 2]), list(itertools.chain([1], [2])), re.match('b', 'ab'),
            )
        assert state() == (True, 2.0, 26, [1], [('a', 2)], False, 3, [1, 2], None)
        """,
    ),
    hostile(
        "changed classes and contexts of the library",
        "passed",
        """
        import collections.abc, copy, decimal, fractions, numbers, random, warnings
        decimal.getcontext().prec = 2
        numbers.Integral.register(str)
        collections.abc.Sized.register(int)
        fractions.Fraction.__eq__ = lambda self, other: True
        copy.deepcopy = lambda x: x
        warnings.simplefilter('error')
        random.Random.random = lambda self: 0.5
        x = decimal.Decimal(1) / 3
        assert str(x) == '0.33'
        """,
        after="""
        import collections.abc, copy, decimal, fractions, numbers, random, warnings
        def state():
            rows = [[1]]
            warnings.warn('only a warning')
            return (
                len(str(decimal.Decimal(1) / 3)), isinstance('a', numbers.Integral),
                isinstance(1, collections.abc.Sized), fractions.Fraction(1, 2) == 3,
                copy.deepcopy(rows) is rows, random.Random(7).random() == 0.5,
            )
        assert state() == (30, False, False, False, False, False)
        """,
    ),
    hostile(
        "changed builtins",
        "passed",
        """
        import builtins
        builtins.len = lambda x: 0
        builtins.sorted = list
        builtins.hostile = 1
        x = len('abc')
        assert x == 0
        """,
        after="""
        import builtins
        def state():
            return len('abc'), sorted([2, 1]), hasattr(builtins, 'hostile')
        assert state() == (3, [1, 2], False)
        """,
    ),
    hostile(
        "a random generator in a known state",
        "passed",
        """
        import random
        random.seed(4711)
        x = random.getstate()
        assert x
        """,
        after="""
        import random
        def known(seed):
            return random.Random(seed).random()
        x = random.random()
        assert x != known(4711)
        """,
    ),
    hostile(
        "threads and exit handlers",
        "timeout",
        """
        import atexit, os, threading, time
        def late():
            while True:
                time.sleep(0.01)
                open('/dev/shm/late', 'w').write('x')
        atexit.register(late)
        threading.Thread(target=late, daemon=False).start()
        count = threading.active_count()
        assert count == 2
        """,
        after="""
        import os, threading, time
        count = threading.active_count()
        time.sleep(0.1)
        files = os.listdir('/dev/shm')
        assert (count, files) == (1, [])
        """,
    ),
)
