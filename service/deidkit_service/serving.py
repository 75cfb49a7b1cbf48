"""``deidkit serve``: starts and stops the web server, the checker and the workers together."""

from __future__ import annotations

import logging
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

import uvicorn

from deidkit.errors import DeidkitError, UsageError
from deidkit_service.accounts import tokens_and_states
from deidkit_service.app import application
from deidkit_service.benchmarks import all_benchmarks
from deidkit_service.checker import Checker
from deidkit_service.environment import DB_VARIABLE, HOME_VARIABLE
from deidkit_service.home import Home
from deidkit_service.logs import log_to_stderr

LOOPBACK = ("127.0.0.1", "::1", "localhost")

SHUTDOWN_SECONDS = 5
"""How long, in seconds, the server waits for open responses when it stops."""

WORKER_SECONDS = 60.0
"""How long, in seconds, a stopped worker may take to return its audit to the queue."""

RESTART_SECONDS = 2.0

log = logging.getLogger("deidkit.serve")


class _Server(uvicorn.Server):
    """Ends event streams when it stops, as open streams would delay its shutdown."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tell event streams to end, then stop as uvicorn does."""
        self.config.app.state.stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


class Workers:
    """Starts worker processes and restarts those that die; use it as a context manager."""

    def __init__(self, home: Home, count: int) -> None:
        self._command = [sys.executable, "-P", "-m", "deidkit", "worker", "--parent", str(os.getpid())]
        # not as options: process lists would show the database's password
        self._environment = os.environ | {HOME_VARIABLE: str(home.folder), DB_VARIABLE: home.db}
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)

    def __enter__(self) -> Workers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        running = [process for process in self._processes if process is not None and process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + WORKER_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def _watch(self) -> None:
        while not self._stop.is_set():
            for place, process in enumerate(self._processes):
                if process is not None and process.poll() is None:
                    continue
                if process is not None:
                    log.warning("worker %d ended with %s and is started again", process.pid, process.returncode)
                self._processes[place] = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, env=self._environment
                )
            self._stop.wait(RESTART_SECONDS)


def serve(home: Home, host: str, port: int, workers: int) -> None:
    """Serve until interrupted. Raises UsageError if the address is in use or not one of this machine's."""
    log_to_stderr()
    listening = _listen(host, port)
    home.database, home.settings  # noqa: B018  checked before the first request
    config = uvicorn.Config(
        application(home),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
    )
    shown = f"[{host}]" if ":" in host else host
    with listening, Checker(home), Workers(home, workers):
        print(f"deidkit serves at http://{shown}:{listening.getsockname()[1]} from {home.folder}", flush=True)
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again after its shutdown
            _Server(config).run(sockets=[listening])


def check(home: Home, host: str) -> list[str]:
    """Return what the service lacks or what is unsafe about it, one sentence each."""
    from deidkit_service.measuring import check_version

    secure = home.settings.secure_cookies
    place = f" --home {shlex.quote(str(home.folder))}{' --db URL' if home.db else ''}"
    missing = []
    tokens = [token for token, state in tokens_and_states(home.database) if state == "in use"]
    if not any(token.role == "operator" for token in tokens):
        missing.append(
            f"an operator's token: deidkit service token create{place} --name NAME --organisation NAME --role operator"
        )
    if not any(token.role == "submitter" for token in tokens):
        missing.append(f"a submitter's token: deidkit service token create{place} --name NAME --organisation NAME")
    benchmarks = all_benchmarks(home)
    if not benchmarks:
        missing.append(f"a benchmark: deidkit service benchmark create NAME{place} --dataset PATH --recognizer mtcc")
    for row in benchmarks:
        try:
            check_version(row)
        except DeidkitError as error:
            missing.append(str(error))
    if host not in LOOPBACK and not secure:
        missing.append(
            f"TLS: {host} is not a loopback address: tokens and pictures would be sent unencrypted; put a proxy in "
            "front and set secure_cookies = true in service.toml"
        )
    if home.folder.stat().st_mode & 0o077:
        missing.append(f"privacy of the home: others can read {home.folder}; chmod 700 it")
    return missing


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise UsageError(
            f"the service cannot listen at {host}, port {port}: {error.strerror}; choose another --host or --port."
        ) from error
