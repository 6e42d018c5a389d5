"""bench/recipes and bench/document: that they run, and what they leave. Nothing here is a
measurement."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from gateway import build_dir
from lab import ROOT

sys.path.insert(0, str(ROOT / "bench" / "versus"))

import figures  # noqa: E402

RECIPES = ("x1", "x2", "x3", "x4", "x5", "tcp", "chain", "scale")
PLOTS = {"x1": ["x1"], "x2": ["x2"], "x3": ["x3-decrypt", "x3-encrypt"], "x4": ["x4-1420", "x4-64"],
         "x5": ["x5-esp", "x5-vpe"], "tcp": [], "chain": [], "scale": []}

pytestmark = pytest.mark.one_build("release", "no daemon in it")

needs_bench = pytest.mark.skipif(not (build_dir() / "bench" / "genport").is_dir(),
                                 reason="this build has no measuring programs")


@pytest.fixture(scope="module", name="results")
def measured(tmp_path_factory):
    return tmp_path_factory.mktemp("recipes")


def document(*options):
    return subprocess.run([ROOT / "bench" / "document", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


def rows_of(result):
    """Every row has a figure; what tells the rows apart."""
    assert all(row["cycles"]["median"] > 0 and row["samples"] for row in result["rows"])
    return {(row["direction"], row["octets"], row["protocol"], row["workers"])
            for row in result["rows"]}


def check_x1(result):
    assert rows_of(result) == {(direction, octets, protocol, 1) for direction in
                               ("encrypt", "decrypt") for octets in (64, 1420)
                               for protocol in ("esp", "vpe")}
    for row in result["rows"]:
        # Inner packets: 14 octets of Ethernet are not theirs.
        rate = row["goodput_gbps_per_cpu_second"]["mean"] / (row["octets"] - 14) / 8 * 1000
        assert rate == pytest.approx(figures.mean([s[2] for s in row["samples"]])["mean"], rel=0.01)


def check_x2(result):
    assert ("encrypt", 64, "vpe", 1) in rows_of(result)
    for row in result["rows"]:
        assert row["workers"] == 1 or row["scaling_core"] > 0


def check_x3(result):
    sweep = result["lengths"]
    assert sweep["at"][0] == 64 and sweep["at"][-1] > 1400
    assert [(s["protocol"], s["direction"]) for s in sweep["series"]] == [
        (protocol, direction) for protocol in ("vpe", "esp")
        for direction in ("encrypt", "decrypt")]
    assert all(len(s["median"]) == len(sweep["at"]) and min(s["median"]) > 0
               for s in sweep["series"])


def check_x4(result):
    assert [sweep["frame_octets"] for sweep in result["headroom"]] == [64, 1420]
    assert all(sweep["at"] == list(range(64)) for sweep in result["headroom"])


def check_x5(result):
    found = {(r["algorithm"], r["mode"], r["direction"], r["octets"]): r for r in result["rows"]}
    assert len(found) == len(result["rows"]) == 4 * 2 * 3 * 2
    assert found["chacha20-poly1305", "vpe", "decrypt", 1420]["mean"] > 0
    # Two runs say nothing yet.
    assert not any(row["precise"] for row in result["rows"])


def check_tcp(result):
    assert [(r["mtu"], r["protocol"]) for r in result["rows"]] == [
        (mtu, protocol) for mtu in (1500, 9000) for protocol in ("clear", "esp", "vpe")]
    assert all(row["gbps"]["median"] > 0 for row in result["rows"])


def check_chain(result):
    assert {(r["workers"], r["protocol"]) for r in result["rows"]} == {
        (workers, protocol) for workers in (1, 2)
        for protocol in ("vpe", "esp", "clear")}
    assert all(row["flat_out"]["goodput_bps"] > 0 for row in result["rows"])


def check_scale(result):
    assert [(row["sas"], row["policies"]) for row in result["loads"]] == [(4, 1), (1024, 256)]
    assert all(row["commit_s"] > 0 for row in result["loads"])
    # What the SAs themselves take is there.
    assert result["loads"][1]["octets"] > 1024 * 2048
    assert [row["sas"] for row in result["cycles"]] == [1, 1024]
    assert all(row[engine][protocol] > 0 for row in result["cycles"]
               for engine in ("null", "auto") for protocol in ("vpe", "esp"))


@needs_bench
@pytest.mark.parametrize("name", RECIPES)
def test_recipe(results, name):
    done = subprocess.run(
        [ROOT / "bench" / "recipes", "--quick", "--no-secgw", "--no-huge", "--no-build", "--build",
         build_dir(), "--out", results, name], capture_output=True, text=True, timeout=300,
        check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((results / f"{name}.json").read_text(encoding="ascii"))
    assert result["what"] == name and result["quick"] and result["machine"]["cpu"]
    globals()[f"check_{name}"](result)


@needs_bench
@pytest.mark.parametrize("name", RECIPES)
def test_document_of_a_recipe(results, tmp_path, name):
    """A chapter, its plots, and a word that the run was short."""
    (tmp_path / "results").mkdir()
    file = results / f"{name}.json"
    if not file.exists():
        pytest.skip("the other build's share has it")
    (tmp_path / "results" / file.name).write_bytes(file.read_bytes())
    options = ("--results", tmp_path / "results", "--docs", tmp_path)
    made = document(*options)
    assert made.returncode == 0, made.stdout
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "no measurement" in page
    drawn = sorted(plot.stem for plot in tmp_path.glob("benchmarks/*.svg"))
    assert drawn == sorted(PLOTS[name]) == sorted(
        re.findall(r"\(benchmarks/([^)]*)\.svg\)", page))
    for plot in tmp_path.glob("benchmarks/*.svg"):
        assert xml.etree.ElementTree.parse(plot).getroot().tag.endswith("svg")
    assert document("--check", *options).returncode == 0
    (tmp_path / "benchmarks.md").write_text(page.replace("| ", "| 1", 1), encoding="utf-8")
    changed = document("--check", *options)
    assert changed.returncode == 1 and "benchmarks.md: not what the results say" in changed.stdout


def test_documents_say_what_the_results_say():
    done = document("--check")
    assert done.returncode == 0, done.stdout


def test_a_mean_and_its_interval():
    """Student's t, 95 %: 2.776 at 4 degrees of freedom, 2.045 at 29."""
    assert figures.student(4) == pytest.approx(2.776, rel=0.005)
    assert figures.student(29) == pytest.approx(2.045, rel=0.001)
    found = figures.mean([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found["mean"] == 3.0 and found["half"] == pytest.approx(1.963, rel=0.005)
