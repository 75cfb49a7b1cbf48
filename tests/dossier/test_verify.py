"""`deidkit verify`: who signed what, and which file was changed."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.dossier.conftest import Made, run


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(made.folder, tmp_path / "filed"))


def rewritten(archive: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """A zip file with files changed, or left out where the change is None."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = changes.get(Path(name).name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


@pytest.mark.parametrize("what", ["folder", "archive"])
def test_a_dossier_as_signed_says_by_whom(made: Made, what: str) -> None:
    result = run("verify", getattr(made, what), "--key", f"{made.key}.pub")
    assert result.exit_code == 0, result.output
    assert "signed by Audit office, Example Lab on 20" in result.output
    assert "audit 20260101-000000-example" in result.output
    fingerprint = run("key", "show", f"{made.key}.pub").output.strip()
    assert f"key: {fingerprint}" in result.output
    unknown = run("verify", getattr(made, what))
    assert unknown.exit_code == 0 and "To be sure that this key is theirs" in unknown.output


def test_each_changed_byte_is_found_whatever_the_file(made: Made, folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            file.write_bytes(damaged)
            result = run("verify", folder)
            assert result.exit_code == 1, (file.name, place, result.output)
            assert result.output.startswith(f"CHANGED: {file.name} "), (file.name, place, result.output)
        file.write_bytes(whole)
    assert run("verify", folder).exit_code == 0


@pytest.mark.parametrize(
    "change",
    [
        ('"algorithm": "Ed25519"', '"algorithm": "as the Ministry does"'),
        ('"algorithm": "Ed25519"', '"approved_by": "Ministry", "algorithm": "Ed25519"'),
        ('"algorithm": "Ed25519"', '"algorithm": "none", "algorithm": "Ed25519"'),
        ('"algorithm": "Ed25519"', f'"algorithm": "Ed25519", "more": {"[" * 100_000}'),
    ],
)
def test_what_stands_beside_the_signed_words_is_a_change(folder: Path, change: tuple[str, str]) -> None:
    file = folder / "signature.json"
    file.write_text(file.read_text().replace(*change))
    result = run("verify", folder)
    assert result.exit_code == 1 and result.output.startswith("CHANGED: signature.json "), result.output


def test_files_that_came_or_went_are_named(made: Made, folder: Path, tmp_path: Path) -> None:
    (folder / "limits.json").unlink()
    (folder / "more.txt").write_text("x")
    result = run("verify", folder)
    assert result.exit_code == 1
    assert "CHANGED: limits.json is missing." in result.output
    assert "more.txt is in it and not listed" in result.output
    archive = rewritten(made.archive, tmp_path / "c.zip", {"limits.json": None, "report.json": b"{}"})
    result = run("verify", archive)
    assert "limits.json is missing" in result.output and "report.json is changed" in result.output


def test_another_s_key_and_a_manifest_written_anew_are_not_taken(made: Made, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    assert run("key", "new", "--output", other).exit_code == 0
    result = run("verify", folder, "--key", f"{other}.pub")
    assert result.exit_code == 1 and "signed with another key" in result.output
    (folder / "limits.json").write_text("[]")
    lines = subprocess.run(
        ["sha256sum", *sorted(p.name for p in folder.iterdir() if p.name not in ("MANIFEST.sha256", "signature.json"))],
        cwd=folder, capture_output=True, check=True,
    ).stdout  # fmt: skip
    (folder / "MANIFEST.sha256").write_bytes(lines)
    result = run("verify", folder)
    assert result.exit_code == 1
    assert "MANIFEST.sha256 is changed: it is not the one that was signed" in result.output


def test_an_unsigned_dossier_says_so(made: Made, folder: Path) -> None:
    (folder / "signature.json").unlink()
    result = run("verify", folder)
    assert result.exit_code == 2 and "It is not signed." in result.output
    wanted = run("verify", folder, "--key", f"{made.key}.pub")
    assert wanted.exit_code == 1 and wanted.output == "CHANGED: it is not signed.\n"


def test_what_is_no_dossier_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x/MANIFEST.sha256", "a" * 64 + "  ../../etc/passwd\n")
    for name, said in (
        ("empty", "has no MANIFEST.sha256"), ("text.zip", "nor a sound zip file"), ("gone", "there is no dossier"),
    ):  # fmt: skip
        result = run("verify", tmp_path / name)
        assert result.exit_code == 2 and said in result.output, result.output
    assert "names no file with its hash" in run("verify", bomb).output


def test_a_huge_file_is_refused_before_it_is_unpacked(made: Made, tmp_path: Path) -> None:
    data = bytearray(made.archive.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
        entry = max(file.infolist(), key=lambda e: e.file_size)
    size = entry.file_size.to_bytes(4, "little")
    place = data.rindex(size)  # of the central directory
    data[place : place + 4] = (3_000_000_000).to_bytes(4, "little")
    (tmp_path / "huge.zip").write_bytes(data)
    result = run("verify", tmp_path / "huge.zip")
    assert result.exit_code == 2 and "more than 2 GB" in result.output


def test_keys_are_kept_to_their_owner_and_never_replaced(tmp_path: Path) -> None:
    key = tmp_path / "a.key"
    assert run("key", "new", "--output", key, "--passphrase", input="secret\nsecret\n").exit_code == 0
    assert key.stat().st_mode & 0o077 == 0
    again = run("key", "new", "--output", key)
    assert again.exit_code == 2 and "keys are not overwritten" in again.output
    report = tmp_path / "r.json"
    report.write_text("{}")
    for more, given, said in (
        ([], None, "is encrypted; give its passphrase with --passphrase"),
        (["--passphrase"], "wrong\n", "the passphrase is wrong"),
    ):
        result = run("dossier", report, "--key", key, *more, input=given)
        assert result.exit_code == 2 and said in result.output, result.output
    public = run("dossier", report, "--key", f"{key}.pub")
    assert public.exit_code == 2 and "not a private key" in public.output


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[str]:
    """A time-stamping authority of openssl, on this machine."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    home = tmp_path / "authority"
    home.mkdir()
    (home / "tsa.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=Test authority\n"
        "[ext]\nextendedKeyUsage=critical,timeStamping\n[tsa]\ndefault_tsa=t\n[t]\ndir=.\nserial=serial\n"
        "crypto_device=builtin\nsigner_cert=cert.pem\ncerts=cert.pem\nsigner_key=key.pem\nsigner_digest=sha256\n"
        "default_policy=1.2.3.4.1\ndigests=sha256,sha512\naccuracy=secs:1\n"
    )
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days",
         "2", "-config", "tsa.cnf"], cwd=home, check=True, capture_output=True,
    )  # fmt: skip
    (home / "serial").write_text("01")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (home / "q.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr"]
            subprocess.run(command, cwd=home, check=True, capture_output=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write((home / "r.tsr").read_bytes())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_a_time_stamp_is_of_this_dossier(made: Made, tmp_path: Path, authority: str) -> None:
    pytest.importorskip("rfc3161_client", reason="needs rfc3161-client")
    target = tmp_path / "stamped"
    result = run(
        "dossier", made.folder / "report.json", "--output", target, "--key", made.key, "--timestamp-url", authority
    )
    assert result.exit_code == 0, result.output
    checked = run("verify", target)
    assert checked.exit_code == 0 and "time stamp: 20" in checked.output
    openssl = subprocess.run(
        ["openssl", "ts", "-verify", "-data", target / "signature.json", "-in", target / "timestamp.tsr", "-CAfile",
         tmp_path / "authority" / "cert.pem"], capture_output=True, text=True,
    )  # fmt: skip
    assert openssl.returncode == 0, openssl.stderr
    other = Path(shutil.copytree(made.folder, tmp_path / "other"))  # signed at another time
    shutil.copy(target / "timestamp.tsr", other)
    wrong = run("verify", other)
    assert wrong.exit_code == 1 and "timestamp.tsr is not a time stamp of this dossier" in wrong.output
