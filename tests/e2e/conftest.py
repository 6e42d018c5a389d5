"""Fixtures: a laboratory for each test, gone afterwards whatever happened."""

import collections
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import lab as laboratory  # noqa: E402
import sites as two_sites  # noqa: E402

FULL = os.environ.get("VPED_TEST_FULL") == "1"
# "0" or "1": of the combinations of a test's parameters, only one half or the other, since another
# build takes the rest. "": all.
SHARE = os.environ.get("VPED_TEST_SHARE", "")
NO_HUGE = os.environ.get("VPED_TEST_NO_HUGE") == "1"


def pytest_configure():
    laboratory.exit_on_signals()


def in_share(index):
    """Neighbours differ in one parameter: with the parity of bits each value is in both halves."""
    return str(bin(index).count("1") % 2) == SHARE


def keep_share(config, items):
    """Tests with fewer than three combinations stay whole."""
    combinations = collections.defaultdict(list)
    for item in items:
        combinations[item.path, getattr(item, "originalname", item.name)].append(item)
    kept = [item for group in combinations.values() for index, item in enumerate(group)
            if len(group) < 3 or in_share(index)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_collection_modifyitems(config, items):
    if SHARE:
        keep_share(config, items)
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="must be root, to make network namespaces"))


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
    outcome = yield
    if call.when == "call":
        item.report_call = outcome.get_result()


@pytest.fixture
def sites(lab):
    return two_sites.Sites(lab)
