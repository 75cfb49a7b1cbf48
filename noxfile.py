"""Parts of what decides whether a change lands, each in an environment of its own; ``.ci/run`` does all of them."""

import nox

nox.options.sessions = ["lint", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, import contracts."""
    session.install("-e", ".[diffusion,test,lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The quick tests, on the installed wheel and without torch."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11", venv_backend="venv")
def lowest(session: nox.Session) -> None:
    """The quick tests with the lowest versions that the requirements allow."""
    session.install("uv")
    place = session.virtualenv.location
    session.run("uv", "pip", "install", "--resolution", "lowest-direct", "--python", place, ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def all_tests(session: nox.Session) -> None:
    """Every test that decides, also the slow ones and those of networks."""
    session.install(".[diffusion,test]")
    session.run("pytest", "-m", "not nightly", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session
def quality(session: nox.Session) -> None:
    """LPIPS, FID and KID, with torchvision: 5.6 GB."""
    session.install("torch==2.14.1", "torchvision==0.29.1")
    session.install(".[quality,test]")
    session.run("pytest", "-m", "", "tests/analyzers/test_quality.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site, in ``site/``."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs)
