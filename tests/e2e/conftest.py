"""Fixtures: a laboratory for each test, gone afterwards whatever happened."""

import collections
import fcntl
import os
import pathlib
import sys
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import lab as laboratory  # noqa: E402
import sites as two_sites  # noqa: E402

FULL = os.environ.get("VPED_TEST_FULL") == "1"
# What this build takes while the other takes the rest: of the combinations of a test's parameters
# one half, and of the tests that need one build only those that name it. "": all of both.
BUILDS = ("sanitize", "release")
SHARE = os.environ.get("VPED_TEST_SHARE", "")
# A directory that the tests of both builds lock files in, which run side by side then. "": alone.
BESIDE = os.environ.get("VPED_TEST_BESIDE", "")
NO_HUGE = os.environ.get("VPED_TEST_NO_HUGE") == "1"


def pytest_configure(config):
    laboratory.exit_on_signals()
    config.addinivalue_line(
        "markers", "one_build(name, why): the build that runs it where two share the tests")
    config.addinivalue_line(
        "markers", "alone: nothing of the other build beside it: it needs the CPUs, or a table of "
        "the kernel's that all namespaces share")
    if SHARE and SHARE not in BUILDS:
        raise pytest.UsageError(f"VPED_TEST_SHARE is {SHARE}, not one of {', '.join(BUILDS)}")


def in_share(index, name):
    """Neighbours differ in one parameter: with the parity of bits each value is in both halves. Of
    two combinations each build has one; which one differs from test to test."""
    return BUILDS[(bin(index).count("1") + zlib.crc32(name.encode())) % 2] == SHARE


def keep_share(config, items):
    """A test without parameters is run by both builds, unless it is marked for one."""
    combinations = collections.defaultdict(list)
    for item in items:
        combinations[item.path, getattr(item, "originalname", item.name)].append(item)
    kept = []
    for (_, name), group in combinations.items():
        only = group[0].get_closest_marker("one_build")
        if only:
            assert only.args[0] in BUILDS, name
            kept += group if only.args[0] == SHARE else []
        else:
            kept += [item for index, item in enumerate(group)
                     if len(group) == 1 or in_share(index, name)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    # Whoever is to be alone waits for the other build, and it for them: at the end, not each time.
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("alone") is not None)


def pytest_collection_modifyitems(config, items):
    if SHARE:
        keep_share(config, items)
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="must be root, to make network namespaces"))


@pytest.fixture(autouse=True)
def room(request):
    """Shared with the other build's tests, but by those that are to be alone.

    Whoever waits for the room stands in its door: so nobody overtakes who waits to be alone.
    """
    if not BESIDE:
        yield
        return
    alone = request.node.get_closest_marker("alone")
    with open(f"{BESIDE}/room", "wb") as place:
        with open(f"{BESIDE}/door", "wb") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(place, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="session")
def count():
    """How many packets a test of many packets sends: count(short, full)."""
    return lambda short, full: full if FULL else short


@pytest.fixture
def lab(request):
    logs = os.environ.get("VPED_TEST_LOGS")
    place = pathlib.Path(logs) / request.node.name if logs else None
    with laboratory.Lab(huge=False if NO_HUGE else None) as made:
        yield made
        # Here, not in the lab: only pytest knows whether the test went well.
        report = getattr(request.node, "report_call", None)
        if report is not None and report.failed:
            show_logs(made)
            if place:
                made.save_logs(place)


def show_logs(made):
    for log in sorted(made.dir.glob("*vped*.log")):
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                 if not line.startswith(("libbpf:", "libxdp:"))]  # chatter about bpffs
        print(f"--- {log.name}", *lines[-30:], sep="\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.report_call = report
    if report.failed:
        # At once: why, pytest says when all is over.
        item.config.get_terminal_writer().line(f" FAILED {item.nodeid}")


@pytest.fixture
def sites(lab):
    return two_sites.Sites(lab)
