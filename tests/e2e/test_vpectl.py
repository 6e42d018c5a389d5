"""The command line: what it sends, how it ends, what it never shows."""

import contextlib
import fcntl
import json
import os
import re
import subprocess

import pytest

import gateway as gw
from admin import Admin, admin_socket
from gateway import program
from lab import ROOT
from sites import A, B, answer_pings


def commands():
    """Name -> what follows it, of --help."""
    text = subprocess.run([program("vpectl"), "--help"], capture_output=True, text=True,
                          check=True).stdout
    return dict(re.findall(r"^  ([a-z][a-z-]*)(.*)$", text, re.MULTILINE))


def completions(*words):
    """What bash offers behind these words."""
    script = subprocess.run([program("vpectl"), "completion"], capture_output=True, text=True,
                            check=True).stdout
    line = " ".join(("vpectl", *words))
    asked = subprocess.run(
        ["bash", "--norc", "-c", 'source /dev/stdin <<< "$1"; COMP_LINE=$2; '
         'COMP_POINT=${#COMP_LINE}; compopt() { :; }; _vpectl; printf "%s\\n" "${COMPREPLY[@]}"',
         "bash", script, line], capture_output=True, text=True, check=True)
    assert not asked.stderr
    return asked.stdout.split()


def vpectl(*words):
    return subprocess.run([program("vpectl"), *map(str, words)], capture_output=True, text=True,
                          check=False)


def test_every_command_is_documented_completed_and_tried():
    tests = "".join(path.read_text(encoding="utf-8")
                    for path in (ROOT / "tests" / "e2e").glob("*.py"))
    manual = (ROOT / "docs" / "vpectl.1").read_text(encoding="utf-8")
    offered = completions("")
    assert len(commands()) > 15
    for name, arguments in commands().items():
        assert re.search(rf"^\.It Cm {name}\b", manual, re.MULTILINE), name
        assert name in offered
        assert re.search(rf"[\"(]{name}\"", tests), f"no test runs {name}"
        for parameter in re.findall(r"([a-z_]+)=", arguments):
            assert f"{parameter}=" in completions(name, ""), (name, parameter)
    assert completions("add-sa", "direction=") == ["in", "out"]
    assert completions("show-s") == ["show-stats", "show-sa"]
    assert completions("add-tunnel", "probe.p") == ["probe.peer="]
    assert completions("profile", "o") == ["on", "off"]
    assert completions("capture", "--po") == ["--point"]
    assert completions("key-register", "--r") == ["--records"]


@pytest.mark.parametrize("protocol,bits,octets", [("vpe", 128, 16), ("vpe", 256, 32),
                                                  ("esp", 192, 28), ("esp", 256, 36)])
def test_genkey(tmp_path, protocol, bits, octets):
    files = [tmp_path / f"{i}.key" for i in range(3)]
    done = vpectl("--json", "genkey", protocol, bits, *files)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"keys": [{"file": str(path)} for path in files]}
    texts = [path.read_text(encoding="ascii") for path in files]
    assert len(set(texts)) == 3
    for path, text in zip(files, texts):
        assert re.fullmatch(rf"[0-9a-f]{{{2 * octets}}}\n", text)
        assert path.stat().st_mode & 0o7777 == 0o600
        assert text.strip() not in done.stdout + done.stderr
    # What is there may be in use.
    again = vpectl("genkey", protocol, bits, files[1])
    assert again.returncode == 1 and not again.stdout and "File exists" in again.stderr
    assert files[1].read_text(encoding="ascii") == texts[1]


def test_key_register_gives_room(tmp_path):
    """A journal of another size; more room later, with what was in it; less is nothing to do."""
    key = tmp_path / "a.key"
    assert vpectl("genkey", "vpe", 256, key).returncode == 0

    def register(*words):
        done = vpectl("--json", "--journal", tmp_path / "journal", "--journal-unsafe",
                      "key-register", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert register("--records", 100, key) == {
        "journal_made": True, "records": 126, "records_used": 1,
        "keys": [{"file": str(key), "new": True, "ended": False}]}
    for wanted, records in ((1000, 1008), (10, 1008)):
        assert register("--records", wanted) == {
            "journal_made": False, "records": records, "records_used": 1, "keys": []}
    assert register(key)["keys"] == [{"file": str(key), "new": False, "ended": False}]
    for wrong in ("0", "4194305", "-1", "1k", ""):
        done = vpectl("--journal", tmp_path / "journal", "key-register", "--records", wrong, key)
        assert done.returncode == 2 and "a number from 1 to 4194304 is wanted" in done.stderr


def test_key_register_while_another_has_the_journal(tmp_path):
    """Who has it is asked, if that is a daemon; not for room, which a daemon does not give."""
    key, journal = tmp_path / "a.key", tmp_path / "journal"
    assert vpectl("genkey", "vpe", 256, key).returncode == 0

    def register(*words):
        return vpectl("--journal", journal, "--journal-unsafe", "--admin-socket",
                      tmp_path / "none", "key-register", *words, key)

    assert register().returncode == 0
    with (tmp_path / "journal.lock").open("r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        print(os.getpid(), file=lock, flush=True)
        done = register()
        assert done.returncode == 3
        assert f"process {os.getpid()} has it" in done.stderr
        assert "; and no daemon can be asked: " in done.stderr
        done = register("--records", 1000)
        assert done.returncode == 1
        assert f"process {os.getpid()} has it" in done.stderr
        assert "can be asked" not in done.stderr
    assert "has a record already" in register().stdout


def test_genkey_says_what_it_takes(tmp_path):
    for words in (("vpe", "512", "x"), ("ah", "256", "x"), ("vpe", "256"), ()):
        done = vpectl("genkey", *(tmp_path / word if word == "x" else word for word in words))
        assert done.returncode == 2 and "genkey takes vpe or esp" in done.stderr
    assert not list(tmp_path.iterdir())


def test_genkey_on_a_full_disk(tmp_path):
    """No file is left that is less than a key."""
    script = 'mount -t tmpfs -o size=4k none "$0" && head -c 4096 /dev/zero >"$0/filling" && ' \
        '"$@"; echo "status $?"; ls -A "$0"'
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"({script}) 2>&1", tmp_path, program("vpectl"),
         "genkey", "vpe", "256", tmp_path / "new.key"], capture_output=True, text=True,
        check=True).stdout
    assert said.splitlines() == [f"vpectl: {tmp_path}/new.key cannot be written", "status 1",
                                 "filling"]


def test_self_test():
    done = vpectl("self-test")
    assert (done.returncode, done.stdout) == (0, "random numbers: good\n")
    assert json.loads(vpectl("--json", "self-test").stdout) == {"random_numbers": "good"}
    assert vpectl("self-test", "more").returncode == 2


def bare(sites):
    sites.pair("vpe")
    a = sites.gateway["a"]
    a.tunnels, a.policies = [], answer_pings(A)
    return a.start()


def test_changes(sites):
    """Every command that changes something, with its exit status."""
    a = bare(sites)
    lab = sites.lab
    keys = [gw.sa("esp") for _ in range(4)]
    # As genkey writes them, and as other programs do.
    files = [lab.file(f"{i}.key", ("", "0x", " ", "")[i] + sa.key_file())
             for i, sa in enumerate(keys)]

    def run(*words, status=0):
        done = a.vpectl(*words, check=False)
        assert done.returncode == status, done.stdout
        for sa in keys:
            assert sa.key.hex() not in done.stdout
        return done.stdout

    sa = ("protocol=esp", "algorithm=aes-256-gcm", "manual_keys=fresh-each-start")
    run("add-tunnel", "name=t", f"local={A.wan[4]}", f"remote={B.wan[4]}", "port=wan",
        "probe.peer=10.2.0.1", "probe.local=10.1.0.1", "probe.interval_ms=500", "probe.misses=2",
        "probe.answers=4")
    assert "10.2.0.1" in run("show-tunnels", "t")
    run("add-sa", "tunnel=t", "direction=out", "spi=0xc0000001", *sa, f"key_file={files[0]}")
    run("add-sa", "tunnel=t", "direction=in", "spi=0xc0000002", *sa, f"key_file={files[1]}",
        "soft_lifetime.seconds=100", "hard_lifetime.seconds=200")
    # No tunnel of the file's: nothing comes back when the daemon starts again.
    assert "until" not in run("rekey-sa", "tunnel=t", "direction=out", "spi=0xc0000003",
                              f"key_file={files[2]}")
    run("update-sa", "tunnel=t", "direction=out", "spi=0xc0000003", "remote=192.0.2.9")
    run("add-policy", "name=p", "src=10.1.0.0/16", "dst=10.2.0.0/16", "action=protect", "tunnel=t")
    spi = run("alloc-spi", "protocol=esp")
    assert re.search(r"spi 0xc[0-9a-f]{7}\b", spi)
    shown = run("show-sa", "t")
    assert "0xc0000003" in shown and "192.0.2.9" in shown
    assert json.loads(run("--json", "del-sa", "tunnel=t", "direction=in",
                          "spi=0xc0000002")) == {"deleted": 1}
    assert "protects by tunnel" in run("del-tunnel", "name=t", status=1)
    run("del-policy", "name=p")
    run("flush", "what=all")
    run("reload")
    assert "there is no tunnel" in run("rekey-sa", "tunnel=t", "direction=in", "spi=1",
                                       f"key_file={files[3]}", status=1)
    # A key file that others may read, as the daemon judges it. Nothing is asked for.
    open_to_all = lab.file("open.key", keys[3].key_file(), mode=0o644)
    said = run("add-sa", "tunnel=t", "direction=in", "spi=0xc0000004", *sa,
               f"key_file={open_to_all}", status=2)
    assert "open.key has mode 0644; others must not read it" in said
    # Wrong use.
    assert "key_file=FILE" in run("add-sa", f"key={keys[3].key.hex()[:4]}", status=2)
    assert "it takes" in run("add-sa", "nonsense=1", status=2)
    run("nonsense", status=2)
    run("--watch", "1", "reload", status=2)
    run("--watch", "x", "show-sa", status=2)
    a.stop()
    run("reload", status=3)


def test_batches(sites):
    """From a file and from standard input, all or nothing, errors with their line."""
    a = bare(sites)
    lab = sites.lab
    key = lab.file("batch.key", gw.sa("vpe").key_file())
    good = f"""# a site
add-tunnel name=t local={A.wan[4]} remote={B.wan[4]} port=wan
add-sa tunnel=t direction=out spi=5 protocol=vpe algorithm=aes-256-gcm \
manual_keys=fresh-each-start key_file={key}

add-policy name="p" src=10.1.0.0/16 dst=10.2.0.0/16 action=protect tunnel=t
"""
    bad = lab.file("bad.batch", good + "add-policy name=q src=10.1.0.1/16 dst=10.3.0.0/16 "
                   "action=discard\n")
    done = a.vpectl("-f", str(bad), check=False)
    assert done.returncode == 1 and "request 4 of the batch, add-policy" in done.stdout
    assert not a.ask("show-sa")["sas"]
    done = a.vpectl("-f", str(lab.file("worse.batch", good + "\nshow-sa\n")), check=False)
    assert done.returncode == 2 and "worse.batch:7: is no change" in done.stdout
    assert not a.ask("show-sa")["sas"]
    done = a.vpectl("-f", str(lab.file("good.batch", good)))
    assert "3 changes are in force" in done.stdout
    assert len(a.ask("show-sa")["sas"]) == 1
    many = "".join(f"add-policy name=m{i} src=10.1.{i % 256}.0/24 dst=172.{16 + i // 256}.0.0/16 "
                   "action=discard\n" for i in range(1000))
    lab.file("many.batch", many)
    a.namespace.run("sh", "-c", f"{program('vpectl')} -a {admin_socket(a)} -f - < "
                    f"{lab.dir / 'many.batch'}")
    # More than a page of them.
    page = a.ask("show-policy")
    assert 0 < len(page["policies"]) < 1003 and page["more"]
    shown = json.loads(a.vpectl("--json", "show-policy").stdout)
    assert [policy["order"] for policy in shown["policies"]] == list(range(1, 1004))
    assert "more" not in shown and "otherwise" in shown


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_monitor_and_watch(sites, option):
    a = bare(sites)
    listening = sites.lab.spawn(a.namespace, program("vpectl"), "-s", a.socket, *option, "monitor",
                                name="monitor")
    done = a.namespace.run("timeout", "1.5", program("vpectl"), "-s", a.socket, *option, "--watch",
                           "0.2", "show-policy", check=False)
    assert done.returncode == 124 and done.stdout.count("p0") >= 3
    assert listening.running()
    listening.stop()
    sites.lab.processes.remove(listening)


def test_no_place_to_listen(sites):
    """It says so, instead of listening to nothing."""
    a = bare(sites)
    with contextlib.ExitStack() as listening:
        for _ in range(16):
            listening.enter_context(Admin(a, a.socket)).monitor()
        done = a.namespace.run("timeout", "5", program("vpectl"), "-s", a.socket, "monitor",
                               check=False)
    assert done.returncode == 1 and "16 connections listen already" in done.stdout
