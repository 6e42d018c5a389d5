"""Each checker under scripts/ finds what it is there for, and accepts what is right."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

GOOD = {
    "src/base/addr.h": "// Addresses.\n#pragma once\n#include <stdint.h>\n\nuint8_t addr(void);\n",
    "src/base/addr.c": '// Addresses.\n#include "base/addr.h"\n\nuint8_t addr(void)\n{\n'
                       "\treturn 0;\n}\n",
    "src/crypto/aead.h": '// AEAD.\n#pragma once\n#include "base/addr.h"\n',
    "src/proto/proto.h": '// Protocols.\n#pragma once\n#include "crypto/aead.h"\n'
                         "#include <rte_byteorder.h>\n",
    "src/proto/esp/esp.h": '// ESP.\n#pragma once\n#include "proto/proto.h"\n',
    "src/proto/vpe/vpe.h": '// VPE.\n#pragma once\n#include "proto/proto.h"\n',
    "src/dataplane/worker.h": '// Workers.\n#pragma once\n#include "proto/proto.h"\n',
    "src/ctl/api.h": "// The language.\n#pragma once\n",
    "src/ctl/config.h": '// Settings.\n#pragma once\n#include "dataplane/worker.h"\n',
    "src/main.c": '// Start.\n#include "ctl/config.h"\n',
    "src/vpectl/sa.h": '// Tables.\n#pragma once\n#include "ctl/api.h"\n',
    "src/proto/drop.h": "// Ends.\n#pragma once\n// clang-format off\n#define DROPS(X) \\\n\tX(runt, \"short\") \\\n"
                        "\tX(no_sa, \"no SA\")\n",
    "docs/operations.md": "# Use\n\n| `size` | 1 |\n\n## Where packets went\n\n"
                          "| `runt` | look |\n| `no_sa` | ask |\n",
    "docs/architecture.md": "# Map\n\nThe worker is `dataplane/worker.h`, see [above](#map).\n",
    "README.md": "[map](docs/architecture.md#map)\n",
    "scripts/good": "#!/usr/bin/env bash\nset -euo pipefail\necho \"$1\"\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in GOOD.items():
        write(tmp_path, name, text)
    shutil.copy(ROOT / ".clang-format", tmp_path)
    return tmp_path


def write(tree, name, text):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        path.chmod(0o755)


def check(name, tree):
    return subprocess.run([ROOT / "scripts" / f"check-{name}", "--root", tree],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@pytest.mark.parametrize("name", ["layers", "tokens", "docs", "headers", "format", "shell"])
def test_good_tree_is_accepted(tree, name):
    done = check(name, tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["layers", "headers", "format", "shell"])
def test_empty_tree_is_not_success(tmp_path, name):
    (tmp_path / "src").mkdir()
    assert check(name, tmp_path).returncode != 0


def finds(checker, tree, name, text, *words):
    write(tree, name, text)
    done = check(checker, tree)
    assert done.returncode != 0, done.stdout
    assert name.rsplit("/", 1)[-1] in done.stdout
    for word in words:
        assert word in done.stdout


@pytest.mark.parametrize("name,line", [
    ("src/base/x.c", '#include "crypto/aead.h"'),
    ("src/base/x.c", "#include <rte_common.h>"),
    ("src/crypto/x.c", "#include <rte_mbuf.h>"),
    ("src/crypto/x.c", '#include "proto/proto.h"'),
    ("src/proto/x.c", '#include "proto/esp/esp.h"'),
    ("src/proto/x.c", '#include "dataplane/worker.h"'),
    ("src/proto/x.c", "#include <rte_eal.h>"),
    ("src/proto/x.c", "#include <rte_ethdev.h>"),
    ("src/proto/x.c", "#include <rte_ring.h>"),
    ("src/proto/esp/x.c", '#include "proto/vpe/vpe.h"'),
    ("src/proto/vpe/x.c", '#include "proto/esp/esp.h"'),
    ("src/proto/vpe/x.c", "#include <rte_mempool.h>"),
    ("src/dataplane/x.c", '#include "proto/vpe/vpe.h"'),
    ("src/dataplane/x.c", '#include "ctl/config.h"'),
    ("src/ctl/x.c", '#include "proto/esp/esp.h"'),
    ("src/vpectl/x.c", '#include "ctl/config.h"'),
    ("src/vpectl/x.c", '#include "proto/proto.h"'),
    ("src/base/x.c", '#include "addr.h"'),
    ("src/base/x.c", "#include <base/addr.h>"),
    ("src/base/x.c", '#  include "ctl/api.h"'),
    ("src/base/x.c", "#include SOME_MACRO"),
    ("src/other/x.c", '#include "base/addr.h"'),
    ("src/helper.c", '#include "base/addr.h"'),
])
def test_layers(tree, name, line):
    finds("layers", tree, name, f"// X.\n{line}\n")


# Put together here, so that the checker does not find them in this very file.
@pytest.mark.parametrize("name,line", [
    ("src/base/x.c", "static volatile int x;"),
    ("src/ctl/x.c", 'int x = atoi("1");'),
    ("src/ctl/x.c", "strcpy(a, b);"),
    ("src/ctl/x.c", "strcat(a, b);"),
    ("src/ctl/x.c", 'sprintf(a, "%d", 1);'),
    ("src/ctl/x.c", "gets(a);"),
    ("src/crypto/x.c", "int x = rand();"),
    ("src/dataplane/x.c", 'rte_panic("x");'),
    ("src/dataplane/x.c", 'rte_exit(1, "x");'),
    ("src/dataplane/x.c", 'printf("x");'),
    ("src/crypto/x.c", "if (memcmp(tag, other, 16))"),
    ("src/crypto/x.c", "if (memcmp(a, sa->key, 16))"),
    ("src/base/x.c", "/" "* block *" "/"),
    ("src/base/x.c", "// TO" "DO: later"),
    ("scripts/x", "# FIX" "ME"),
    ("README.md", "see /" "work/main/src"),
    ("README.md", "from Py" "PI"),
    ("docs/x.md", "http://deb.debian." "org/debian"),
])
def test_tokens(tree, name, line):
    finds("tokens", tree, name, f"// X.\n{line}\n")


@pytest.mark.parametrize("line", [
    '// printf and volatile are only spoken of here',
    'log_error("do not use sprintf(x) or /" "* this *" "/");',
    "int snprintf_count;",
    "x = memcmp(name, other, 4);",
])
def test_tokens_in_comments_and_strings_are_fine(tree, line):
    write(tree, "src/dataplane/x.c", f"// X.\n{line}\n")
    done = check("tokens", tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name,text,word", [
    ("README.md", "[gone](docs/gone.md)\n", "no such file"),
    ("README.md", "[gone](docs/architecture.md#gone)\n", "no such heading"),
    ("README.md", "[out](../../etc/passwd)\n", "link"),
    ("README.md", "[root](/docs/architecture.md)\n", "relative"),
    ("docs/architecture.md", "The file is `dataplane/gone.c`.\n", "no such file"),
    ("docs/architecture.md", "Both in `proto/esp/{esp,gone}.h`.\n", "gone.h"),
    ("docs/man/x.1", ".TH X 1\n.SH NAME\nx \\- y\n.BAD macro\n", "x.1"),
])
def test_docs(tree, name, text, word):
    finds("docs", tree, name, text, word)


REASONS = "# Use\n\n## Where packets went\n\n| `runt` | look |\n"


@pytest.mark.parametrize("text,word", [
    (REASONS, "`no_sa` has no row"),
    (REASONS + "| `no_sa` | ask |\n| `other` | guess |\n", "`other` is no drop reason"),
    (REASONS + "| `no_sa` | ask |\n| `runt` | look again |\n", "`runt` has a row already"),
    ("# Use\n\n| `runt` | look |\n| `no_sa` | ask |\n", "no heading"),
])
def test_docs_of_drop_reasons(tree, text, word):
    finds("docs", tree, "docs/operations.md", text, word)


def test_docs_links_in_code_blocks_are_no_links(tree):
    write(tree, "README.md", "```\n[gone](docs/gone.md)\n```\n")
    assert check("docs", tree).returncode == 0


@pytest.mark.parametrize("text", [
    "// X.\n#pragma once\nuint32_t x(void);\n",                      # needs stdint.h
    '// X.\n#pragma once\n#include "base/addr.h"\nint y(struct sa);\n',  # unknown struct
])
def test_headers(tree, text):
    finds("headers", tree, "src/base/x.h", text)


def test_format(tree):
    finds("format", tree, "src/base/x.c", "// X.\nint x( void ){return 0;}\n")


def test_format_fixes(tree):
    write(tree, "src/base/x.c", "// X.\nint x( void ){return 0;}\n")
    subprocess.run([ROOT / "scripts/check-format", "--fix", "--root", tree], check=True,
                   stdout=subprocess.DEVNULL)
    assert check("format", tree).returncode == 0


def test_shell(tree):
    finds("shell", tree, "scripts/bad", "#!/bin/bash\nrm $1\n", "SC2086")


JUNIT = '<testsuites><testsuite><testcase name="a"/>{}</testsuite></testsuites>'


@pytest.mark.parametrize("more,verdicts", [
    ("", ["passed"]),
    ('<testcase name="b"><failure/></testcase>', ["passed", "failed"]),
    ('<testcase name="b"><error/></testcase>', ["passed", "failed"]),
    ('<testcase name="b"><skipped/></testcase>', ["passed", "skipped"]),
])
def test_results_are_counted(tmp_path, more, verdicts):
    file = tmp_path / "junit.xml"
    file.write_text(JUNIT.format(more), encoding="ascii")
    done = subprocess.run([ROOT / "scripts/junit-results", file], capture_output=True, text=True,
                          check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == verdicts


@pytest.mark.parametrize("script,text", [
    ("junit-results", None), ("junit-results", ""), ("junit-results", "<testsuites/>"),
    ("junit-results", "<broken"),
    ("meson-results", None), ("meson-results", ""), ("meson-results", '{"name": "cut o'),
])
def test_no_results_are_no_success(tmp_path, script, text):
    file = tmp_path / "results"
    if text is not None:
        file.write_text(text, encoding="ascii")
    done = subprocess.run([ROOT / "scripts" / script, file], capture_output=True, check=False)
    assert done.returncode != 0


def test_what_took_too_long_has_failed(tmp_path):
    file = tmp_path / "testlog.json"
    rows = [("a", "OK"), ("b", "TIMEOUT"), ("c", "SKIP"), ("d", "FAIL"), ("e", "EXPECTEDFAIL")]
    file.write_text("".join(f'{{"name": "{name}", "result": "{result}"}}\n'
                            for name, result in rows), encoding="ascii")
    done = subprocess.run([ROOT / "scripts/meson-results", file], capture_output=True, text=True,
                          check=True)
    assert done.stdout.split("\n")[:-1] == ["passed vped a", "failed vped b", "skipped vped c",
                                            "failed vped d", "passed vped e"]
