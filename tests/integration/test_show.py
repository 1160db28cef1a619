# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people read of an incident, and of all of them, on the terminal."""

from __future__ import annotations

import json
import re
import shlex
import signal
import threading
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import Lease
from sites import Site, eventually

SHOW = "incident.response.incident_show"
ACT = ("-e", "service=api host=prod-api-01")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def opened(site: Site, service: str, **more: str) -> str:
    about = {"severity": "P2", **({"service": service} if service else {}), **more}
    code, output = site.run("-e", json.dumps(about), playbook="incident.response.incident_open")
    assert code == 0, output
    return str(site.incidents()[0]["name"])


def test_the_incident_that_is_open_is_shown_whole(site: Site) -> None:
    (site.folder / "config.json").write_text(json.dumps({"services": {"api": {"runbook": "https://wiki.example.com/api"}}}))
    site.environment["INCIDENT_CONFIG"] = str(site.folder / "config.json")
    assert site.run(*ACT)[0] == 0
    before = site.entries()
    code, output = site.run("--check", playbook=SHOW)
    assert code == 0, output
    (incident,) = site.incidents()
    assert f"{incident['name']} · P1 · mitigated · api" in output
    for title in ("Clocks", "Timeline", "Runs", "Links"):
        assert f"\n{title}\n" in output
    assert "target 30 min" in output
    assert "Runbook: https://wiki.example.com/api" in output
    assert ": worked, " in output and f"(run {incident['runs'][0]['run']})" in output
    assert "Validating arguments" not in output
    assert "skipped\n" not in output
    assert output.index("Investigating (implied by a later step)") < output.index("Stop api") < output.index("- Mitigated")
    code, detailed = site.run("-e", "service=api detail=true", playbook="playbooks/incident/show.yml")
    assert code == 0, detailed
    assert "Validating arguments" in detailed
    assert ": skipped\n" in detailed
    assert site.entries() == before, "it only reads"


def test_a_module_call_shows_it_and_returns_it(site: Site) -> None:
    opened(site, "api", title="API is slow")
    code, output = site.ad_hoc("incident_show", "service=api")
    assert code == 0, output
    result = json.loads(output[output.index("=> ") + 3 :])
    assert "API is slow" in result["lines"]
    assert [clock["stage"] for clock in result["clocks"]] == ["acknowledged", "mitigated", "resolved"]
    assert (result["incident"]["service"], result["runs"], result["overdue"]) == ("api", [], [])
    assert output.startswith(result["lines"][0])


def test_which_of_several_is_asked_with_the_words_to_add(site: Site) -> None:
    first, second = opened(site, "api"), opened(site, "db")
    code, output = site.run(playbook=SHOW)
    assert code == 5, output
    assert "2 incidents are open, so say which one is meant. Add one of these to the command:" in output
    assert f"\n  -e incident={first} " in output and f"\n  -e incident={second} " in output
    code, output = site.run("-e", f"incident={first}", playbook=SHOW)
    assert code == 0, output
    assert f"{first} · P2 · open · api" in output


@pytest.mark.parametrize(
    ("typed", "said"), [("detail=false", "no incident is open"), ("incident=x", "no incident is called x"), ("service=x", "no incident of x")]
)
def test_what_is_not_there_is_an_error(site: Site, typed: str, said: str) -> None:
    code, output = site.run("-e", typed, playbook=SHOW)
    assert code == 5, output
    assert said in output


def test_follow_prints_what_is_new_until_it_is_interrupted(site: Site) -> None:
    name = opened(site, "api")
    site.environment.pop("PYTHONUNBUFFERED", None)  # what is printed must arrive at once also where that is no terminal
    process = site.start("-e", f"follow=true incident={name}", playbook=SHOW)
    stream, printed = process.stdout, list[str]()
    assert stream
    reader = threading.Thread(target=lambda: printed.extend(iter(stream.readline, "")), daemon=True)
    reader.start()
    try:
        assert eventually(lambda: any("Timeline" in line for line in printed)), printed
        assert site.run("-e", json.dumps({"incident": name, "message": "The pool is full"}), playbook="incident.response.incident_update")[0] == 0
        assert eventually(lambda: any("The pool is full" in line for line in printed)), printed
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        reader.join()
    assert "Traceback" not in "".join(printed)
    assert process.returncode == 99, printed


@pytest.mark.parametrize("playbook", ["incident.response.incident_show", "incident.response.incident_list"])
def test_what_is_read_no_further_ends(site: Site, playbook: str) -> None:
    """As by `| head -1`, or by leaving a pager: on a thread of its own ansible-core would wait for ever."""
    opened(site, "api")
    process = site.start(playbook=playbook)
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGPIPE


def test_follow_ends_after_the_time_that_it_is_given(site: Site) -> None:
    opened(site, "api")
    code, output = site.run("-e", "follow=true duration=1.5", playbook=SHOW)
    assert code == 0, output
    assert "failed=0" in output


LIST = "incident.response.incident_list"


def test_a_list_says_who_is_acting_what_is_overdue_and_what_is_over(site: Site) -> None:
    process = site.start_slowly(*ACT)
    try:
        site.off(3600)
        name = opened(site, "db", title="A title that is much longer than a terminal is wide, which nobody could read beside the others of the list")
        code, output = site.run("-e", json.dumps({"service": "db", "force": True, "message": "done"}), playbook="incident.response.incident_close")
        assert code == 0, output
        code, output = site.run(playbook=LIST)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
    assert code == 0, output
    acted = next(each for each in site.incidents() if each["service"] == "api")["name"]
    lines = output.splitlines()
    start = lines.index("Open: 1")
    assert lines[start + 1] == f"  {acted}  P1  acknowledged  api  Restart of api"
    assert re.search(rf"\n  {acted}  not mitigated: OVERDUE for \d+ min, target 30 min\n", output)
    assert any(line.startswith(f"  {acted}  ") and "Restart of api started by" in line for line in lines[lines.index("Acting now") :])
    over = lines[lines.index("Over: 1") + 1]
    assert over.startswith(f"  {name}  P2  closed  db  A title that is")
    assert len(over) <= 80
    assert over.endswith("…")


def test_a_service_that_is_held_is_acted_on_though_no_run_of_it_is_in_the_journal(site: Site) -> None:
    opened(site, "api")
    with SqliteJournal(site.state / "journal.db", _state.key(site.state)) as journal, journal.transaction():
        journal.take(Lease("api", "20270101T000000-00000000", "bastion 1", 1, "", "2027-01-01T00:00:00Z", 4e9))
    code, output = site.run(playbook=LIST)
    assert code == 0, output
    assert "process 1 on bastion acts on api, since 00:00Z" in output


def test_a_module_call_returns_the_lines_and_prints_them_where_it_is_asked_to(site: Site) -> None:
    name = opened(site, "api")
    printed = [site.ad_hoc("incident_info", arguments)[1].startswith("Open: 1\n") for arguments in ("service=api", "service=api print=true")]
    assert printed == [False, True]
    assert f"  {name}  P2  open  api  " in site.ad_hoc("incident_info", "")[1]


def test_words_without_quotes_are_the_text_and_the_open_incident_is_meant(site: Site) -> None:
    name = opened(site, "api")
    typed = "message=we're on it,  and that's that: 50 % \"done\""
    code, output = site.run("-e", typed, playbook="incident.response.incident_update")
    assert code == 0, output
    assert name in output
    assert site.entries()[-1]["text"] == typed.removeprefix("message=")
    code, output = site.run("-e", "reason=half of the customers see it", "-e", "severity=P1", playbook="incident.response.incident_severity")
    assert code == 0, output
    (incident,) = site.incidents()
    assert incident["severity"] == "P1"
    assert "Severity is now P1 (was P2): half of the customers see it" in {entry["text"] for entry in incident["entries"]}


def test_a_template_among_loose_words_is_never_filled_in(site: Site) -> None:
    opened(site, "api")
    typed = "message=the disk says {{ lookup('pipe', 'touch pwned') }} now"
    code, output = site.run("-e", typed, playbook="incident.response.incident_update")
    assert code == 0, output
    assert site.entries()[-1]["text"] == typed.removeprefix("message=")


def test_a_step_that_may_be_about_several_incidents_lists_them(site: Site) -> None:
    first, second = opened(site, "api"), opened(site, "db")
    before = [incident["entries"] for incident in site.incidents()]
    code, output = site.run("-e", "message=we are on it", playbook="incident.response.incident_acknowledge")
    assert code == 5, output
    assert "[ERROR]: incident_acknowledge: Nothing was touched. 2 incidents are open, so say which one is meant." in output
    assert f"\n  -e incident={first} " in output and f"\n  -e incident={second} " in output
    assert [incident["entries"] for incident in site.incidents()] == before


def test_a_close_that_lacks_what_resolves_it_prints_what_to_paste(site: Site) -> None:
    name = opened(site, "", title="All is slow", severity="P1")
    code, output = site.run("-e", "message=The pool is larger now", playbook="incident.response.incident_close")
    assert code == 5, output
    command = output.strip().splitlines()[-1]
    assert command.startswith(f"ansible-playbook -i {site.inventory} incident.response.incident_close -e '{{")
    assert name in command
    code, output = site.run("-e", shlex.split(command)[-1], playbook="incident.response.incident_close")
    assert (code, site.incidents()[0]["status"]) == (5, "open"), output
    assert "root_cause is still …, as the command was printed. Nothing was touched." in output
    *words, texts = shlex.split(command.replace("…", "as we found out"))
    code, output = site.run(*words[-1:], texts, playbook="incident.response.incident_close")
    assert code == 0, output
    (incident,) = site.incidents()
    assert (incident["status"], incident["resolution"]["root_cause"]) == ("closed", "as we found out")
    assert any("The pool is larger now" in entry["text"] for entry in incident["entries"])
