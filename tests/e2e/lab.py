"""The laboratory: namespaces, wires between them, processes in them, and their certain end."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from netns import Namespace

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEMP_PREFIX = "vped-lab-"


class LabError(Exception):
    """Something the laboratory needs did not happen."""


def wait_for(what, condition, timeout=10.0, step=0.02):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(step)


def cpus():
    return sorted(os.sched_getaffinity(0))


def free_huge_pages():
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("HugePages_Free:"):
            return int(line.split()[1])
    return 0


def af_xdp_works():
    """Whether this kernel gives us XDP sockets and takes an XDP program on a veth."""
    choice = os.environ.get("VPED_LAB_DEVICE", "auto")
    if choice != "auto":
        return choice == "af_xdp"
    try:
        socket.socket(44, socket.SOCK_RAW, 0).close()  # AF_XDP
        bpf = ctypes.CDLL("libbpf.so.1")
    except OSError:
        return False
    bpf.libbpf_set_print(None)
    # r0 = XDP_PASS; exit
    program = struct.pack("<BBhiBBhi", 0xb7, 0, 0, 2, 0x95, 0, 0, 0)
    fd = bpf.bpf_prog_load(6, b"probe", b"GPL", program, ctypes.c_size_t(2), None)
    if fd < 0:
        return False
    probe = Namespace("probe")
    try:
        probe.ip("link add x0 type veth peer name x1")
        with probe:
            return bpf.bpf_xdp_attach(socket.if_nametoindex("x0"), fd, 0, None) == 0
    except (OSError, RuntimeError):
        return False
    finally:
        os.close(fd)
        probe.close()


class Process:
    """A program in a namespace. Dies with us, whatever happens to us."""

    def __init__(self, namespace, argv, log, name=None, **kwargs):
        self.name = name or pathlib.Path(argv[0]).name
        self.namespace = namespace
        self.log = log
        self.expected = None  # exit status when the lab ends it; None: any
        with open(log, "ab") as out, namespace or contextlib.nullcontext():
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)],
                stdin=kwargs.pop("stdin", subprocess.DEVNULL), stdout=kwargs.pop("stdout", out),
                stderr=kwargs.pop("stderr", out), start_new_session=True, **kwargs)
        wait_for(f"{self.name} to start", self._is_itself, step=0.001)

    def _is_itself(self):
        """No longer setpriv: from now on it dies with us."""
        try:
            line = pathlib.Path(f"/proc/{self.popen.pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return True
        # Empty in the middle of exec, and for a process that has ended.
        return bool(line) and not line.startswith(b"setpriv\0") or not self.running()

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout=10.0):
        return self.popen.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """Asks it to end, then insists. Its exit status."""
        self.send(number)
        return self.ended(timeout)

    def ended(self, timeout=10.0):
        """The exit status of what was asked to end; it is killed if it does not."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)
            raise LabError(f"{self.name} did not end within {timeout:g} s\n{self.tail()}") from None

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait(5)

    def said(self):
        return pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.said().splitlines()[-lines:])


class Lab:
    """Use as a context manager. Everything it made is gone when the block is left."""

    def __init__(self, huge=None, keep_logs=None):
        self.namespaces = []
        self.processes = []
        self.keep_logs = keep_logs  # directory for the logs of a lab that went wrong
        self.huge = free_huge_pages() >= 256 if huge is None else huge
        self.device = "af_xdp" if af_xdp_works() else "af_packet"
        self.dir = None
        self._lock = None
        self._count = 0

    def __enter__(self):
        _remove_stale_dirs()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=TEMP_PREFIX))
        # Held as long as we live: how a later run knows that the directory has no owner.
        self._lock = os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, kind, *_):
        with patient_signals():
            failures = self.stop_all()
            if self.keep_logs and (kind or failures):
                self.save_logs(self.keep_logs)
            for namespace in self.namespaces:
                namespace.close()
            shutil.rmtree(self.dir, ignore_errors=True)
            os.close(self._lock)
        if failures and kind is None:
            raise LabError("; ".join(failures))

    def stop_all(self):
        """All are asked first, the newest first, so that they end side by side."""
        failures = []
        for process in reversed(self.processes):
            process.send(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                status = process.ended()
                if process.expected is not None and status != process.expected:
                    failures.append(f"{process.name} ended with {status}\n{process.tail()}")
            except (LabError, subprocess.TimeoutExpired) as err:
                failures.append(str(err))
        self.processes.clear()
        return failures

    def save_logs(self, directory):
        """Logs and configurations, never keys."""
        target = pathlib.Path(directory)
        target.mkdir(parents=True, exist_ok=True)
        for file in self.dir.iterdir():
            if file.suffix in (".log", ".conf"):
                shutil.copy(file, target)

    # What the lab is made of.

    def namespace(self, name, forward=False):
        namespace = Namespace(name)
        self.namespaces.append(namespace)
        # No surprises from addresses that the kernel makes up by itself late.
        namespace.sysctl("net/ipv6/conf/default/accept_dad", 0)
        namespace.sysctl("net/ipv6/conf/all/forwarding", int(forward))
        namespace.sysctl("net/ipv4/ip_forward", int(forward))
        return namespace

    def wire(self, a, a_name, b, b_name, mtu=1500):
        """A veth pair with one queue each (net_af_xdp can have no more), both ends up."""
        a.ip(f"link add {a_name} mtu {mtu} numtxqueues 1 numrxqueues 1 type veth "
             f"peer name {b_name} mtu {mtu} numtxqueues 1 numrxqueues 1 netns {b.path}")
        for namespace, name in ((a, a_name), (b, b_name)):
            # A veth leaves checksums to "hardware" and sends frames larger than its MTU; what
            # arrives at a DPDK device would be broken.
            namespace.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off",
                          "gro", "off")
            namespace.ip(f"link set dev {name} up")

    def give_to_daemon(self, namespace, name):
        """The daemon's end of a wire: the kernel has no business on it."""
        namespace.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)

    def vdev(self, index, interface):
        if self.device == "af_xdp":
            return f"net_af_xdp{index},iface={interface}"
        return f"net_af_packet{index},iface={interface}"

    def switch(self, namespace, names, bridge="br0"):
        """Joins interfaces of the namespace to one segment that says nothing by itself."""
        namespace.ip(f"link add {bridge} type bridge mcast_snooping 0 stp_state 0")
        for name in names:
            namespace.ip(f"link set dev {name} master {bridge}")
        for name in (bridge, *names):
            namespace.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
        namespace.ip(f"link set dev {bridge} up")

    def host(self, namespace, interface, addresses, gateways=()):
        """Addresses and default routes of an ordinary host."""
        for address in addresses:
            flag = " nodad" if ":" in address else ""
            namespace.ip(f"addr add {address} dev {interface}{flag}")
        for gateway in gateways:
            family = "-6" if ":" in gateway else "-4"
            namespace.ip(f"{family} route replace default via {gateway}")

    def spawn(self, namespace, *argv, name=None, **kwargs):
        self._count += 1
        name = name or pathlib.Path(str(argv[0])).name
        process = Process(namespace, argv, self.dir / f"{self._count:02}-{name}.log", name,
                          **kwargs)
        self.processes.append(process)
        return process

    def tool(self, namespace, script, *argv):
        """A helper program of tests/tools; returns when it says that it is ready."""
        process = self.spawn(namespace, "/usr/bin/python3", "-u", ROOT / "tests/tools" / script,
                             *argv, name=script)
        wait_for(f"{script} to be ready", lambda: _alive(process) and "ready" in process.said())
        return process

    def file(self, name, content, mode=0o600):
        path = self.dir / name
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(fd, "wb" if isinstance(content, bytes) else "w") as out:
            out.write(content)
        return path


def _alive(process):
    if not process.running():
        raise LabError(f"{process.name} ended with {process.popen.returncode}\n{process.tail()}")
    return True


def _remove_stale_dirs():
    """Directories whose owner was killed before it could clean up."""
    for path in pathlib.Path(tempfile.gettempdir()).glob(TEMP_PREFIX + "*"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(fd).st_uid == os.getuid():
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass  # somebody lives there
        finally:
            os.close(fd)


@contextlib.contextmanager
def patient_signals():
    """While cleaning up, no signal gets in between."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(n, signal.SIG_IGN) for n in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


def exit_on_signals():
    """The first signal ends the program through every cleanup; later ones do not disturb that."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number, _):
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    # SIGINT too: a shell that starts us in the background has it ignored.
    for number in numbers:
        signal.signal(number, stop)
