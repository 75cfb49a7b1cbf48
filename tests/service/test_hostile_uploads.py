"""What strangers upload: every refusal is one sentence, and nothing is left behind."""

from __future__ import annotations

import io
import socket
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main

from .helpers import until

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00"
    b"\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"
)


def zipped(entries: list[tuple[str | zipfile.ZipInfo, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content, compress_type=compression)
    return made.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target.encode()


def huge_picture() -> bytes:
    """A PNG that claims 60000 x 60000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    pixels = zlib.compress(bytes(10**6), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def many_entries(count: int) -> bytes:
    """A zip that lists one file many times over."""
    data = zipped([("0001.png", PNG)])
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = data[at:end] * count
    tail = bytearray(data[end:])
    tail[8:12] = (min(count, 65535)).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    return data[:at] + entries + bytes(tail)


def lying_size() -> bytes:
    """An entry that says one byte and holds ten million."""
    data = bytearray(zipped([("0001.png", bytes(10**7))], zipfile.ZIP_DEFLATED))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = (1).to_bytes(4, "little")
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"nothing of the kind", "cannot be read"),
    "cut off": (lambda: zipped([("0001.png", PNG * 50)])[:900], "cannot be read"),
    "empty": (lambda: zipped([]), "no picture"),
    "traversal": (lambda: zipped([("../../0001.png", PNG)]), "not a plain file name"),
    "absolute": (lambda: zipped([("/etc/0001.png", PNG)]), "not a plain file name"),
    "drive": (lambda: zipped([("C:0001.png", PNG)]), "not a plain file name"),
    "backslash": (lambda: zipped([("a\\0001.png", PNG)]), "not a plain file name"),
    "folder": (lambda: zipped([("a/0001.png", PNG)]), "not a plain file name"),
    "control characters": (lambda: zipped([("0001\x1b[2J.png", PNG)]), "not a plain file name"),
    "long name": (lambda: zipped([("1" * 300 + ".png", PNG)]), "not a plain file name"),
    "link": (lambda: zipped([link("0001.png", "/etc/passwd")]), "a link or a device"),
    "twice": (lambda: zipped([("0001.png", PNG), ("0001.PNG", PNG)]), "are in the zip twice"),
    "bomb": (
        lambda: zipped([(f"{n:04d}.png", bytes(3 * 10**6)) for n in range(1, 9)], zipfile.ZIP_DEFLATED),
        "at most",
    ),
    "lying size": (lying_size, "the zip"),
    "too many files": (lambda: zipped([(f"{n:04d}.png", PNG) for n in range(60)]), "at most 50"),
    "very many files": (lambda: many_entries(30_000), "more than 1100 files"),
    "pixel bomb": (lambda: zipped([("0001.png", huge_picture())]), "0001.png cannot be used"),
    "no picture": (lambda: zipped([("0001.png", b"MZ" + bytes(100))]), "0001.png cannot be used"),
    "script": (lambda: zipped([("<script>.png", PNG)]), "not a plain file name"),
    "other suffix": (lambda: zipped([("0001.exe", PNG)]), "not named like"),
    "unknown number": (lambda: zipped([("0099.png", PNG)]), "does not have"),
    "too many copies": (lambda: zipped([("0001_de-id_1.png", PNG), ("0001_de-id_2.png", PNG)]), "more copies"),
    "nested": (lambda: zipped([("inner.zip", zipped([("0001.png", PNG)]))]), "not named like"),
}


@pytest.fixture
def strict(folder: Path) -> None:
    """Limits that a test can reach."""
    import json

    record = folder / "benchmarks" / "palms" / "challenge.json"
    limits = {"max_files": 50, "max_unpacked_bytes": 5 * 10**6, "max_pixels": 10**6}
    record.write_text(json.dumps(json.loads(record.read_text()) | limits))


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_a_sentence_and_leaves_nothing(name: str, strict: None, service, tmp_path: Path) -> None:
    make, words = HOSTILE[name]
    submitter = service.token()
    identifier = service.hand_in(submitter, make())["id"]
    before = sorted(path.name for path in tmp_path.iterdir())
    service.check()
    found = service.state(submitter, identifier)
    assert found["state"] == "failed", found
    assert words in found["sentence"] and "\x1b" not in found["sentence"] and str(tmp_path) not in found["sentence"]
    assert list(service.home.submission(identifier).iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    page = service.client.get(f"/submissions/{identifier}", headers=submitter).text
    assert "<script>.png" not in page
    assert service.hand_in(submitter, make())["id"] != identifier, "what failed can be handed in again"


def test_what_systems_put_beside_pictures_is_left_out(service, blurred: Callable[[float], bytes]) -> None:
    content = io.BytesIO(blurred(2))
    with zipfile.ZipFile(content, "a") as file:
        file.writestr("__MACOSX/._0001.png", b"x")
        file.writestr(".DS_Store", b"x")
        file.writestr("Thumbs.db", b"x")
    submitter = service.token()
    identifier = service.hand_in(submitter, content.getvalue())["id"]
    service.check()
    assert service.state(submitter, identifier)["state"] == "queued"


def test_missing_pictures_are_noted_and_taken(
    prepared: Path, blurred: Callable[[float], bytes], tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    zipfile.ZipFile(io.BytesIO(blurred(2))).extractall(copies)
    (copies / "0003.png").unlink()
    challenge = prepared / "benchmarks" / "palms" / "challenge.zip"
    done = CliRunner().invoke(main, ["submission", "check", str(copies), "--challenge", str(challenge)])
    assert done.exit_code == 0
    assert "1 of 16 pictures have no copy (0003)" in done.output and "in order: 15 pictures" in done.output


@pytest.mark.parametrize("name", ["no picture", "unknown number", "other suffix", "too many copies"])
def test_the_check_at_home_says_what_the_server_says(name: str, service, prepared: Path, tmp_path: Path) -> None:
    submitter = service.token()
    content = HOSTILE[name][0]()
    identifier = service.hand_in(submitter, content)["id"]
    service.check()
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "copies")
    challenge = prepared / "benchmarks" / "palms" / "challenge.zip"
    done = CliRunner().invoke(main, ["submission", "check", str(tmp_path / "copies"), "--challenge", str(challenge)])
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == f"problem: {service.state(submitter, identifier)['sentence']}"


def test_links_and_folders_at_home_are_named(prepared: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    (copies / "inner").mkdir(parents=True)
    (copies / "0001.png").symlink_to("/etc/passwd")
    challenge = prepared / "benchmarks" / "palms" / "challenge.zip"
    done = CliRunner().invoke(main, ["submission", "check", str(copies), "--challenge", str(challenge)])
    assert done.exit_code == 1
    assert "0001.png is a link" in done.output and "inner is a folder" in done.output


@pytest.mark.slow
def test_an_upload_has_a_limit(service, folder: Path) -> None:
    submitter = service.token()
    (folder / "service.toml").write_text("max_upload_bytes = 1000\n")
    where = "/api/v1/benchmarks/palms/submissions?title=x"
    answer = service.client.put(where, content=bytes(2000), headers=submitter)
    assert answer.status_code == 413 and "at most 1000 bytes" in answer.json()["detail"]
    started = service.client.post("/api/v1/uploads", json={"sha256": "0" * 64, "size": 2000}, headers=submitter)
    assert started.status_code == 413
    begun = service.client.post("/api/v1/uploads", json={"sha256": "0" * 64, "size": 10}, headers=submitter).json()
    more = service.client.patch(f"/api/v1/uploads/{begun['id']}?offset=0", content=bytes(20), headers=submitter)
    assert more.status_code == 413
    assert [path.stat().st_size for path in (folder / "uploads").iterdir()] in ([0], [10])


def test_a_body_that_nobody_wants_is_not_read_to_its_end(service) -> None:
    submitter = service.token()
    large = b"x" * 200_000
    for how, path, headers in (
        ("POST", "/sign-in", {}),
        ("POST", "/benchmarks/palms", {}),
        ("PUT", "/api/v1/benchmarks/palms/submissions?title=x", {}),
        ("POST", "/api/v1/uploads", submitter),
        ("POST", "/api/v1/benchmarks/palms/submissions", submitter),
    ):
        for content in (large, iter([large])):  # with its length, and in chunks
            kind = "application/json" if "api" in path else "application/x-www-form-urlencoded"
            answer = service.client.request(how, path, content=content, headers={**headers, "content-type": kind})
            assert answer.status_code in (401, 413), (path, answer.text)
            assert "detail" in answer.json()


@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile")  # by Starlette
def test_a_large_form_is_read_for_nobody_without_a_valid_token(service) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(200_000)
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for who in ({"authorization": "Bearer deidkit_nonsense"}, {"authorization": "x"}, {"cookie": "deidkit_session=x"}):
        answer = service.client.post("/benchmarks/palms", content=form, headers={**kind, **who})
        assert answer.status_code == 413, answer.text
    answer = service.client.post("/benchmarks/palms", content=form, headers={**kind, **service.token()})
    assert answer.status_code in (400, 422), "it is read"


def test_what_would_be_refused_anyway_is_not_received(service) -> None:
    submitter = service.token(benchmarks=["palms", "none"])
    for path, status in (
        ("none/submissions?title=x", 404),
        ("other/submissions?title=x", 403),
        ("palms/submissions?title=%20", 422),
        ("palms/submissions?title=x&kind=nonsense", 422),
    ):
        answer = service.client.put(f"/api/v1/benchmarks/{path}", content=b"", headers=submitter)
        assert answer.status_code == status, answer.text  # an empty body, once read, is refused as empty
    assert list((service.home.folder / "uploads").iterdir()) == []


NOWHERE = (
    "/submissions/%00",
    "/submissions/..%2f..%2fetc%2fpasswd",
    "/static/..%2fapp.py",
    "/benchmarks/%ff%fe",
    "/api/v1/benchmarks/%00",
    "/api/v1/submissions/x/report.json%00",
    "/api/v1/uploads/%00",
    "/benchmarks/%00/compare?submission=1&submission=2",
    "/api/v1/submissions?benchmark=%00",
    "/api/v1/submissions?limit=99999999999999999999",
)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_addresses_that_nobody_gave_out_lead_nowhere(database: str, request: pytest.FixtureRequest) -> None:
    service = request.getfixturevalue("service" if database == "sqlite" else "service_on_postgresql")
    submitter = service.token()
    for path in NOWHERE:
        answer = service.client.get(path, headers=submitter)
        assert answer.status_code in (404, 422) or answer.json() == [], path
    body = {"title": "x", "kind": "pictures", "upload": "\x00"}
    answer = service.client.post("/api/v1/benchmarks/palms/submissions", json=body, headers=submitter)
    assert answer.status_code in (404, 422) and answer.json()["detail"]


@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile")  # by Starlette
def test_bodies_that_are_not_what_they_say_are_refused(service) -> None:
    submitter, form = service.token(), "multipart/form-data"
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    for path, kind, content in (
        ("/benchmarks/palms", f"{form}; boundary=x", b"--y\r\nnonsense"),
        ("/benchmarks/palms", f"{form}; boundary=x", head),
        ("/benchmarks/palms", form, b"abc"),
        ("/api/v1/uploads", "text/plain", b"abc"),
        ("/api/v1/uploads", "application/json", b"[" * 30_000),
        ("/api/v1/uploads", "application/json", b'{"sha256": 1e999, "size": "x"}'),
        ("/api/v1/uploads", "application/json", b'{"sha256": "' + b"0" * 64 + b'", "size": 99999999999999999999999}'),
    ):
        answer = service.client.post(path, content=content, headers={**submitter, "content-type": kind})
        assert answer.status_code in (400, 413, 422) and answer.json()["detail"], (path, kind)
    assert list((service.home.folder / "uploads").iterdir()) == []


def test_bodies_that_come_slowly_keep_nobody_waiting(service) -> None:
    submitter = service.token()
    host, port = service.client.base_url.host, service.client.base_url.port
    head = "PUT /api/v1/benchmarks/palms/submissions?title=x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
    slow = [socket.create_connection((host, port)) for _ in range(60)]  # more than there are threads
    for line in slow:
        line.sendall(f"{head}Authorization: {submitter['Authorization']}\r\n\r\nx".encode())
    until(lambda: len(list((service.home.folder / "uploads").iterdir())) == len(slow))
    for line in slow:
        line.sendall(b"x")
    assert service.client.get("/api/v1/submissions", headers=submitter).json() == []
    assert service.client.get("/benchmarks/palms").status_code == 200
    for line in slow:
        line.close()
    until(lambda: list((service.home.folder / "uploads").iterdir()) == [])
