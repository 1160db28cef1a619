# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only its owner writes the record: in real runs, with what another user, an accident or a tired person puts in its way."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployments import HOSTS, NEW, OLD, Deployed
from servers.running import RocketChat
from sites import DELIVER, Site, eventually

RUN = "20251110T100500-1a2b3c4d"
NOBODY = 65534
ABOUT = {"incident_action": "restart", "incident_service": "api"}


@pytest.fixture
def shared() -> Iterator[Path]:
    """A temporary folder that all write, as /tmp. Its name is short: Ansible makes a socket there."""
    with tempfile.TemporaryDirectory(prefix="ir-") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def forged(hosts: dict[str, str]) -> str:
    """A spool that claims that a rollback left these hosts at what they are at, and that they were at the given versions before."""
    start = {"kind": "run_started", "action": "rollback", "text": "Forged", "data": {"service": "api", "pid": 2**22 - 1, "since": "1"}}
    states = {host: {"before": {"release": was}, "wanted": {"release": NEW}, "text": f"{was} to {NEW}"} for host, was in hosts.items()}
    plan = {"name": "rollback", "service": "api", "role": "incident.response.service_rollback", "backend": "release", "actor": "", "hosts": states}
    tasks = [{"kind": "task", "action": "incident.response.action_plan", "text": "Plan", "data": {"plan": plan}}]
    tasks += [{"kind": "task", "text": "Done", "host": host, "data": {"left": {"release": NEW}}} for host in hosts]
    lines = [start, *tasks, {"kind": "run_ended", "text": "Ended", "state": "worked", "data": {}}]
    return "".join(json.dumps({"run": RUN, "run_seq": number, "at": 1762769100.5, **line}) + "\n" for number, line in enumerate(lines, start=1))


def test_a_link_in_the_temporary_folder_forges_no_entry_and_no_undo_goes_by_it(tmp_path: Path, shared: Path) -> None:
    site = Deployed(tmp_path)
    site.environment["TMPDIR"] = str(shared)
    target = shared / "elsewhere"
    target.mkdir()
    target.chmod(0o1777)
    (target / f"{RUN}.jsonl").write_text(forged(dict.fromkeys(HOSTS, OLD)))
    link = shared / f"incident-response-{os.geteuid()}"
    link.symlink_to(target)
    if os.geteuid() == 0:
        os.chown(target / f"{RUN}.jsonl", NOBODY, NOBODY)
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    code, output = site.run("-e", f"host={HOSTS[0]} service=api")
    assert code == 0, output
    assert f"RECORDING IS DEGRADED: {link}" in " ".join(output.split())
    assert [run["run"] for run in site.incidents()[0]["runs"]].count(RUN) == 0
    code, output = site.undo("-e", f"run={RUN}")
    assert (code, f"run={RUN} isn't known in this journal" in output) == (5, True), output
    assert site.current() == [f"releases/{NEW}"] * 2


def made_again(key: Path, was: bytes) -> None:
    key.touch(mode=0o600)
    key.write_bytes(was)


KEYS: dict[str, tuple[Callable[[Path], object], Callable[[Path, bytes], object], str]] = {
    "emptied": (lambda key: key.write_text(""), lambda key, was: key.write_bytes(was), "is empty, so it seals nothing: put it back from a copy"),
    "read by others": (lambda key: key.chmod(0o644), lambda key, _was: key.chmod(0o600), "can be read by others (mode 0644): chmod go= "),
    "removed": (lambda key: key.unlink(), made_again, "is gone, and"),
}


@pytest.mark.parametrize(("fault", "mend", "says"), KEYS.values(), ids=KEYS)
def test_with_a_key_that_seals_nothing_the_action_goes_on_and_says_so_and_nothing_is_lost(
    site: Site, fault: Callable[[Path], object], mend: Callable[[Path, bytes], object], says: str
) -> None:
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    key = site.state / "journal.key"
    was = key.read_bytes()
    fault(key)
    code, output = site.run("-e", "service=api host=prod-api-02")
    told = " ".join(output.split())
    assert code == 0, output
    assert "RECORDING IS DEGRADED" in told
    assert f"the key {key} {says}" in told or f"{key} {says}" in told
    assert "nobody else is kept from acting on api" in told
    assert "nothing of this run is in the journal yet" in told
    mend(key, was)
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    (incident,) = site.incidents()
    assert ([run["verdict"] for run in incident["runs"]], incident["verified"]) == (["worked", "worked"], True)


def test_a_state_folder_that_others_can_write_is_not_written_and_all_is_kept_elsewhere(site: Site, shared: Path) -> None:
    site.environment["TMPDIR"] = str(shared)
    site.state.mkdir()
    site.state.chmod(0o777)
    code, output = site.run("-e", "service=api host=prod-api-01")
    told = " ".join(output.split())
    assert code == 0, output
    assert f"the state folder can't be used: {site.state} can be written by others (mode 0777): chmod go-w {site.state}" in told
    assert list(site.state.iterdir()) == []
    assert len(list(shared.rglob("*.jsonl"))) == 1
    site.state.chmod(0o700)
    assert site.run(playbook=DELIVER)[0] == 0
    assert [run["verdict"] for run in site.incidents()[0]["runs"]] == ["worked"]
    assert list(shared.rglob("*.jsonl")) == []


def play(site: Site, *tasks: dict[str, Any]) -> tuple[int, str]:
    """A play of somebody's own, each task of it with what comes before and after."""
    steps = [{"name": "Before", "ansible.builtin.command": "true"}, *tasks, {"name": "After", "ansible.builtin.command": "true"}]
    code, output = site.run(playbook=str(site.write_playbook(steps, ABOUT)))
    return code, " ".join(output.split())


def test_a_state_folder_that_is_removed_while_a_run_goes_on_is_told_and_the_run_is_kept(site: Site, shared: Path) -> None:
    site.environment["TMPDIR"] = str(shared)
    remove = f"for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf {site.state} && exit; done; exit 1"  # the courier may write into it meanwhile
    code, told = play(site, {"name": "Remove the record", "ansible.builtin.shell": remove})
    assert code == 0, told
    assert "RECORDING IS DEGRADED" in told
    assert f"{site.state} is gone: the record in it was removed while the run went on" in told
    assert "the courier is still carrying" not in told
    assert eventually(lambda: not site.couriers())
    assert site.run(playbook=DELIVER)[0] == 0
    assert {"Before", "Remove the record", "After"} <= {entry["text"] for entry in site.entries()}


def test_a_spool_that_is_removed_while_a_run_goes_on_is_told_and_written_again(site: Site, shared: Path) -> None:
    site.environment["TMPDIR"] = str(shared)
    code, told = play(site, {"name": "Remove the spool", "ansible.builtin.shell": f"rm {site.state}/spool/*.jsonl"})
    assert code == 0, told
    assert "was removed while the run wrote it" in told
    assert "RECORDING IS DEGRADED" in told
    assert eventually(lambda: {"Before", "Remove the spool", "After"} <= {entry["text"] for entry in site.entries()})
    assert site.incidents()[0]["verified"]


def test_a_line_that_somebody_else_writes_into_a_spool_is_told_at_the_end_of_the_run(site: Site) -> None:
    line = '{"run":"\'$run\'","run_seq":99,"kind":"task","at":1762769100.5,"text":"Forged"}'
    command = f"for spool in {site.state}/spool/*.jsonl; do run=$(basename $spool .jsonl); echo '{line}' >> $spool; done"
    code, told = play(site, {"name": "Forge", "ansible.builtin.shell": command})
    assert code == 0, told
    assert "RECORDING IS DEGRADED: 1 lines in this run's spool are not its own, or were changed" in told
    texts = [entry["text"] for entry in site.entries()]
    assert "Forged" not in texts
    assert {"Before", "After"} <= set(texts)


_TAMPER = "UPDATE entries SET body = replace(CAST(body AS TEXT), ?, ?) WHERE instr(CAST(body AS TEXT), '\"plan\"') > 0"


def tampered(site: Site) -> None:
    """Change, in the journal, what an undo would go back to."""
    with sqlite3.connect(site.state / "journal.db") as database:
        changed = database.execute(_TAMPER, (NEW, OLD))
        assert changed.rowcount
    database.close()


def test_an_undo_from_a_record_that_was_tampered_with_is_refused_and_forced_only_with_a_reason(tmp_path: Path) -> None:
    site = Deployed(tmp_path)
    code, output = site.rollback("-e", f"host={HOSTS[0]}")
    assert code == 0, output
    here, run = site.current(), site.last_run()
    tampered(site)
    code, output = site.undo("-e", f"run={run}")
    assert code == 5, output
    assert "was tampered with: entry" in output
    assert "Nothing was touched." in output
    assert f"That would take from it: rollback of api, run {run}: back {HOSTS[0]} to" in output
    assert site.current() == here
    code, output = site.undo("-e", f"run={run} force_unverified=true")
    assert (code, "force_unverified='true' must be the reason, in words" in output) == (5, True), output
    assert site.current() == here
    code, output = site.undo("-e", json.dumps({"run": run, "force_unverified": "the disk was restored from a copy"}))
    assert "It is believed all the same (the disk was restored from a copy)" in output
    assert site.current()[0] == f"releases/{OLD}", output
    assert any("by a record that may not be what was written: the disk was restored" in entry["text"] for entry in site.entries())


def test_an_older_copy_of_the_record_is_known_by_what_chat_has_seen(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    assert eventually(lambda: not site.couriers())
    older = {path.name: path.read_bytes() for path in site.state.glob("journal.db*")}
    assert site.run("-e", "service=api host=prod-api-02")[0] == 0
    assert eventually(lambda: not site.couriers())
    name = site.incidents()[0]["name"]
    code, output = site.ad_hoc("incident_info", f"incident={name}")
    assert (code, '"verified": true' in output) == (0, True), output
    for path in site.state.glob("journal.db*"):
        path.unlink()
    for called, content in older.items():
        (site.state / called).write_bytes(content)
    code, output = site.ad_hoc("incident_info", f"incident={name}")
    assert (code, '"verified": false' in output) == (0, True), output
    assert "an older copy of the record was put back" in output
