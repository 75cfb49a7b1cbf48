"""Addresses, tokens and secrets of a web service: what is sent, what is refused, and what is shown nowhere."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import DeidkitError, UsageError
from deidkit.protocols import Failure
from deidkit.testing import hand_images

from .vendor import Vendor, ask


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
    assert "the value of the environment variable VENDOR_TOKEN is not a bearer token" in refused.output
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
        told = rf"127.0.0.1 answers {status} and points to http://localhost:\d+/other; pictures go to the address"
        with pytest.raises(DeidkitError, match=told):
            ask(vendor, status, options=",token=VENDOR_TOKEN")
    assert vendor.asked == [("/anonymize", "Bearer s3cret")] * 5


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
        with pytest.raises(UsageError, match=rf"the value of '{name}' in the address .* query=VARIABLE") as told:
            plugins.create("engine", f"service:{address}")
        assert "s3cr" not in str(told.value)


@pytest.mark.parametrize(
    "query", ["v=S3cretS3cretS3cret", "S3cretS3cretS3cret", "a=1&v=ab%3BS3cretS3cretS3", "v=s3/cr+et-S3cret_S3"]
)
def test_what_looks_like_a_secret_is_refused_whatever_its_name(query: str) -> None:
    with pytest.raises(UsageError, match="in the address would appear in the report") as told:
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
    with pytest.raises(DeidkitError, match=r"points to http://127\.0\.0\.1:\d+/elsewhere;") as redirected:
        engine.deidentify(hand_images()[:1], [4])
    assert "S3cret" not in str(told.value) + str(redirected.value)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("service:host/anonymize", "is not a web address"),
        ("service:host/anonymize;key=secret", "is not a web address"),
        ("service:http://ann:secret@host/x", "must not contain a name or password"),
        ("service:http://host/x,token=ABSENT_TOKEN", "no environment variable ABSENT_TOKEN"),
        ("service:http://[::1/x", "is not a web address"),
        ("service:http://host:port/x", "is not a web address"),
        (f"service:http://{'x' * 64}.org/", "is not a web address"),
        ("service:https://ann:secret@[::1/x?key=secret", "is not a web address"),
        (
            "service:https://host/x?size=1&api_key=secret",
            "the value of 'api_key' in the address would appear in the report",
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
