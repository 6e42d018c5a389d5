"""Fixtures: a laboratory for each test, gone afterwards whatever happened."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import lab as laboratory  # noqa: E402
import sites as two_sites  # noqa: E402

FULL = os.environ.get("VPED_TEST_FULL") == "1"
NO_HUGE = os.environ.get("VPED_TEST_NO_HUGE") == "1"


def pytest_configure():
    laboratory.exit_on_signals()


def pytest_collection_modifyitems(items):
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
