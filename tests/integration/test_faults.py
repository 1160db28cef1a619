# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controllers that are killed, disks that are full, files that are damaged."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.running import RocketChat
from sites import A_RUN, DELIVER, Site, eventually

KILLS = 20
STEPS = 25


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.environment["TMPDIR"] = str(tmp_path)
    return site


def test_sigkill_at_any_moment_loses_no_entry_and_doubles_none(site: Site, chat: RocketChat) -> None:
    """Every task whose result was on the terminal is in the journal and in chat, once, in order, and the end is told."""
    site.environment |= chat.environment()
    chance = random.Random(20251110)  # noqa: S311 - moments, not secrets
    shown: list[list[str]] = []
    for kill in range(KILLS):
        tasks = [{"name": f"Step {kill}-{step}", "ansible.builtin.debug": {"msg": "x"}} for step in range(STEPS)]
        process = site.start(playbook=str(site.write_playbook(tasks, {"incident_action": "check", "incident_service": "api"})))
        assert process.stdout
        lines = [next(line for line in process.stdout if "recording check of api" in line)]  # the run has begun
        timer = threading.Timer(chance.uniform(0, 0.4), process.send_signal, [signal.SIGKILL])
        timer.start()
        lines += list(process.stdout)
        process.wait()
        timer.cancel()
        results = re.findall(r"TASK \[(Step \S+)\] \*+\nok:", "".join(lines))
        shown.append(results)
        assert process.returncode in {0, -signal.SIGKILL}
    # Ansible writes to a pipe when it forks: of one that was killed after its last task, that task's result was never seen
    killed = sum(len(results) < STEPS - 1 for results in shown)
    assert killed > KILLS / 2, "the kills come too late to prove anything"
    ends = {"run_ended", "run_vanished"}
    assert eventually(lambda: sum(kind in ends for kind in site.kinds()) == KILLS), site.courier_log()
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
    (incident,) = site.incidents()
    recorded = [entry["text"] for entry in incident["entries"] if entry["kind"] == "task"]
    told = re.findall(r"Step \d+-\d+", "\n".join(message["msg"] for message in chat.messages(incident["channel"]) if message.get("tmid")))
    told = [step for step in told if step in recorded]
    assert len(set(recorded)) == len(recorded)
    for results in shown:
        mine = [step for step in recorded if step in set(results)]
        assert mine == results
        assert [step for step in told if step in set(results)] == results
    assert site.kinds().count("run_vanished") >= killed
    assert incident["verified"]


def test_a_half_written_last_line_and_a_damaged_one_cost_only_themselves(site: Site) -> None:
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    spool = site.state / "spool" / "20251110T101010-deadbeef.jsonl"
    start = '{"kind":"run_started","run":"%s","run_seq":1,"at":"2025-11-10T10:10:10.000Z","data":{"service":"api","pid":%d,"since":"1"}}'
    good = '{"kind":"task","run":"%s","run_seq":3,"at":"2025-11-10T10:10:12.000Z","text":"Kept","state":"ok"}'
    run = spool.stem
    spool.write_text(f"{start % (run, 2**22 - 1)}\n{{ this is no JSON\n{good % run}\n" + '{"kind":"task","run":"half')
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    assert eventually(lambda: not spool.exists())
    (incident,) = site.incidents()
    assert "Kept" in [entry["text"] for entry in incident["entries"]]
    assert incident["verified"]
    assert spool.with_suffix(".damaged").exists()
    assert "1 lines can't be read" in site.courier_log()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted: it takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def filled(disk: Path) -> Path:
    """Fill the disk. Returns the file to remove."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    return filler


def test_a_full_disk_stops_no_action_and_loses_no_entry(site: Site, small_disk: Path) -> None:
    site.state = small_disk / "state"
    site.environment |= {"INCIDENT_STATE_DIR": str(site.state), "INCIDENT_DRAIN_TIMEOUT": "2"}
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    filler = filled(small_disk)
    code, output = site.run("-e", "service=api host=prod-api-02")
    assert code == 0, output
    assert "RECORDING IS DEGRADED" in output
    assert re.search("No space left on device|disk is full", output), output  # what fails first, the spool's file or the journal, is chance
    filler.unlink()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "15"
    assert eventually(lambda: len(site.incidents()[0]["runs"]) == 2 and site.incidents()[0]["runs"][1].get("verdict") == "worked"), (
        f"{site.courier_log()}\n{list(site.folder.rglob('*.jsonl'))} {site.couriers()} {[(each['name'], each['runs']) for each in site.incidents()]}"
    )  # fmt: skip
    incident = site.incidents()[0]
    assert "Start api on prod-api-02" in [entry["text"] for entry in incident["entries"]]
    assert incident["verified"]


def test_without_the_callback_a_disk_that_is_full_loses_no_run(site: Site, small_disk: Path) -> None:
    site.state = small_disk / "state"
    site.state.mkdir(mode=0o700)
    site.environment |= {"INCIDENT_STATE_DIR": str(site.state), "INCIDENT_DRAIN_TIMEOUT": "2"}
    site.without_callback()
    filler = filled(small_disk)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    filler.unlink()
    assert site.run(playbook="incident.response.deliver")[0] == 0
    assert eventually(lambda: [[run["verdict"] for run in each["runs"]] for each in site.incidents()] == [["worked"]]), site.courier_log()


def test_sigterm_and_sigint_are_on_the_timeline(site: Site) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        process = site.start_slowly("-e", "service=api host=prod-api-01")
        process.send_signal(number)
        said = process.communicate(timeout=A_RUN)[0]
        assert process.returncode != 0
    assert "incident.response: restart of api was interrupted" in said
    assert re.search(r"incident.response.undo -e run=[0-9T]+-[0-9a-f]{8}\n", said)
    assert eventually(lambda: site.kinds().count("run_vanished") + site.kinds().count("run_ended") == 2)
    assert site.incidents()[0]["status"] == "acknowledged"


OLD = Path(__file__).with_name("spools") / "0.1.0.jsonl"
"""A restart that failed, as the version before this one wrote it down; its courier was killed."""


def left_behind(site: Site, *lines: str) -> Path:
    """A spool of a controller that is gone."""
    spool = site.state / "spool" / "20251110T100500-1a2b3c4d.jsonl"
    spool.parent.mkdir(parents=True)
    spool.write_text("".join(f"{line}\n" for line in lines))
    return spool


def test_a_spool_that_the_version_before_left_is_carried_with_its_end(site: Site) -> None:
    lines = OLD.read_text().splitlines()
    spool = left_behind(site, *lines)
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    (incident,) = site.incidents()
    assert [(run["run"], run["verdict"]) for run in incident["runs"]] == [(spool.stem, "no_effect")]
    results = [entry for entry in site.entries() if entry["kind"] == "task"]
    assert len(results) == sum('"kind":"task"' in line for line in lines)
    assert site.ending()["kind"] == "run_ended"
    assert list(spool.parent.glob(f"{spool.stem}.*")) == []


def test_a_spool_that_the_version_before_left_half_way_is_carried_as_interrupted(site: Site) -> None:
    lines = OLD.read_text().splitlines()
    begun = next(number for number, line in enumerate(lines) if '"kind":"begun"' in line and "Start api" in line)
    spool = left_behind(site, *lines[: begun + 1])
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    assert [(entry["text"], entry["state"]) for entry in site.entries()][-2] == ("Start api on prod-api-01", "interrupted")
    assert site.ending()["kind"] == "run_vanished"
    assert not spool.exists()


def test_a_spool_of_a_newer_version_loses_no_line_for_what_is_not_known_yet(site: Site) -> None:
    lines = OLD.read_text().splitlines()
    newer = lines[4].replace('"state":', '"colour":"blue","weights":[1,2],"state":').replace('"data":{}', '"data":{"mood":{"level":3}}')
    site.later = True
    note = '{"run":"%s","run_seq":%d,"kind":"weather","at":1795752398.1,"text":"It rains","hosts":["a","b"]}'
    end = lines[-1].replace(f'"run_seq":{len(lines)}', f'"run_seq":{len(lines) + 1}')
    spool = left_behind(site, *lines[:4], newer, *lines[5:-1], note % ("20251110T100500-1a2b3c4d", len(lines)), end)
    assert newer != lines[4]
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    texts = [(entry["kind"], entry["text"]) for entry in site.entries()]
    assert ("weather", "It rains") in texts
    assert ("task", "Begin the restart of api") in texts
    assert site.ending()["kind"] == "run_ended"
    assert list(spool.parent.glob(f"{spool.stem}.*")) == []
