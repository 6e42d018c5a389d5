"""The journal as docs/journal.md describes it, read and written without the daemon's code."""

import hashlib
import hmac
import re
import struct

import pytest

from lab import LabError
from sites import A, B

PAGE = 4096
RECORDS = 63
HEADER = struct.Struct("<8sIIQQ16s8x")
RECORD = struct.Struct("<16sIIQQQ16x")
CHECKSUM_AT = 56
KEY, OUT, IN = 1, 2, 3


def fingerprint(key):
    return hmac.new(key, b"vped key fingerprint v1", hashlib.sha256).digest()[:16]


def checksum(page):
    return hashlib.sha256(page[:CHECKSUM_AT] + bytes(8) + page[64:]).digest()[:8]


def is_whole(page):
    return page[:8] == b"vpedjrn1" and page[CHECKSUM_AT:64] == checksum(page)


def records(page):
    """{(fingerprint, kind, id word): edge} of a whole page."""
    found = {}
    for i in range(RECORDS):
        name, kind, id_word, edge, _, _ = RECORD.unpack_from(page, 64 * (i + 1))
        if kind:
            found[name, kind, id_word] = edge
    return found


def seal(page):
    page[CHECKSUM_AT:64] = bytes(8)
    page[CHECKSUM_AT:64] = checksum(page)


def rewrite(path, machine=None, written=None):
    """The same journal, as if from another machine or another time."""
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), PAGE):
        page = data[at:at + PAGE]
        assert is_whole(page)
        magic, pages, index, generation, then, where = HEADER.unpack_from(page)
        HEADER.pack_into(page, 0, magic, pages, index, generation,
                         then if written is None else written, machine or where)
        seal(page)
        data[at:at + PAGE] = page
    path.write_bytes(data)


def raise_edges(path, by):
    """The same journal, as if by so many more numbers had been used under each counter."""
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), PAGE):
        page = data[at:at + PAGE]
        for slot in range(RECORD.size, PAGE, RECORD.size):
            name, kind, id_word, edge, bound, blocks = RECORD.unpack_from(page, slot)
            if kind in (OUT, IN):
                RECORD.pack_into(page, slot, name, kind, id_word, edge + by, bound + by, blocks)
        seal(page)
        data[at:at + PAGE] = page
    path.write_bytes(data)


def journaled(lab, sites, protocol, **more):
    """Both gateways, their keys registered, each with a journal of its own; not started."""
    for site in (A, B):
        (lab.dir / f"journal-{site.letter}").mkdir()
    pair = sites.pair(protocol, **more)
    for gateway, site in zip(pair, (A, B)):
        gateway.settings["journal"] = lab.dir / f"journal-{site.letter}" / "journal"
        gateway.register_keys()
    return pair


def revive(sites, site, **kwargs):
    other = B if site is A else A
    gateway = sites.gateway[site.letter]
    gateway.start(**kwargs)
    for family in (4, 6):
        gateway.route(other.prefixes[family], other.wan[family])
    return gateway


def refused(gateway, words, wrapper=()):
    """It does not start, and says so."""
    with pytest.raises(LabError):
        gateway.start(timeout=20, wrapper=wrapper)
    said = gateway.process.said()
    assert gateway.process.popen.returncode == 1, said
    gateway.lab.processes.remove(gateway.process)
    assert re.search(words, said), said
