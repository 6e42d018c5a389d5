"""The daemon as a service: what it may do, what it tells the service manager, what it keeps."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

import gateway as gw
import lab as laboratory
import service as units
import traffic
from admin import Admin, admin_socket
from journals import revive
from sites import A, B
from threads import Stopped, status, threads, worker_threads

NUMBERS = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_SYS_ADMIN": 21}
KEPT = 1 << NUMBERS["CAP_NET_ADMIN"] | 1 << NUMBERS["CAP_IPC_LOCK"]
# A sanitizer's run time has system calls of its own.
CONFINED = not gw.sanitized()


def services(sites, **more):
    drop_in = (sites.lab.device,)
    return {x: units.Service(sites.lab, f"gw-{x}", drop_in, system_calls_too=CONFINED, **more)
            for x in "ab"}


def as_services(sites, protocol, **more):
    """Both gateways, started as the unit says."""
    made = services(sites, **more)
    sites.pair(protocol, services=made)
    sites.start()
    return made


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_traffic_without_root(sites, protocol):
    """Exactly the unit's user, capabilities and system calls are enough to start, to move traffic
    and to stop; once started, even less is left."""
    made = as_services(sites, protocol)
    sites.wait_reachable()
    if sites.lab.device == "af_xdp":
        assert "prog/xdp" in sites.gate["a"].ip("-d link show")
    bounding = sum(1 << NUMBERS[c] for c in made["a"].values("CapabilityBoundingSet"))
    for gateway in sites.gateway.values():
        pid = gateway.process.pid
        for thread in threads(pid):
            seen = status(pid, thread)
            assert set(seen["Uid"].split()) == set(seen["Gid"].split()) == {str(units.USER)}
            assert seen["NoNewPrivs"] == "1"
            assert seen["Seccomp"] == ("2" if CONFINED else "0")
            assert int(seen["CapBnd"], 16) == bounding
            expected = KEPT if thread == pid else 0
            for name in ("CapPrm", "CapEff"):
                assert int(seen[name], 16) == expected, (seen["Name"], name)
            assert int(seen["CapInh"], 16) == int(seen["CapAmb"], 16) == 0
        assert len(threads(pid)) >= 3  # control, a worker, EAL's own
    assert traffic.ping(sites.host["a"], B.host[4], 20).lossless
    for gateway in sites.gateway.values():
        # Whoever is in a group has its socket, and nobody another's.
        for path, group in ((gateway.socket, units.USER),
                            (admin_socket(gateway), units.ADMIN_GROUP)):
            status_of = path.stat()
            assert (status_of.st_gid, status_of.st_mode & 0o7777) == (group, 0o660)
        # Libraries may try more than they need.
        ours = [line for line in gateway.process.said().splitlines()
                if re.match(r"\S*vped: ", line)]
        assert ours and not re.search("denied|not permitted", "\n".join(ours))
        # DPDK's own sockets lie beside ours, whatever else the drop-in makes in /run.
        assert gateway.socket.with_name("dpdk").is_dir()
        assert gateway.stop() == 0
        # Taken off without the privilege that it took to put it there.
        assert "prog/xdp" not in gateway.namespace.ip("-d link show")


@pytest.mark.one_build("release", "both wait alike")
def test_goes_on_after_a_crash(sites):
    """Restart=on-failure: a journal that root made is the service's, and a killed daemon's successor
    takes it over."""
    made = services(sites)
    for x, gateway in zip("ab", sites.pair("vpe", services=made)):
        gateway.settings["journal"] = made[x].state / "journal"
        for sa in (sites.a_to_b, sites.b_to_a):
            gateway.register_key(sa)
        assert gateway.settings["journal"].stat().st_uid == units.USER
    sites.start().wait_reachable((4,))
    assert made["a"].unit["Restart"] == ["on-failure"]
    sites.gateway["a"].kill()
    revive(sites, A)
    sites.wait_reachable((4,))
    assert all(gateway.stop() == 0 for gateway in sites.gateway.values())


def test_reload(sites):
    """ExecReload= of the unit, as the service's user."""
    made = as_services(sites, "vpe")["a"]
    gateway = sites.gateway["a"]
    program, *rest = made.unit["ExecReload"][0].split()

    def reload(check):
        gateway.lab.file(f"{gateway.name}.conf", gateway.configuration(), 0o644)
        return gateway.namespace.run(*map(str, made.command(gw.program(program))),
                                     "-s", str(gateway.socket), *rest, check=check)

    gateway.policies.append(gw.Policy("10.99.0.0/16", "10.98.0.0/16", "discard"))
    reload(check=True)
    assert len(gateway.ask("show-policy")["policies"]) == len(gateway.policies)
    gateway.policies.append(gw.Policy("10.99.0.0/16", "10.97.0.0/16", "no such"))
    assert reload(check=False).returncode != 0
    assert len(gateway.ask("show-policy")["policies"]) == len(gateway.policies) - 1


def test_root_gives_up_what_it_need_not_have(sites):
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    pid = sites.gateway["a"].process.pid
    for thread in threads(pid):
        left = int(status(pid, thread)["CapPrm"], 16)
        assert left == (KEPT if thread == pid else 0)
    assert sites.gateway["a"].stop() == 0
    assert "prog/xdp" not in sites.gate["a"].ip("-d link show")


def test_manager_is_told(sites):
    made = as_services(sites, "vpe")["a"]
    gateway = sites.gateway["a"]
    laboratory.wait_for("readiness", made.heard)
    assert made.heard() == ["READY=1\nSTATUS=1 workers, 1 tunnels, 2 policies"]
    # The word of the one is the other's start: nothing is missing any more.
    assert gateway.ask("show-workers")
    assert all(gateway.namespace.has(p.host_interface) for p in gateway.ports)
    assert gateway.stop() == 0
    assert made.heard()[-1] == "STOPPING=1"
    assert "WATCHDOG=1" not in made.heard()


@pytest.mark.one_build("release", "the watchdog takes its time to bark")
def test_stuck_worker_trips_the_watchdog(sites):
    """Signs of life come while all workers turn, and from nobody else."""
    interval_s = 2
    made = services(sites, watchdog_us=interval_s * 1000000)
    sites.pair("vpe", services=made, workers={"a": ("encrypt", "decrypt")})
    gateway = sites.gateway["a"].start()
    signs = lambda: made["a"].heard().count("WATCHDOG=1")  # noqa: E731
    laboratory.wait_for("signs of life", lambda: signs() >= 4, 4 * interval_s)
    workers = worker_threads(gateway.process.pid)
    assert len(workers) == 2
    for number, worker in enumerate(workers, 1):
        alarms = lambda: gateway.process.said().count("stands still")  # noqa: E731
        with Stopped(worker):
            laboratory.wait_for("the alarm", lambda wanted=number: alarms() == wanted, 10)
            before = signs()
            # The control thread goes on, and does not say so until the manager has lost patience.
            time.sleep(interval_s)
            assert gateway.ask("show-workers")
            assert signs() == before
        laboratory.wait_for("signs of life again", lambda: signs() > before + 1, 4 * interval_s)
    assert gateway.stop() == 0


def mappings(pid):
    """(first address, octets, flags) of everything mapped."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        area = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
        if area:
            start, end = int(area[1], 16), int(area[2], 16)
            found.append([start, end - start, area[3], ()])
        elif line.startswith("VmFlags:"):
            found[-1][3] = line.split()[1:]
    return found


def dumped(pid):
    """What a debugger's core file would hold, in pieces."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, octets, mode, flags in mappings(pid):
            if "dd" in flags or "r" not in mode or octets > 1 << 30:
                continue
            memory.seek(start)
            try:
                yield memory.read(octets)
            except OSError:
                continue  # the kernel's own pages


@pytest.mark.skipif(not CONFINED, reason="a sanitizer's shadow is as large as the address space")
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_dumps_hold_no_keys(sites, protocol):
    """Neither keys nor packets are in what a dump takes, even one by root's debugger, nor are answers
    with keys once they are sent."""
    sites.pair(protocol)
    sites.start().wait_reachable((4,))
    pattern = b"\xa5\x5a\xc3\x3c" * 4
    done = traffic.ping(sites.host["a"], B.host[4], 20, more=("-p", pattern.hex()))
    assert done.lossless
    for gateway in sites.gateway.values():
        pid = gateway.process.pid
        with Admin(gateway) as admin:
            told = {sa["key"] for sa in admin.reveal_keys()["sas"]}
        assert {(sa.key + sa.salt).hex() for sa in (sites.a_to_b, sites.b_to_a)} == told
        secrets = [sa.key[:16] for sa in (sites.a_to_b, sites.b_to_a)] + [pattern]
        secrets += [digits.encode() for digits in told]
        pieces = 0
        for piece in dumped(pid):
            pieces += 1
            assert not [s for s in secrets if s in piece]
        assert pieces > 10
        # They are there, in the rest: else this would prove nothing.
        hidden = sum(octets for _, octets, mode, flags in mappings(pid)
                     if "dd" in flags and "r" in mode)
        assert hidden > 64 << 20


def with_program(lab, name):
    """The unit with the programs of this build in it, and that unit's file."""
    text = (laboratory.ROOT / "config" / name).read_text(encoding="utf-8")
    for program in ("vped", "vpectl"):
        text = text.replace(f"={program} ", f"={gw.program(program)} ")
    return lab.file(name, text)


def analyze(*argv):
    return subprocess.run(["systemd-analyze", *map(str, argv)], check=False, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("drop_ins", [(), ("af_packet",), ("af_xdp",), ("vfio",), ("fresh-keys",)])
def test_unit_file(lab, drop_ins):
    """What systemd thinks of it. Devices cost exposure: the unit alone stays at 2.0 or below."""
    with_program(lab, "vped-guard.service")
    unit = with_program(lab, "vped.service")
    place = lab.dir / "vped.service.d"
    place.mkdir()
    for name in drop_ins:
        shutil.copy(units.DROP_INS / f"{name}.conf", place)
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and not done.stdout, done.stdout
    done = analyze("security", "--offline=yes", "--threshold=20", unit)
    exposure = float(re.search(r"Overall exposure level for vped.service: ([0-9.]+)",
                               done.stdout)[1])
    print(f"exposure {' '.join(drop_ins) or 'alone'}: {exposure}")
    if not drop_ins:
        assert done.returncode == 0 and exposure <= 2.0
    else:
        assert exposure <= 2.5


def test_fresh_keys_take_their_drop_in(sites):
    """A unit that starts the daemon again after a failure has no new keys for it."""
    a, _ = sites.pair("vpe")
    config = sites.lab.file("fresh.conf", a.configuration())
    for drop_ins, restart in (([], "on-failure"), (["fresh-keys"], "no")):
        unit = units.directives(units.UNIT, *(units.DROP_INS / f"{d}.conf" for d in drop_ins))
        given = dict(value.split("=", 1) for value in unit["Environment"])
        for name in unit["UnsetEnvironment"]:
            del given[name]
        assert unit["Restart"][-1] == restart
        done = subprocess.run([gw.program("vped"), "-c", config, "--check"], check=False,
                              env={**os.environ, **given}, timeout=60, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (done.returncode == 0) == bool(drop_ins), done.stdout
        assert drop_ins or re.search(r"fresh\.conf:\d+: .*starts vped again", done.stdout)


def test_sigterm_before_it_is_ready(sites):
    """A manager that changes its mind gets an end, not a hang."""
    made = services(sites)
    sites.pair("vpe", services=made)
    gateway = sites.gateway["a"].start()
    gateway.process.send(signal.SIGTERM)
    assert gateway.process.wait() == 0
    assert [m.splitlines()[0] for m in made["a"].heard()] == ["READY=1", "STOPPING=1"]
