"""Anonymizers that are not plugins: a program, and a web service, real ones on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow
from PIL import ImageFilter

import deidkit
from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import DeidkitError, Interruption, UsageError
from deidkit.images import decode_image, write_image
from deidkit.protocols import Failure, Image
from deidkit.testing import EngineConformance, hand_images

ALONE = "not in a sandbox: it could reach the network and all files of its user"

PROGRAM = """
import os, sys, time
from PIL import Image, ImageFilter, ImageOps
given, made, mode, seed = sys.argv[1:5]
picture = Image.open(given)
assert os.stat(os.path.dirname(given)).st_mode & 0o077 == 0, "others may look"
assert not picture.info, "metadata"
if mode == "fail": sys.exit(3)
if mode == "nothing": sys.exit(0)
if mode == "slow": time.sleep(60)
if mode == "damaged": open(made, "wb").write(b"no picture"); sys.exit(0)
turned = ImageOps.invert(picture)
if mode == "seed": turned = turned.point(lambda value: (value + 9 * int(seed)) % 256)
if mode == "half": turned = turned.resize((turned.width // 2, turned.height // 2))
if mode == "cut": turned = turned.crop((0, 0, turned.width, turned.height - 30))
if mode == "blur": turned = picture.filter(ImageFilter.GaussianBlur(2))
if mode == "comment": picture.filter(ImageFilter.GaussianBlur(2)).save(made, "JPEG", comment=b"who it is"); sys.exit(0)
turned.save(made, "JPEG" if mode == "jpeg" else "PNG")
"""


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vendor tools") / "anonymize.py"
    file.write_text(PROGRAM)
    return file


def command(script: Path, mode: str = "plain", seed: str = "0") -> str:
    return f"program:'{sys.executable}' '{script}' {{input}} {{output}} {mode} {seed}"


@pytest.mark.slow
class TestProgram(EngineConformance):
    @pytest.fixture
    def spec(self, script: Path) -> str:
        return command(script, "seed", "{seed}")


def test_a_program_gets_the_picture_and_its_result_is_taken(script: Path) -> None:
    engine, component = plugins.create("engine", command(script))
    image = hand_images()[0]
    assert not engine.diverse
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    assert "anonymize.py" in component.weights, "what ran is on record"
    jpeg, _ = plugins.create("engine", command(script, "jpeg"))
    ((output,),) = jpeg.deidentify([image], [0])
    assert np.abs(output.astype(int) - (255 - image.pixels)).mean() < 10


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("fail", "ended with exit code 3"),
        ("nothing", "wrote no picture"),
        ("damaged", "picture cannot be used"),
        ("slow,timeout=0.5", "took longer than 0.5 seconds"),
    ],
)
def test_a_program_that_fails_fails_for_that_picture(script: Path, mode: str, why: str) -> None:
    name, _, options = mode.partition(",")
    engine, _ = plugins.create("engine", command(script, name) + (f",{options}" if options else ""))
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure)
    assert why in output.reason


def test_every_file_that_a_command_names_is_on_record(script: Path, tmp_path: Path) -> None:
    for name in ("one/model.bin", "two/model.bin", "strength.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    first, second, settings = tmp_path / "one" / "model.bin", tmp_path / "two" / "model.bin", tmp_path / "strength.cfg"
    words = f"--model '{first}' --other='{second}' --cfg='{settings}' --same '{settings}' --text=a=b --dir {tmp_path}"
    _, component = plugins.create("engine", f"{command(script)} {words}")
    python, tool = Path(sys.executable), Path(script)
    named = {python.name: python, tool.name: tool, str(first): first, str(second): second, "strength.cfg": settings}
    assert component.weights == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in named.items()}
    assert component.remark == ALONE


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Nobody in particular, where the tests are run by root, who may read everything."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        if not os.access(deidkit.__file__, os.R_OK, effective_ids=True):
            pytest.skip("nobody but root can read where deidkit is installed")
        if not os.access(sys.executable, os.X_OK, effective_ids=True):
            pytest.skip("nobody but root can run this Python")
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_read_is_said_to_have_no_hash(unprivileged: None) -> None:
    with TemporaryDirectory() as name:
        tool, secret, closed = Path(name, "tool"), Path(name, "secret.key"), Path(name, "closed")
        shutil.copy("/bin/cp", tool)
        tool.chmod(0o111)
        secret.touch()
        secret.chmod(0)
        closed.mkdir()
        (closed / "model").touch()
        closed.chmod(0)
        engine, component = plugins.create("engine", f"program:{tool} {{input}} {{output}}")
        assert component.weights == {}
        assert component.remark == f"{ALONE}; not readable, so that no hash says what ran: tool"
        ((output,),) = engine.deidentify(hand_images()[:1], [0])
        assert np.array_equal(output, hand_images()[0].pixels)
        spec = f"program:/bin/cp {{input}} {{output}} --key={secret} {closed / 'model'}"
        _, component = plugins.create("engine", spec)
        assert list(component.weights) == ["cp"]
        assert component.remark == f"{ALONE}; not readable, so that no hash says what ran: secret.key, model"
        closed.chmod(0o700)


def test_a_program_can_stand_on_the_command_line(script: Path) -> None:
    code = f"import shutil, sys; shutil.copy(*sys.argv[1:])  # {'x' * 300}"
    engine, _ = plugins.create("engine", f"program:'{sys.executable}' -c '{code}' {{input}} {{output}}")
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert np.array_equal(output, hand_images()[0].pixels)


@pytest.mark.slow
def test_what_a_program_writes_too_late_is_nobodys(script: Path, tmp_path: Path) -> None:
    """As the client of a queue, which returns at once and whose worker writes when it is done."""
    images = hand_images()[:2] * 2
    late = tmp_path / "late.sh"
    late.write_text('cp "$1" "$3/$$"; (sleep 0.3; cp "$3/$$" "$2") >/dev/null 2>&1 &\nsleep "$4"\n')
    engine, _ = plugins.create("engine", f"program:/bin/sh {late} {{input}} {{output}} {tmp_path} 0.{{seed}}")
    (on_time,) = engine.deidentify(images[:1], [9])
    assert np.array_equal(on_time[0], images[0].pixels)
    for image, items in zip(images, engine.deidentify(images, [0, 2]), strict=True):
        for item in items:
            assert isinstance(item, Failure) or np.array_equal(item, image.pixels), "another's copy"


def ran(tool: str, tmp_path: Path, more: str = "") -> tuple[Image | Failure, dict[str, str]]:
    """What a Python program made of a picture, and what it wrote to the file that its third argument names."""
    (tmp_path / "tool.py").write_text(tool)
    words = f"program:'{sys.executable}' '{tmp_path / 'tool.py'}' {{input}} {{output}} '{tmp_path / 'seen.json'}'{more}"
    engine, _ = plugins.create("engine", words)
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    seen = tmp_path / "seen.json"
    return output, json.loads(seen.read_text()) if seen.exists() else {}


def test_a_program_sees_little_of_its_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_LICENCE", "given")
    monkeypatch.setenv("SECRET_TOKEN", "not given")
    tool = """
import json, os, shutil, sys
shutil.copy(sys.argv[1], sys.argv[2])
json.dump({**os.environ, "cwd": os.getcwd(), "in": sys.argv[1], "out": sys.argv[2]}, open(sys.argv[3], "w"))
"""
    output, seen = ran(tool, tmp_path, ",env=VENDOR_LICENCE")
    assert not isinstance(output, Failure)
    ours = {"cwd", "in", "out", "HOME", "TMPDIR", "TEMP", "TMP", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "VENDOR_LICENCE"}
    assert set(seen) <= ours and seen["VENDOR_LICENCE"] == "given"
    folder = Path(seen["cwd"])
    assert {folder} == {Path(seen["HOME"]), Path(seen["TMPDIR"]), Path(seen["in"]).parent, Path(seen["out"]).parent}
    assert not any(word in seen[name].lower() for word in ("deidkit", "audit", "input") for name in ("in", "out"))
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt the orphans below it")
@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "time-out"])
def test_nothing_that_a_program_started_outlives_it(tmp_path: Path, ending: str) -> None:
    """A child in a session of its own, whose parent is gone: no process group and no parent leads to it."""
    tool = """
import json, os, shutil, sys, time
shutil.copy(sys.argv[1], sys.argv[2])
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.write(writing, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
json.dump({"pid": os.read(reading, 20).decode()}, open(sys.argv[3], "w"))
ending = sys.argv[4]
time.sleep(600) if ending == "time-out" else sys.exit(int(ending.split()[1]))
"""
    output, seen = ran(tool, tmp_path, f" '{ending}',timeout=2")
    assert isinstance(output, Failure) is (ending != "exit 0")
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen["pid"]), 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(
    "tool",
    [
        "import sys\nwith open(sys.argv[2], 'wb') as file:\n    file.truncate(500_000_000)",
        "import shutil, sys\nkept = bytearray(1_000_000_000)\nshutil.copy(sys.argv[1], sys.argv[2])",
    ],
)
def test_a_program_has_limits(tmp_path: Path, tool: str) -> None:
    output, _ = ran(tool, tmp_path, ",memory=0.5")
    assert isinstance(output, Failure) and "ended with exit code" in output.reason


def test_files_of_a_command_are_found_from_where_it_was_given(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(script.parent)
    engine, _ = plugins.create("engine", f"program:'{sys.executable}' {script.name} {{input}} {{output}} plain 0")
    image = hand_images()[0]
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    delivered = engine.delivered_file(image.sample, 0)
    assert delivered is not None and np.array_equal(decode_image(delivered), output)


def test_commands_that_cannot_work_are_refused() -> None:
    for spec, why in (
        ("program:tool {input}", "has no {output}"),
        ("program:no-such-tool {input} {output}", "no program 'no-such-tool'"),
        ("program:'tool {input} {output}", "cannot be read"),
        ("program:/bin/cp {input} {output},env=NOT_THERE", "no environment variable NOT_THERE"),
    ):
        with pytest.raises(UsageError, match=why.replace("{", r"\{")):
            plugins.create("engine", spec)


@pytest.mark.slow
def test_a_program_is_audited(script: Path, tmp_path: Path) -> None:
    fixed = ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--recognizer", "compcode", "--quiet"]
    output = ["--output", str(tmp_path / "out"), "--format", "json", "--db", str(tmp_path / "s.db")]
    result = CliRunner().invoke(main, ["audit", "--engine", command(script, "blur"), *fixed, *output])
    assert result.exit_code == 0, result.output
    (engine,) = json.loads((tmp_path / "out" / "report.json").read_text())["engines"]
    assert engine["produced"] == engine["expected"] == 4
    assert list(engine["component"]["weights"]) == [Path(sys.executable).name, "anonymize.py"]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "finding"), [("half", "resized"), ("cut", "reshaped"), ("comment", "metadata")])
def test_what_is_wrong_with_pictures_is_counted(script: Path, tmp_path: Path, mode: str, finding: str) -> None:
    fixed = ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--recognizer", "compcode", "--quiet"]
    output = ["--output", str(tmp_path / "out"), "--format", "json", "--db", str(tmp_path / "s.db")]
    result = CliRunner().invoke(main, ["audit", "--engine", command(script, mode), *fixed, *output])
    assert "breaks its contract" not in result.output
    (engine,) = json.loads((tmp_path / "out" / "report.json").read_text())["engines"]
    assert engine["produced"] == 4
    counts = {found["finding"]: found["count"] for found in engine["coverage"]}
    assert counts.pop(finding) == 4
    assert set(counts) <= {"inverted", "rotated", "moved", "detail left"}  # what the tool does to a picture


@dataclass
class Vendor:
    """A service: what it was asked, and what it answers; behind the answers it has is a picture for every request."""

    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    damaged: bool = False
    location: str = "/elsewhere"
    closing: threading.Event = field(default_factory=threading.Event)
    http: ThreadingHTTPServer | None = None


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            told.asked.append((self.path, self.headers.get("Authorization", "")))
            code = told.answers.pop(0) if told.answers else 200
            body = b"no picture"
            if isinstance(code, str):
                self.misbehave(code)
                return
            if code == 200 and not told.damaged:
                with Pillow.open(io.BytesIO(data)) as picture, io.BytesIO() as file:
                    seed = int(self.path.rpartition("=")[2]) if "seed=" in self.path else 0
                    inverted = Pillow.fromarray(255 - np.asarray(picture) - np.uint8(seed))
                    made = picture.filter(ImageFilter.GaussianBlur(2)) if self.path == "/blur" else inverted
                    made.save(file, "PNG")
                    body = file.getvalue()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if 300 <= code < 400:
                self.send_header("Location", told.location)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            told.asked.append((self.path, "GET"))
            self.send_error(404)

        def misbehave(self, how: str) -> None:
            """Break off, say nothing, or drip head or body without an end."""
            self.close_connection = True
            if how == "short":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\x89PNG")
            if how in ("break", "short"):
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if how == "head" else b"\r\n"))
            with suppress(OSError):
                while not told.closing.wait(0.05):
                    self.wfile.write({"head": b"X-Drip: 1\r\n", "body": b"\x89", "silent": b""}[how])

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Vendor(f"http://127.0.0.1:{http.server_address[1]}/anonymize", http=http)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    monkeypatch.setattr("deidkit_engines.service.WAITS", (0.01, 0.01))
    yield told
    told.closing.set()
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.mark.slow
class TestService(EngineConformance):
    @pytest.fixture
    def spec(self, vendor: Vendor) -> str:
        return f"service:{vendor.address},seeds=true"


def test_a_service_gets_the_picture_and_its_answer_is_taken(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "s3cret")
    told: list[str] = []
    engine, component = plugins.create("engine", f"service:{vendor.address},token=VENDOR_TOKEN", note=told.append)
    assert "originals are sent to 127.0.0.1" in told[0]
    assert "s3cret" not in json.dumps(component.options)
    image = hand_images()[0]
    ((output,),) = engine.deidentify([image], [0])
    assert np.array_equal(output, 255 - image.pixels)
    assert vendor.asked == [("/anonymize", "Bearer s3cret")]
    with_seeds, _ = plugins.create("engine", f"service:{vendor.address}?mode=a,seeds=true")
    with_seeds.deidentify([image], [4])
    assert vendor.asked[-1] == ("/anonymize?mode=a&seed=4", "")


def test_a_busy_service_is_asked_again_and_a_refusal_is_a_failure(vendor: Vendor) -> None:
    engine, _ = plugins.create("engine", f"service:{vendor.address}")
    vendor.answers = [503, 429]
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, np.ndarray) and len(vendor.asked) == 3
    vendor.answers = [422]
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure) and "answered 422" in output.reason
    vendor.damaged = True
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    assert isinstance(output, Failure) and "picture cannot be used" in output.reason


@pytest.mark.slow
def test_a_service_that_is_gone_stops_the_audit_which_goes_on_later(vendor: Vendor, tmp_path: Path) -> None:
    engine, _ = plugins.create("engine", "service:http://127.0.0.1:9/x,timeout=2")
    with pytest.raises(DeidkitError, match="cannot be reached"):
        engine.deidentify(hand_images()[:1], [0])
    vendor.answers = [200] + [503] * 100
    address = vendor.address.replace("anonymize", "blur")
    fixed = ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--recognizer", "compcode", "--quiet"]
    given = [
        "audit",
        "--engine",
        f"service:{address}",
        *fixed,
        "--format",
        "json",
        "--db",
        str(tmp_path / "s.db"),
    ]
    stopped = CliRunner().invoke(main, [*given, "--output", str(tmp_path / "out")])
    assert stopped.exit_code == 2
    assert "answers 503" in stopped.output and "with --resume" in stopped.output
    assert "originals are sent to 127.0.0.1, unencrypted" in stopped.stderr, "--quiet leaves out progress only"
    vendor.answers = []
    done = CliRunner().invoke(main, [*given, "--resume"])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "report.json").read_text())["engines"][0]["produced"] == 4


def ask(vendor: Vendor, *answers: int | str, options: str = "") -> np.ndarray | Failure:
    vendor.answers = list(answers)
    engine, _ = plugins.create("engine", f"service:{vendor.address}{options}")
    ((output,),) = engine.deidentify(hand_images()[:1], [0])
    return output


@pytest.mark.parametrize("end", ["\n", " ", "\r\n"])
def test_a_token_may_end_with_the_end_of_its_line(vendor: Vendor, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", f"s3cret{end}")
    assert isinstance(ask(vendor, options=",token=VENDOR_TOKEN"), np.ndarray)
    assert vendor.asked == [("/anonymize", "Bearer s3cret")]


@pytest.mark.parametrize("token", ["s3cret\nX: y", "Bearer s3cret", "s3cr\u00e9t", "s3cret\u200b", "s3cret\x7f"])
def test_a_token_that_cannot_be_sent_is_refused_and_shown_nowhere(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", token)
    fixed = ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--recognizer", "compcode"]
    given = ["--engine", f"service:{vendor.address},token=VENDOR_TOKEN", "--db", str(tmp_path / "s.db")]
    refused = CliRunner().invoke(main, ["audit", *given, *fixed, "--output", str(tmp_path / "out")])
    assert refused.exit_code == 2
    assert "what the environment variable VENDOR_TOKEN holds is no bearer token" in refused.output
    monkeypatch.setenv("VENDOR_TOKEN", "fine")
    engine, _ = plugins.create("engine", f"service:{vendor.address},token=VENDOR_TOKEN")
    monkeypatch.setenv("VENDOR_TOKEN", token)
    with pytest.raises(UsageError) as told:
        engine.deidentify(hand_images()[:1], [0])
    assert vendor.asked == [] and "s3cr" not in refused.output + str(told.value)


@pytest.mark.slow
def test_a_redirect_is_not_followed(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "s3cret")
    vendor.location = vendor.address.replace("127.0.0.1", "localhost").replace("anonymize", "other?code=1")
    for status in (301, 302, 303, 307, 308):
        told = rf"127.0.0.1 answers {status} and points to http://localhost/other; pictures go to the address"
        with pytest.raises(DeidkitError, match=told):
            ask(vendor, status, options=",token=VENDOR_TOKEN")
    assert vendor.asked == [("/anonymize", "Bearer s3cret")] * 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "the service answered 500"),
        ("silent", "the service took longer than 0.3 seconds"),
        ("head", "the service took longer than 0.3 seconds"),
        ("body", "the service took longer than 0.3 seconds"),
        ("break", "the service broke off its answer"),
        ("short", "the service broke off its answer"),
    ],
)
def test_what_a_service_fails_at_is_a_failure_of_that_picture(vendor: Vendor, answer: int | str, why: str) -> None:
    output = ask(vendor, answer, answer, answer, options=",timeout=0.3")
    assert isinstance(output, Failure) and output.reason == why
    assert len(vendor.asked) == 3, "it was given every try"
    assert isinstance(ask(vendor, answer, options=",timeout=0.3"), np.ndarray), "and a further try may do"


@pytest.mark.slow
def test_a_service_that_speaks_plain_http_is_not_asked_in_tls(vendor: Vendor) -> None:
    vendor.address = vendor.address.replace("http:", "https:")
    with pytest.raises(DeidkitError, match=r"cannot be reached: .*perhaps its address begins with http://"):
        ask(vendor)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="nothing to make a certificate with")
def test_an_encrypted_service_is_asked_if_its_certificate_is_good(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    assert vendor.http is not None
    vendor.http.socket = context.wrap_socket(vendor.http.socket, server_side=True)
    vendor.address = vendor.address.replace("http:", "https:")
    with pytest.raises(DeidkitError, match=r"cannot be reached: .*certificate verify failed: .*; .* SSL_CERT_FILE"):
        ask(vendor)
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    assert isinstance(ask(vendor), np.ndarray)
    named, vendor.address = vendor.address, vendor.address.replace("127.0.0.1", "localhost")
    with pytest.raises(DeidkitError, match=r"verify failed: Hostname mismatch(?!.*SSL_CERT_FILE)"):
        ask(vendor)
    vendor.address = named
    output = ask(vendor, "body", "silent", "head", options=",timeout=0.3")
    assert isinstance(output, Failure) and output.reason == "the service took longer than 0.3 seconds"


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 410])
def test_a_refusal_that_is_not_about_the_picture_stops_the_work_at_once(vendor: Vendor, status: int) -> None:
    with pytest.raises(DeidkitError, match=f"127.0.0.1 answers {status}, which is about who asks"):
        ask(vendor, status)
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422, 500])
def test_a_refusal_of_a_picture_is_a_failure_of_that_picture(vendor: Vendor, status: int) -> None:
    output = ask(vendor, *[status] * 3)
    assert isinstance(output, Failure) and output.reason == f"the service answered {status}"


@pytest.mark.slow
def test_a_token_that_expires_midway_leaves_no_failures_in_the_audit_that_goes_on(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.answers = [200] + [401] * 100
    given = ["audit", "--engine", f"service:{vendor.address.replace('anonymize', 'blur')}", "--recognizer", "compcode"]
    given += ["--dataset", "synthetic:2,pictures=2,width=150,height=200", "--quiet", "--format", "json"]
    given += ["--require", "rejection_rate_percent >= 0 on point", "--db", str(tmp_path / "s.db")]
    stopped = CliRunner().invoke(main, [*given, "--output", str(tmp_path / "out")])
    assert stopped.exit_code == 2
    assert "answers 401" in stopped.output and "with --resume" in stopped.output
    vendor.answers = []
    done = CliRunner().invoke(main, [*given, "--resume"])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["engines"][0]["produced"], report["failures"]) == (4, [])


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_serves_nobody_stops_the_work(vendor: Vendor, status: int) -> None:
    with pytest.raises(DeidkitError, match=f"127.0.0.1 answers {status}, after 3 tries"):
        ask(vendor, status, 500, status)


@pytest.mark.slow
def test_what_deidentify_says_of_a_service_that_is_gone_is_true(vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(5):
        write_image(tmp_path / "in" / f"{number}.png", hand_images()[0].pixels[number:])
    command = ["deidentify", str(tmp_path / "in"), str(tmp_path / "out"), "--kind", "roi", "--threads", "1"]
    command += ["--engine", f"service:{vendor.address}"]
    vendor.answers = [*[200] * 4, *[503] * 3]
    stopped = CliRunner().invoke(main, command)
    assert stopped.exit_code == 2
    assert "What is finished is kept: give the same command again" in stopped.output
    assert "1 written, 4 already there" in CliRunner().invoke(main, command).output


@pytest.mark.parametrize("answers", [["silent"], [503]])
def test_a_service_that_is_stopped_is_not_waited_for(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, answers: list[int | str]
) -> None:
    monkeypatch.setattr("deidkit_engines.service.WAITS", (600.0,))
    vendor.answers = answers
    engine, _ = plugins.create("engine", f"service:{vendor.address},timeout=600")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.deidentify, hand_images()[:2], [0])
        while not vendor.asked:
            time.sleep(0.01)
        time.sleep(0.1)
        engine.stop()
        with pytest.raises(Interruption):
            asked.result(100)
    with pytest.raises(Interruption):
        engine.deidentify(hand_images()[:1], [0])
    assert len(vendor.asked) == 1


def test_a_proxy_is_named_and_reads_no_token(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    place = vendor.address.removeprefix("http://").removesuffix("/anonymize")
    monkeypatch.setenv("http_proxy", f"http://ann:s3cret@{place}/")
    monkeypatch.setenv("no_proxy", "other.example")
    monkeypatch.setenv("VENDOR", "code=s3cret")
    told: list[str] = []
    engine, _ = plugins.create("engine", "service:http://vendor.example/blur", note=told.append)
    assert told == [
        f"service: originals are sent to vendor.example, unencrypted, by the proxy {place} of the environment."
    ]
    engine.deidentify(hand_images()[:1], [0])
    assert vendor.asked == [("http://vendor.example/blur", "")], "it went by the proxy"
    for option in ("token", "query"):
        with pytest.raises(
            UsageError, match=f"the proxy {place} of the environment would read the {option}"
        ) as refused:
            plugins.create("engine", f"service:http://vendor.example/blur,{option}=VENDOR")
        assert "s3cret" not in str(refused.value)
        plugins.create("engine", f"service:http://other.example/blur,{option}=VENDOR")
        monkeypatch.setenv("https_proxy", place)
        plugins.create("engine", f"service:https://vendor.example/blur,{option}=VENDOR", note=told.append)
        assert told[-1] == f"service: originals are sent to vendor.example, by the proxy {place} of the environment."
    assert len(vendor.asked) == 1


def test_addresses_are_encoded_as_they_go_over_the_line(vendor: Vendor) -> None:
    spec = f"service:{vendor.address}/\u00e4 b/%C3%A9?size=a,b&keypoints=\u00e9#part,seeds=true"
    engine, _ = plugins.create("engine", spec)
    engine.deidentify(hand_images()[:1], [7])
    assert vendor.asked == [("/anonymize/%C3%A4%20b/%C3%A9?size=a,b&keypoints=%C3%A9&seed=7", "")]


SECRETS = "code sk sas accesskeyid keyvalue tokenValue secretvalue jwt bearer hmac hash passphrase sid session apiKey"
SECRETS += (
    " APIkey X-Amz-Credential access.key sessionID client_secret pwd tokens db-password Authorization subscription-key"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SECRETS.split())
def test_an_address_with_a_secret_is_refused_by_the_name_of_it(name: str) -> None:
    for address in (
        f"https://host/x?size=1&{name}=s3cr",
        f"https://host/x?a=1;{name}=s3cr",
        f"https://h/x#{name}=s3cr",
    ):
        with pytest.raises(UsageError, match=rf"what '{name}' says in the address .* query=VARIABLE") as told:
            plugins.create("engine", f"service:{address}")
        assert "s3cr" not in str(told.value)


@pytest.mark.parametrize(
    "query", ["v=S3cretS3cretS3cret", "S3cretS3cretS3cret", "a=1&v=ab%3BS3cretS3cretS3", "v=s3/cr+et-S3cret_S3"]
)
def test_what_looks_like_a_secret_is_refused_whatever_its_name(query: str) -> None:
    with pytest.raises(UsageError, match="says in the address would stand in the report") as told:
        plugins.create("engine", f"service:https://host/x?{query}")
    assert "S3cret" not in str(told.value)


def test_what_reads_like_no_secret_may_stand_in_an_address() -> None:
    for name in (
        "monkey",
        "turkey",
        "keypoints",
        "keyboard",
        "passenger",
        "compass",
        "tokenizer",
        "design",
        "mode",
        "signal",
    ):
        plugins.create("engine", f"service:https://host/x?{name}=palm-and-hand&size=1024x768&v=1234567890123456")


def test_a_query_from_the_environment_is_sent_and_stands_nowhere(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_QUERY", "?code=S3cret/\u00e9==&x=1\n")
    engine, component = plugins.create("engine", f"service:{vendor.address}?mode=a,seeds=true,query=VENDOR_QUERY")
    engine.deidentify(hand_images()[:1], [4])
    assert vendor.asked == [("/anonymize?mode=a&code=S3cret/%C3%A9==&x=1&seed=4", "")]
    assert "S3cret" not in json.dumps(component.options)
    vendor.answers = [401]
    with pytest.raises(DeidkitError, match="answers 401") as told:
        engine.deidentify(hand_images()[:1], [4])
    vendor.location = "/elsewhere?code=S3cret"
    vendor.answers = [302]
    with pytest.raises(DeidkitError, match=r"points to http://127\.0\.0\.1/elsewhere;") as redirected:
        engine.deidentify(hand_images()[:1], [4])
    assert "S3cret" not in str(told.value) + str(redirected.value)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("service:host/anonymize", "is no web address"),
        ("service:host/anonymize;key=secret", "is no web address"),
        ("service:http://ann:secret@host/x", "do not belong into the address"),
        ("service:http://host/x,token=ABSENT_TOKEN", "no environment variable ABSENT_TOKEN"),
        ("service:http://[::1/x", "is no web address"),
        ("service:http://host:port/x", "is no web address"),
        (f"service:http://{'x' * 64}.org/", "is no web address"),
        ("service:https://ann:secret@[::1/x?key=secret", "is no web address"),
        (
            "service:https://host/x?size=1&api_key=secret",
            "what 'api_key' says in the address would stand in the report",
        ),
        ("service:https://host/x?accessToken=secret", "token=VARIABLE"),
        ("service:https://host/x?X-Amz-Signature=secret", "token=VARIABLE"),
        ("service:https://host/x,query=ABSENT_TOKEN", "no environment variable ABSENT_TOKEN with the query"),
        ("service:http://host/x,tokn=VARIABLE", "Did you mean 'token'"),
        ("program:cp {input} {output},timeot=5", "Did you mean 'timeout'"),
    ],
)
def test_addresses_that_cannot_work_are_refused(spec: str, why: str) -> None:
    os.environ.pop("ABSENT_TOKEN", None)
    with pytest.raises(UsageError, match=why) as told:
        plugins.create("engine", spec)
    assert "secret" not in str(told.value)
