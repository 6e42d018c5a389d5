"""ipsec-secgw from Debian's source package of the DPDK that is installed here."""

import pathlib
import re
import subprocess
import tempfile

SOURCES = pathlib.Path("/etc/apt")
BUILT = "ipsec-secgw"


class SourceError(Exception):
    """The source cannot be had or built."""


def _run(argv, directory=None):
    done = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SourceError(f"{' '.join(argv[:2])}: exit status {done.returncode}\n"
                          f"{done.stdout[-2000:]}")
    return done.stdout


def _is_debian(lines):
    return any(re.search(r"/debian(-security)?/?(\s|$)", line) for line in lines)


def deb_src_of(text):
    """The Debian entries of a sources file of either format, as deb-src, in the same format."""
    if re.search(r"^Types:", text, re.MULTILINE):
        stanzas = re.split(r"\n\s*\n", text.strip())
        kept = []
        for stanza in stanzas:
            lines = [line for line in stanza.splitlines() if not line.lstrip().startswith("#")]
            if _is_debian(line for line in lines if line.startswith("URIs:")):
                kept.append("\n".join("Types: deb-src" if line.startswith("Types:") else line
                                      for line in lines))
        return "\n\n".join(kept)
    lines = [line for line in text.splitlines() if re.match(r"deb\s", line)]
    return "\n".join("deb-src" + line[3:] for line in lines if _is_debian([line]))


def _write_lists(directory):
    """The machine's own package sources, asked for source packages; nothing is written where
    apt usually looks."""
    parts = directory / "sources.list.d"
    parts.mkdir()
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*.list")),
             *sorted((SOURCES / "sources.list.d").glob("*.sources"))]
    for number, file in enumerate(f for f in files if f.is_file()):
        text = deb_src_of(file.read_text(encoding="utf-8"))
        if text:
            (parts / f"{number}{file.suffix}").write_text(text + "\n", encoding="utf-8")
    if not any(parts.iterdir()):
        raise SourceError(f"no Debian entry in {SOURCES}/sources.list*: no source of DPDK; "
                          "--secgw names a program that is built already")
    return parts


def _apt_options(directory):
    for place in ("lists/partial", "cache/archives/partial"):
        (directory / place).mkdir(parents=True)
    parts = _write_lists(directory)
    return ["-q", "-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={parts}",
            "-o", f"Dir::State::lists={directory}/lists", "-o", f"Dir::Cache={directory}/cache",
            "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"]


def _version():
    return _run(["dpkg-query", "-W", "-f", "${source:Version}", "libdpdk-dev"]).strip()


def _set_burst(source, burst):
    """The one number that is changed, and only where another burst was asked for."""
    header = source / "ipsec-secgw.h"
    text, changed = re.subn(r"(#define MAX_PKT_BURST )\d+", rf"\g<1>{burst}",
                            header.read_text(encoding="utf-8"))
    if changed != 1:
        raise SourceError("ipsec-secgw.h has no MAX_PKT_BURST to set")
    header.write_text(text, encoding="utf-8")


def build(target, burst, say):
    """The program, built once for each version and burst and kept in target."""
    version = _version()
    program = target / f"{BUILT}-{version}-burst{burst}"
    if program.exists():
        return program
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vped-compare-source-") as name:
        directory = pathlib.Path(name)
        options = _apt_options(directory)
        say(f"fetching the source of dpdk {version}")
        _run(["apt-get", *options, "update"])
        _run(["apt-get", *options, "source", "--only-source", f"dpdk={version}"], directory)
        source = next(directory.glob("dpdk-*/examples/ipsec-secgw"), None)
        if source is None:
            raise SourceError("the source package has no examples/ipsec-secgw")
        if burst != 32:
            _set_burst(source, burst)
        say("building ipsec-secgw")
        _run(["make", "shared"], source)
        program.write_bytes((source / "build" / f"{BUILT}-shared").read_bytes())
        program.chmod(0o755)
    return program
