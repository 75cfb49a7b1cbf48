"""How far a submission is: one percentage of the whole audit that never goes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deidkit_service import tables
from deidkit_service.percentage import AuditParts, audit_parts
from deidkit_service.queue import Lease, Queue

from .helpers import command


def test_parts_count_by_the_time_they_take() -> None:
    whole = AuditParts({"pictures": 1, "attacks": 2}, {"pictures": 10.0, "attacks": 30.0})
    assert whole.percent([], {}) == 0
    assert whole.percent([], {"pictures to templates": 0.5}) == 12
    assert whole.percent(["looking over the data set", "pictures to templates"], {}) == 25
    assert whole.percent(["pictures to templates"], {"attacks, blur": 0.5}) == 43
    assert whole.percent(["pictures to templates", "attacks, blur", "attacks, identity"], {}) == 99, "100 is for done"


@pytest.mark.slow
def test_every_stage_of_an_audit_counts_and_the_next_audit_learns(
    service, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("service", "benchmark", "create", "attacked", "--home", service.home.folder, "--dataset",
            f"numbered:{data},kind=roi", "--recognizer", "compcode", "--attack", "none", "--attacker", "informed",
            "--accept", "engine")  # fmt: skip
    (service.home.folder / "service.toml").write_text('[engines]\nblur = "blur"\n')
    told: list[tuple[str, int]] = []
    tell = Queue.tell

    def recorded(self: Queue, lease: Lease, stage: str, percent: int, lines: str) -> None:
        told.append((stage, percent))
        tell(self, lease, stage, percent, lines)

    monkeypatch.setattr(Queue, "tell", recorded)
    submitter = service.token()
    where, content = "/api/v1/benchmarks/attacked/submissions", {"title": "Blur", "kind": "engine", "engine": "blur"}
    identifier = service.client.post(where, json=content, headers=submitter).json()["id"]
    service.check()
    service.audit()
    assert service.state(submitter, identifier)["state"] == "done"
    assert [percent for _, percent in told] == sorted(percent for _, percent in told)
    assert told[-1] == ("dossier", 99), "every stage was known"

    path = service.home.submission(identifier) / "report" / "report.json"
    report = json.loads(path.read_text())
    seconds = {"pictures to templates": 50, "comparison, x": 4, "metrics, x": 3, "controls of attacks": 10}
    seconds["attacks, x"] = 40  # those of the controls among them
    report["timings"] = [{"stage": stage, "items": 1, "seconds": took} for stage, took in seconds.items()]
    path.write_text(json.dumps(report))
    with service.home.database.reading() as session:
        row = session.get_one(tables.Submission, identifier)
        benchmark = session.get_one(tables.Benchmark, "attacked")
    whole = audit_parts(service.home, row, benchmark)
    assert whole.percent(["pictures to templates"], {}) == 50
    assert whole.percent(["pictures to templates", "controls of attacks"], {"attacks, x": 0.5}) == 75
