# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the collection importable by its own name, without Ansible, and the tests' helpers by theirs; what many tests use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "collections")]

import left_out  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils import _gate  # noqa: E402
from deployments import Deployed  # noqa: E402
from servers.running import RocketChat  # noqa: E402
from sites import Site, install  # noqa: E402


class ByFile(LoadScopeScheduling):
    """Each file's tests run in one process, which makes what they share; so do all on real hosts, which share this machine's containers."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "e2e" if Path(path).parent.name == "e2e" else path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write the transcripts in tests/integration/transcripts anew")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(left_out)


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has taught this process to be a secret is none in the next."""
    monkeypatch.setattr(_gate, "_known", frozenset())
    monkeypatch.setattr(_gate, "_passed", {})
    monkeypatch.setattr(_gate, "_sources", [_gate._of_environment])


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """A courier that waits for a chat which a test has ended waits no longer than the test."""
    Site.made.clear()
    yield
    for each in Site.made:
        each.end_couriers()
        assert each.undeclared() == set()


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[RocketChat]:
    with RocketChat(tmp_path / "chat") as server:
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def deployed(tmp_path: Path) -> Deployed:
    return Deployed(tmp_path)


@pytest.fixture
def installed(site: Site) -> Site:
    """A site with the built artifact in a collections folder of its own."""
    return install(site)
