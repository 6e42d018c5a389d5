"""One run: a program in a namespace of its own, the generator in the program, and its result."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from netns import Namespace  # noqa: E402

PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
PAGE_MB = 2


class RunError(Exception):
    """A program did not run, or did not do its work."""


@dataclasses.dataclass
class Options:
    genport: pathlib.Path
    huge: bool = True
    burst: int = 32
    simd_bits: int = 512
    engine: str = "auto"
    cpus: list = dataclasses.field(default_factory=lambda: [0, 1])
    bursts: int = 5
    burst_ms: int = 60
    warm_ms: int = 10
    rest_ms: int = 60
    slice: int = 512
    ring: int = 256
    captures: int = 16

    @property
    def worker_cpu(self):
        """Of a program with one worker and nothing else to do."""
        return self.cpus[-1]

    def lcores(self, workers):
        """The control thread as lcore 0, workers as 1 and on, each on a CPU of its own. Where there
        are no more CPUs than workers, the control thread is wherever there is room."""
        if workers > len(self.cpus):
            raise RunError(f"{workers} workers need as many CPUs; there are {len(self.cpus)}")
        control = (str(self.cpus[0]) if workers < len(self.cpus)
                   else f"({','.join(map(str, self.cpus))})")
        return ",".join([f"0@{control}"] + [f"{number}@{cpu}" for number, cpu in enumerate(
            self.cpus[-workers:], 1)])

    def describe(self):
        return {key: value for key, value in vars(self).items() if key != "genport"}

    def memory(self, megabytes):
        if self.huge:
            return ["-m", str(megabytes), "--in-memory"]
        return ["-m", str(megabytes), "--no-huge", "--no-shconf"]


def _meminfo(name):
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


class HugePages:
    """As many free huge pages as a run needs; as many as before when it is left."""

    def __init__(self, megabytes):
        self.wanted = megabytes // PAGE_MB
        self.before = None

    def __enter__(self):
        self.before = int(PAGES.read_text(encoding="ascii"))
        return self

    def ensure(self):
        """Before each run: whoever else is here may have taken them back."""
        for _ in range(3):  # others take and give back at the same time
            missing = self.wanted - _meminfo("HugePages_Free")
            if missing <= 0:
                return
            now = int(PAGES.read_text(encoding="ascii"))
            PAGES.write_text(f"{now + missing}\n", encoding="ascii")
        if _meminfo("HugePages_Free") < self.wanted:
            raise RunError(f"only {_meminfo('HugePages_Free')} of {self.wanted} huge pages are "
                           "free; --no-huge does without")

    def __exit__(self, *_):
        PAGES.write_text(f"{self.before}\n", encoding="ascii")


class OrdinaryMemory(contextlib.nullcontext):
    """In the place of HugePages."""

    def __enter__(self):
        return self

    def ensure(self):
        pass


def genport_environment(options, case, protocol, directory, copies=1):
    stream = (f"net_null0,stream={case.stream(protocol)},octets={case.octets},flows={case.flows},"
              f"sas={case.sas},order={case.order},copies={copies},"
              f"crypto={'real' if case.crypto else 'none'},ring={options.ring}")
    sink = f"net_null1,ring={options.ring},capture={options.captures}"
    return {
        "LD_PRELOAD": str(options.genport),
        "GENPORT": f"{stream};{sink}",
        "GENPORT_MEASURE": f"file={directory}/result.json,go={directory}/go,"
                           f"bursts={options.bursts},burst_ms={options.burst_ms},"
                           f"warm_ms={options.warm_ms},rest_ms={options.rest_ms},"
                           f"slice={options.slice}",
    }


def _tail(log):
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def _wait(process, result, seconds):
    end = time.monotonic() + seconds
    while not result.exists():
        if process.poll() is not None:
            raise RunError(f"ended with {process.returncode}")
        if time.monotonic() > end:
            raise RunError("no result in time")
        time.sleep(0.02)


def _stop(process):
    for number, patience in ((signal.SIGINT, 10), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def run(program, case, protocol, options, pages, copies=1):
    """The generator's result. Everything that the run made is gone afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="vped-compare-"))
    log = directory / "log"
    namespace = Namespace(program.name)
    process = None
    try:
        # Nothing of the kernel's own among what is captured.
        namespace.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        program.prepare(case, protocol, directory)
        environment = {**os.environ,
                       **genport_environment(options, case, protocol, directory, copies)}
        pages.ensure()
        with open(log, "wb") as out, namespace:
            process = subprocess.Popen(
                program.argv(case, protocol, directory), env=environment, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=directory)
        program.configure(namespace, directory, lambda: process.poll() is None)
        (directory / "go").touch()
        period = options.burst_ms + options.warm_ms + options.rest_ms
        _wait(process, directory / "result.json", 60 + options.bursts * period / 100)
        return json.loads((directory / "result.json").read_text(encoding="ascii"))
    except (RunError, RuntimeError, OSError) as err:
        raise RunError(f"{program.name}, {protocol}, {case.describe()}: {err}\n{_tail(log)}") from err
    finally:
        if process is not None:
            _stop(process)
        namespace.close()
        shutil.rmtree(directory, ignore_errors=True)
