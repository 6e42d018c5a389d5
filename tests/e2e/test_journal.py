"""What is wrong with a journal, or a key in it: each with its message, and what it ends in."""

import pathlib
import tempfile
import time

import pytest

import journals
import traffic
from journals import journaled, refused, revive
from lab import wait_for
from sites import A, B
from streams import Stream

# A program whose /etc/machine-id is another file.
ELSEWHERE = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"')


@pytest.mark.one_build("sanitize", "many starts")
def test_what_is_refused(lab, sites):
    """Each fault of the journal with its message; afterwards it is as good as before."""
    a, _ = journaled(lab, sites, "vpe")
    path = a.settings["journal"]
    a.start()
    a.stop()
    good = path.read_bytes()
    path.unlink()
    refused(a, "journal .*: there is none; if it is lost, make new keys")
    path.write_bytes(good[:-journals.PAGE])
    refused(a, "octets are no journal: somebody has cut or overwritten it")
    path.write_bytes(good[:len(good) // 2 // journals.PAGE // 2 * 2 * journals.PAGE])
    refused(a, "it has [0-9]+ pages of the 261 that it was made with")
    path.write_bytes(bytes(8) + good[8:journals.PAGE] + bytes(8) + good[journals.PAGE + 8:])
    refused(a, "both places of page 0 are damaged")
    path.write_bytes(good)
    machine = lab.file("machine-id", "0123456789abcdef0123456789abcdef\n")
    refused(a, "it was written on another machine", (*ELSEWHERE, machine))
    journals.rewrite(path, written=int(time.time()) + 86400)
    refused(a, "the clock is 86[34][0-9]+ s behind its last write; set the clock")
    path.write_bytes(good)
    path.chmod(0o666)
    refused(a, "others may change it")
    path.chmod(0o600)
    a.start()
    assert "damaged" not in a.process.said()
    assert a.stop() == 0
    path.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    a.start()
    assert "one of two copies of 1 pages was damaged" in a.process.said()


def test_tmpfs_is_refused(lab, sites):
    a, _ = journaled(lab, sites, "vpe")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        a.settings.update(journal=pathlib.Path(place) / "journal", journal_unsafe=False)
        a.register_keys()
        refused(a, "it lies on tmpfs, which may forget what was synced")
        a.settings["journal_unsafe"] = True
        a.start()
        assert "journal.unsafe" in a.process.said()
        a.stop()


def test_unregistered_and_second(lab, sites):
    a, b = journaled(lab, sites, "esp")
    a.start()
    b.settings["journal"] = a.settings["journal"]
    refused(b, f"process {a.process.pid} has it")
    again = a.namespace.run(str(traffic.gateway.program("vpectl")), "--journal",
                            str(a.settings["journal"]), "--journal-unsafe", "key-register",
                            *map(str, a.key_files()), check=False)
    assert again.returncode == 3 and f"process {a.process.pid} has it" in again.stdout
    a.stop()
    a.tunnels[0].out.key = b"another key that is no secret..."
    refused(a, "SA peer out: its key has no record in the journal")


def test_same_key_under_another_name(lab, sites):
    """Key A, another one, key A again as another SPI: it goes on behind its record."""
    a, _ = journaled(lab, sites, "esp")
    a.start()
    first = int(a.sa("out")["lanes"][0]["next"])
    a.kill()
    key, salt = a.tunnels[0].out.key, a.tunnels[0].out.salt
    a.tunnels[0].out.key = b"another key that is no secret..."
    a.register_keys()
    a.start()
    assert int(a.sa("out")["lanes"][0]["next"]) == 1
    a.kill()
    a.tunnels[0].name = "renamed"
    for policy in a.policies:
        policy.tunnel = "renamed"
    a.tunnels[0].out.key, a.tunnels[0].out.salt = key, bytes(4)
    a.tunnels[0].out.spi += 1
    a.start()
    assert first == 1 and int(a.sa("out")["lanes"][0]["next"]) > first + 1000
    assert salt != bytes(4)


def test_full_disk_takes_no_journal(lab, sites):
    """A journal has all its room from the first: half of one is none."""
    a, _ = sites.pair("vpe")
    place = lab.dir / "small"
    place.mkdir()
    a.settings["journal"] = place / "journal"
    a.configuration()
    key_register = (traffic.gateway.program("vpectl"), "--journal", place / "journal",
                    "--journal-unsafe", "key-register", *a.key_files())
    script = 'mount -t tmpfs -o size=64k none "$0" && "$@"; echo "status $?"; ls -A "$0"'
    said = a.namespace.run("unshare", "--mount", "sh", "-c", f"({script}) 2>&1", str(place),
                           *map(str, key_register)).stdout
    assert "it cannot be made: No space left on device" in said and "status 1" in said, said
    assert said.splitlines()[-1] == "journal.lock", said


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_disk_that_fails(lab, sites, call):
    """An alarm, then nothing more is received beyond the edge or sent beyond the lease."""
    _, b = journaled(lab, sites, "vpe")
    sites.start().wait_reachable((4,))
    with Stream(sites, A, B, 4000) as ab:
        ab.arrives_within(5)
        tracer = lab.spawn(None, "strace", "-f", "-qq", "-p", str(b.process.pid), "-e",
                           f"trace={call}", "-e", f"inject={call}:error=ENOSPC")
        wait_for("the alarm", lambda: "the journal cannot be written: No space left" in
                 b.process.said(), 20)
        tracer.stop()
        wait_for("the edge to be reached", lambda: b.drops().get("replay_edge_late", 0) +
                 b.drops().get("replay_edge_wait", 0) > 0, 20)
        before = len(ab.numbers)
        time.sleep(1)
        assert len(ab.numbers) == before
        ab.stop()
    assert b.stop() == 0
    revive(sites, B)
    with Stream(sites, A, B, 4000) as ab:
        ab.arrives_within(20)


@pytest.mark.one_build("sanitize", "the lease takes its time to end")
def test_failed_disk_ends_the_lease(lab, sites):
    """The sender: what is leased is used up, then nothing leaves, and the drops say why."""
    a, _ = journaled(lab, sites, "esp")
    sites.start().wait_reachable((4,))
    tracer = lab.spawn(None, "strace", "-f", "-qq", "-p", str(a.process.pid), "-e",
                       "trace=fdatasync", "-e", "inject=fdatasync:error=EIO")
    with Stream(sites, A, B, 20000) as ab:
        wait_for("the alarm", lambda: "the journal cannot be written: Input/output error" in
                 a.process.said(), 30)
        tracer.stop()
        wait_for("the lease to end", lambda: a.drops().get("journal_failed", 0) > 0, 60)
        last = int(a.sa("out")["lanes"][0]["next"])
        time.sleep(1)
        assert int(a.sa("out")["lanes"][0]["next"]) == last
        ab.stop()
    # Nothing was given back: the next life goes on no lower than at the lease's end.
    assert a.stop() == 0
    a.start()
    assert int(a.sa("out")["lanes"][0]["next"]) >= last
