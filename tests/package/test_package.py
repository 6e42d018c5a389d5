"""The Debian package in a tree of its own: installed, upgraded, removed, purged.

VPED_PACKAGES is where scripts/package has put it. The tree is made by debootstrap, or copied from
VPED_BARE, which holds a bare Debian 12.
"""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

PACKAGES = pathlib.Path(os.environ.get("VPED_PACKAGES", "packages")).resolve()
BARE = os.environ.get("VPED_BARE")
# Of others: what dpkg and apt know, caches, logs, and the accounts, which stay as Debian's do.
OTHERS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "etc/ld.so.cache", "root", "tmp",
          "run", "dev", "proc", "sys", "etc/passwd", "etc/passwd-", "etc/group", "etc/group-",
          "etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/.pwd.lock",
          "etc/mtab")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="must be root, to enter a tree")


class Tree:
    def __init__(self, path):
        self.path = path

    def run(self, *argv, check=True, timeout=600):
        """In the tree, with its own mounts and a network that may be left out by unshare(1)."""
        mounts = ('mount -t proc proc "$0/proc"; mount --rbind /sys "$0/sys"; '
                  'mount --rbind /dev "$0/dev"; tree=$0; '
                  'exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 '
                  'DEBIAN_FRONTEND=noninteractive chroot "$tree" "$@"')
        done = subprocess.run(["unshare", "-m", "bash", "-ec", mounts, self.path, *argv],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout}")
        return done

    def apt(self, *argv):
        return self.run("apt-get", "-y", "-q", "--no-install-recommends",
                        "-o", "Acquire::Retries=3", *argv).stdout

    def file(self, name):
        return self.path / name.lstrip("/")

    def files(self):
        """Everything that is not others'."""
        found = set()
        for place, directories, names in os.walk(self.path):
            below = os.path.relpath(place, self.path)
            directories[:] = [d for d in directories
                              if os.path.normpath(f"{below}/{d}") not in OTHERS]
            found |= {os.path.normpath(f"{below}/{n}") for n in directories + names}
        return found - set(OTHERS)

    def state(self, unit):
        return self.run("systemctl", "is-enabled", unit, check=False).stdout.strip()


def package():
    found = sorted(PACKAGES.glob("vped_*.deb"))
    assert len(found) == 1, f"one package is wanted in {PACKAGES}"
    return found[0]


def newer(work):
    """The same package as another version."""
    tree, made = work / "newer", work / "vped-newer.deb"
    subprocess.run(["dpkg-deb", "-R", package(), tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    version = next(line for line in text.splitlines() if line.startswith("Version:"))
    control.write_text(text.replace(version, version + "+1"), encoding="utf-8")
    subprocess.run(["dpkg-deb", "-b", "--root-owner-group", tree, made], check=True,
                   stdout=subprocess.DEVNULL)
    return made


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    work = tmp_path_factory.mktemp("package")
    path = work / "tree"
    if BARE:
        subprocess.run(["cp", "-a", BARE, path], check=True)
    else:
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", path], check=True,
                       stdout=subprocess.DEVNULL)
    made = Tree(path)
    shutil.copy(package(), made.file("srv/vped.deb"))
    shutil.copy(newer(work), made.file("srv/vped-newer.deb"))
    made.apt("update")
    depends = subprocess.run(["dpkg-deb", "-f", package(), "Depends"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    # systemd's helpers and sysusers, as on a host.
    made.apt("satisfy", "systemd", depends.strip())
    yield made
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def start_and_stop(tree):
    """The daemon as it was installed, on a network of its own."""
    text = tree.file("etc/vped/vped.conf").read_text(encoding="utf-8")
    assert "huge = true;" in text
    tree.file("srv/small.conf").write_text(text.replace("huge = true;", "huge = false;"),
                                            encoding="utf-8")
    done = tree.run("unshare", "-n", "timeout", "--preserve-status", "-s", "TERM", "5",
                    "vped", "-c", "/srv/small.conf", timeout=60)
    assert "ready: 1 workers" in done.stdout


def check_installed(tree):
    passwd = tree.file("etc/passwd").read_text(encoding="utf-8")
    account = next(line for line in passwd.splitlines() if line.startswith("vped:")).split(":")
    assert account[5] == "/var/lib/vped" and account[6].endswith("nologin")
    assert "vped-admin:" in tree.file("etc/group").read_text(encoding="utf-8")
    assert mode(tree.file("etc/vped/keys")) == 0o700
    assert tree.file("etc/vped/keys").stat().st_uid == 0
    state = tree.file("var/lib/vped").stat()
    assert [state.st_uid, state.st_gid] == [int(i) for i in account[2:4]]
    assert stat.S_IMODE(state.st_mode) == 0o700
    assert tree.state("vped-guard.service") == "enabled"
    assert tree.state("vped.service") == "disabled"
    for name in ("man8/vped.8.gz", "man5/vped.conf.5.gz", "man1/vpectl.1.gz", "man1/vpegen.1.gz",
                 "man1/vpereflect.1.gz"):
        assert tree.file(f"usr/share/man/{name}").is_file(), name
    for name in ("af_packet", "af_xdp", "vfio", "fresh-keys"):
        assert tree.file(f"usr/share/vped/vped.service.d/{name}.conf").is_file()
    assert "_vpectl" in tree.file("usr/share/bash-completion/completions/vpectl").read_text(
        encoding="utf-8")
    for name in ("grafana/vped.json", "wireshark/vpe.lua"):
        assert tree.file(f"usr/share/vped/{name}").is_file()
    assert "valid" in tree.run("vped", "-c", "/etc/vped/vped.conf", "--check").stdout
    for program in ("vped", "vpectl"):
        tree.run(program, "--version")


def test_life_of_the_package(tree):
    tree.apt("install", "/srv/vped.deb")
    check_installed(tree)
    start_and_stop(tree)

    configuration, key = tree.file("etc/vped/vped.conf"), tree.file("etc/vped/keys/peer")
    configuration.write_text(configuration.read_text(encoding="utf-8") + "// ours\n",
                             encoding="utf-8")
    key.write_bytes(bytes(range(32)))
    tree.file("var/lib/vped/state").touch()
    tree.file("var/lib/vped/journal").touch()
    tree.run("systemctl", "enable", "vped.service")
    tree.apt("install", "/srv/vped-newer.deb")
    assert "+1" in tree.run("dpkg-query", "-W", "vped").stdout
    assert configuration.read_text(encoding="utf-8").endswith("// ours\n")
    assert key.read_bytes() == bytes(range(32))
    # Who decided to run it, and to have the guard, decided for the next version too.
    assert tree.state("vped.service") == tree.state("vped-guard.service") == "enabled"

    tree.apt("remove", "vped")
    assert not tree.file("usr/sbin/vped").exists()
    assert configuration.exists() and key.exists()
    assert tree.file("var/lib/vped/state").exists()

    # A key without its journal would be used twice: they go or stay together.
    assert "/var/lib/vped/journal stays" in tree.apt("purge", "vped")
    assert not configuration.exists()
    assert [at.name for at in tree.file("var/lib/vped").iterdir()] == ["journal"]
    assert key.read_bytes() == bytes(range(32))
    tree.apt("install", "/srv/vped.deb")
    shutil.rmtree(tree.file("etc/vped/keys"))
    tree.apt("purge", "vped")
    assert not tree.file("var/lib/vped").exists() and not tree.file("etc/vped").exists()


def test_nothing_is_left_after_a_purge(tree):
    tree.run("dpkg", "--purge", "vped")
    before = tree.files()
    tree.apt("install", "/srv/vped.deb")
    assert len(tree.files() - before) > 20
    tree.apt("purge", "vped")
    after = tree.files()
    assert not after - before and not before - after
    assert tree.run("dpkg", "--audit").stdout == ""
