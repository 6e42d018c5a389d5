"""How many SAs and policies: the time and the memory that a batch of them takes, and what a packet
costs among them."""

import json
import secrets
import threading
import time

import gateway
import lab as laboratory
import prepare
from admin import Admin
from gateway import Gateway, Policy, Port
from sites import A

SAS = 65536
IN_A_TUNNEL = 4  # one outbound SA, the others as in the middle of rekeying
POLICIES = 16384
AMONG = (1, 1024, 65536)
WINDOW = 1024
ALGORITHM = "aes-128-gcm"
SPI = 0x10000000
MEMORY_MB = 2048
POOL_KB = 256 * 1024


def _key():
    return secrets.token_hex(gateway.KEY_OCTETS[ALGORITHM])


def _sas(tunnel, number):
    for i in range(IN_A_TUNNEL):
        more = {"direction": "in", "replay_window": WINDOW, "windows": 1} if i > 0 else \
            {"direction": "out"}
        yield "add-sa", {"tunnel": tunnel, "protocol": "vpe", "spi": SPI + IN_A_TUNNEL * number + i,
                         "algorithm": ALGORITHM, "key": _key(), "manual_keys": "fresh-each-start",
                         **more}


def _remote(number):
    return f"198.18.{number >> 8}.{number & 255}"


def _requests(tunnels, policies):
    """What an administrator would ask for, one after the other."""
    for i in range(tunnels):
        yield "add-tunnel", {"name": f"t{i}", "local": A.wan[4], "remote": _remote(i + 1),
                             "port": "wan"}
        yield from _sas(f"t{i}", i)
    for i in range(policies):
        yield "add-policy", {"name": f"to-{i}", "src": A.prefixes[4],
                             "dst": f"10.{64 + (i >> 8)}.{i & 255}.0/24", "action": "protect",
                             "tunnel": f"t{i % tunnels}"}


def _memory(pid):
    """Octets of the daemon's own memory, and those of huge pages."""
    found = dict.fromkeys(("Pss", "Private_Hugetlb"), 0)
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in found:
                found[name] += int(rest.split()[0]) * 1024
    return sum(found.values())


def _gateway(lab):
    """On ports where nothing comes, and on ordinary memory, of which only what is used is there."""
    ports = [Port("lan", "protected", [], A.lan_addresses, vdevs=["net_null0"]),
             Port("wan", "unprotected", [], A.wan_addresses, vdevs=["net_null1"])]
    first = [Policy(A.prefixes[4], A.prefixes[4], "bypass")]
    return Gateway(lab, lab.namespace("gw-a"), ports, [], first, huge=False, memory_mb=MEMORY_MB,
                   more=f"replay = {{ pool_kb = {POOL_KB}; }};")


def _ask_all(admin, requests):
    """Without waiting for one answer before the next is asked."""
    lines = [json.dumps({"vped": 1, "request": request, "arguments": arguments})
             for request, arguments in requests]
    sender = threading.Thread(
        target=admin.client.sendall, args=(("\n".join(lines) + "\n").encode(),))
    sender.start()
    for _ in lines:
        answer = admin.answer()
        if "error" in answer:
            raise laboratory.LabError(answer["error"]["text"])
    sender.join()


def _load(sas, policies):
    with laboratory.Lab(huge=False) as lab:
        gate = _gateway(lab).start()
        pid = gate.process.pid
        with Admin(gate, timeout=120.0) as admin:
            before = _memory(pid)
            requests = list(_requests(sas // IN_A_TUNNEL, policies))
            started = time.monotonic()
            admin.begin()
            _ask_all(admin, requests)
            asked = time.monotonic()
            admin.commit()
            live = time.monotonic()
            octets = _memory(pid) - before
    return {"sas": sas, "policies": policies, "asking_s": asked - started,
            "commit_s": live - asked, "octets": octets}


def _cycles(args, sas, engine):
    """Of frames that meet the SAs at random, from the wire."""
    found = prepare.vpebench(
        args, "path", "--only", "decrypt 64", "--sizes", "64", "--sas", str(sas),
        "--samples", "11" if args.quick else "201", engine=engine)
    return {case["protocol"]: case["median"] for case in found["cases"]}


def loads_of(quick):
    """Numbers of SAs and policies."""
    small = [(IN_A_TUNNEL, 1), (1024, 256)]
    return small if quick else [*small, (SAS, POLICIES)]


def measure(args, say):
    loads, cycles = [], []
    for sas, policies in loads_of(args.quick):
        say(f"{sas} SAs, {policies} policies")
        loads.append(_load(sas, policies))
    for sas in AMONG[:2] if args.quick else AMONG:
        say(f"a packet's cycles among {sas} SAs")
        cycles.append({"sas": sas, **{engine: _cycles(args, sas, engine)
                                      for engine in ("null", args.engine)}})
    return {"algorithm": ALGORITHM, "replay_window": WINDOW, "loads": loads, "cycles": cycles}
