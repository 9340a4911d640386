"""Bad input through the command line: the message says where and what was expected, the rest is checked, code 3."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otlp_verifier.cli import main
from tests.cli.captures import Shop, json_lines, protobuf

GOOD = json_lines(Shop(mistakes=("clock",)), 8)  # one finding, in its fourth line
MIB = 1 << 20


@dataclass
class Done:
    """What came of a run."""

    code: int
    errors: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def message(self) -> str:
        [error] = self.errors
        return str(error["message"])


def check(folder: Path, *paths: str, stdin: bytes | None = None) -> Done:
    """Run the command in a folder; an exception is a failure of the test."""
    arguments = ["check", *paths, "--output", "json"]
    with chdir(folder):
        result = CliRunner().invoke(main, arguments, catch_exceptions=False, input=stdin)
    assert result.stderr == ""
    return done(result.exit_code, result.stdout)


def in_process(folder: Path, *paths: str) -> tuple[Done, int]:
    """Run the command as a process of its own: what came of it, and the most resident memory that it had, in KiB.

    Through a small process: the kernel counts what the one that starts a process has at that moment as the other's.
    """
    code = (
        "import resource, subprocess, sys; ended = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(ended.returncode)"
    )
    command = [sys.executable, "-m", "otlp_verifier.cli", "check", *paths, "--output", "json"]
    ended = subprocess.run([sys.executable, "-c", code, *command], cwd=folder, capture_output=True, check=False)
    return done(ended.returncode, ended.stdout), int(ended.stderr)


def done(code: int, document: str | bytes) -> Done:
    report = json.loads(document)
    return Done(code, report["errors"], report["notices"], report["summary"])


def beside_good(folder: Path, name: str, content: bytes) -> Done:
    """Check a bad file together with a good one: what is wrong with the good one must be found nevertheless."""
    (folder / name).write_bytes(content)
    (folder / "good.jsonl").write_text(GOOD)
    done = check(folder, name, "good.jsonl")
    assert done.code == 3
    assert done.summary["by_severity"]["error"] >= 1
    assert {error["file"] for error in done.errors} == {name}
    return done


def test_an_empty_file(tmp_path: Path) -> None:
    done = beside_good(tmp_path, "empty.json", b"")
    assert re.search("empty", done.message)
    assert re.search("expected", done.message)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_protobuf(tmp_path: Path, share: float) -> None:
    whole = protobuf(Shop().request(20))
    done = beside_good(tmp_path, "cut.binpb", whole[: int(len(whole) * share)])
    [error] = done.errors
    assert error["line"] is None
    assert error["offset"] <= len(whole)
    assert re.search(r"ends|truncated|cut|end of|beyond", error["message"]), error["message"]


def test_truncated_delimited_protobuf(tmp_path: Path) -> None:
    requests = [protobuf(Shop(seed=n).request(4)) for n in range(3)]
    framed = b"".join(len(one).to_bytes(4, "big") + one for one in requests)
    done = beside_good(tmp_path, "cut.binpb", framed[:-10])
    [error] = done.errors
    assert error["offset"] >= len(framed) - len(requests[-1]) - 4
    assert done.summary["spans"] > 2 * 4 * 8, "the whole requests before it are checked"


def test_json_cut_in_the_middle_of_a_line(tmp_path: Path) -> None:
    lines = json_lines(Shop(mistakes=()), 5).splitlines()
    lines[2] = lines[2][: len(lines[2]) // 2]
    done = beside_good(tmp_path, "cut.jsonl", "\n".join(lines).encode())
    [error] = done.errors
    assert error["line"] == 3
    assert "expected" in error["message"] or "ends" in error["message"]
    whole = check(tmp_path, "good.jsonl").summary["spans"]
    assert done.summary["spans"] > whole + 4 * 7, "the four other lines are checked"


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        ('"name": "render page"', '"name": 17', ["name", "string"]),
        ('"kind": 1', '"kind": {}', ["kind"]),
        ('"startTimeUnixNano": "', '"startTimeUnixNano": "soon', ["startTimeUnixNano"]),
        ('"attributes": []', '"attributes": 3', ["attributes"]),
        ('"flags": 257', '"flags": true', ["flags"]),
        ('"spans": [', '"spans": ["none", ', ["spans"]),
        ('"resourceSpans": [', '"resourceSpans": {"a": [', []),
    ],
    ids=["name", "kind", "time", "attributes", "flags", "spans", "resourceSpans"],
)
def test_wrong_types(tmp_path: Path, found: str, instead: str, words: list[str]) -> None:
    first, second = json_lines(Shop(mistakes=()), 2).splitlines()
    assert found in second
    bad = second.replace(found, instead, 1)
    done = beside_good(tmp_path, "wrong.jsonl", f"{first}\n{bad}\n{first}\n".encode())
    assert {error["line"] for error in done.errors} == {2}
    text = " ".join(error["message"] for error in done.errors)
    assert all(word in text for word in words), text


def test_ids_in_base64(tmp_path: Path) -> None:
    """Read as what is meant and verified; but no receiver would."""
    request = Shop(mistakes=()).request(1)
    for resource_spans in request["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    (tmp_path / "base64.json").write_text(json.dumps(request))
    done = check(tmp_path, "base64.json")
    assert done.code == 3
    [error] = done.errors
    assert "`traceId` of Span is base64; expected are hex digits" in error["message"]
    assert error["line"] == 1
    scopes = [scope for of in request["resourceSpans"] for scope in of["scopeSpans"]]
    assert done.summary["spans"] == sum(len(scope["spans"]) for scope in scopes)
    assert {notice["code"] for notice in done.notices} == {"json-id-base64"}
    assert sum(notice["count"] for notice in done.notices) >= 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"resourceSpans": [' + bytes(100 * MIB), r"unpacks to more than 200 times|document_bytes_max"),
        (b'{"resourceSpans": []}\n' + b" " * (100 * MIB), r"unpacks to more than 200 times|document_bytes_max"),
        (bytes(100 * MIB), r"not recognised"),
    ],
    ids=["a document", "spaces", "zeros"],
)
def test_a_gzip_bomb(tmp_path: Path, content: bytes, words: str) -> None:
    bomb = gzip.compress(content, 9)
    assert len(bomb) < MIB
    done = beside_good(tmp_path, "bomb.gz", bomb)
    assert re.search(words, done.message), done.message


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated_gzip(tmp_path: Path, share: float) -> None:
    packed = gzip.compress(json_lines(Shop(mistakes=()), 400).encode())
    done = beside_good(tmp_path, "cut.gz", packed[: int(len(packed) * share)])
    assert done.errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    (tmp_path / "good.jsonl").write_text(GOOD)
    try:
        done = check(tmp_path, "closed", "good.jsonl")
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert done.code == 3
    assert "Permission denied" in done.message
    assert done.summary["findings"] == 1


def test_a_folder_without_permission_for_a_user_who_is_not_root(tmp_path: Path) -> None:
    """As above where the tests run as root: the command then runs as nobody."""
    if os.geteuid() != 0:
        pytest.skip("not root: the test above is for this")
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        folder.chmod(0o755)
        (folder / "good.jsonl").write_text(GOOD)
        (folder / "closed").mkdir(mode=0)
        (folder / "closed.jsonl").write_text(GOOD)
        (folder / "closed.jsonl").chmod(0)
        code = (
            "import os; from otlp_verifier.cli import main\n"
            # All that it imports, which nobody may be allowed to read.
            "main(['check', 'good.jsonl', 'none.jsonl', '-o', 'json=/dev/null', '-q'], standalone_mode=False)\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "main(['check', 'closed', 'closed.jsonl', 'good.jsonl', '-o', 'json'])"
        )
        # Measured for coverage, it would have to write where nobody may.
        unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=unmeasured, capture_output=True, check=False
        )
        assert ended.stderr == b"", ended.stderr.decode()
        result = done(ended.returncode, ended.stdout)
        assert result.code == 3
        assert [error["file"] for error in result.errors] == ["closed", "closed.jsonl"]
        assert all("Permission denied" in error["message"] for error in result.errors)
        assert result.summary["findings"] == 1
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.parametrize("path", ["nowhere.json", "none/*.json", "empty"])
def test_nothing_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.jsonl").write_text(GOOD)
    done = check(tmp_path, path, "good.jsonl")
    assert done.code == 3
    assert done.summary["findings"] == 1
    assert done.errors[0]["file"] == path


@pytest.mark.parametrize(
    "content",
    [
        b"<html>not found</html>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"name,start,end\n1,2,3\n",
        b"null",
        b"[1, 2]",
        b'"x"',
    ],
    ids=["html", "png", "csv", "null", "numbers", "string"],
)
def test_something_else(tmp_path: Path, content: bytes) -> None:
    done = beside_good(tmp_path, "other.json", content)
    assert all(error["message"] for error in done.errors)


def test_standard_input_that_is_bad(tmp_path: Path) -> None:
    done = check(tmp_path, "-", stdin=b'{"resourceSpans": [{"resource"')
    assert done.code == 3
    assert {error["file"] for error in done.errors} == {"<stdin>"}


def test_a_line_of_a_gibibyte_takes_no_memory(tmp_path: Path) -> None:
    """Sparse on the disk, and read whole nevertheless; what follows it is checked."""
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"resourceSpans": [{"resource": {"attributes": [{"key": "')
        file.seek(1 << 30)
        file.write(b'"}]}}]}\n')
        file.write(GOOD.encode())
    done, peak_kib = in_process(tmp_path, "long.jsonl")
    assert done.code == 3
    assert done.errors[0]["line"] == 1
    assert done.summary["findings"] == 1, "the lines after it are checked"
    assert peak_kib < 512 * 1024, "less than half a line"


def test_findings_and_unreadable_input_are_both_told(tmp_path: Path) -> None:
    """3 wins over 1; the terminal says both."""
    (tmp_path / "bad.jsonl").write_text(GOOD + '{"resourceSpans": [\n')
    with chdir(tmp_path):
        result = CliRunner().invoke(main, ["check", "bad.jsonl"], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (3, "")
    assert "span-end-before-start" in result.stdout
    assert "unreadable: bad.jsonl:9: " in result.stdout
    assert result.stdout.endswith("1 place could not be read\n")
