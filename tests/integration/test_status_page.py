# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the status page, and of the words to those who wait, by the modules and playbooks that people run."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from servers.mail import MailServer
from servers.running import RocketChat
from servers.status_pages import TOKEN, StatuspageServer, Trouble
from sites import Site, eventually

SILENT = {"P0": None, "P1": None}
SECRET = "k3y-" + "9f8e7d6c5b4a"


def configured(site: Site, **sections: Any) -> None:
    path = site.folder / "incident-response.json"
    path.write_text(json.dumps(sections))
    site.environment["INCIDENT_CONFIG"] = str(path)


def does(site: Site, module: str, arguments: dict[str, Any], *more: str) -> dict[str, Any]:
    """The result of a task; `failed` says whether it did."""
    code, output = site.ad_hoc(module, json.dumps(arguments), *more)
    found = re.search(r"localhost \| \S+ ?(?:=>)? ?(\{.*?^\})", output, re.DOTALL | re.MULTILINE)
    assert found, output
    result: dict[str, Any] = json.loads(found[1])
    return {**result, "failed": code != 0}


def opened(site: Site, **more: Any) -> None:
    assert not does(site, "rocketchat_incident", {"state": "open", "service": "api", "title": "The pool on db-7 is empty", **more})["failed"]


def summary(site: Site) -> dict[str, Any]:
    path = site.state / "page" / "api" / "v2" / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"components": [], "incidents": []}
    return found


def states(site: Site) -> dict[str, str]:
    return {each["name"]: each["status"] for each in summary(site)["components"] if not each.get("group")}


def kinds(site: Site, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in site.incidents()[0]["entries"] if entry["kind"] == kind]


# The page follows


def test_a_run_without_any_configuration_leaves_a_page_that_follows_the_incident(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert eventually(lambda: states(site) == {"api": "degraded_performance"}), site.courier_log()
    assert (site.state / "page" / "index.html").stat().st_mode & 0o444 == 0o444
    resolution = {"root_cause": "Pool too small", "fix": "Pool of 50", "monitoring": "Alert", "next": "Review"}
    resolved = {"service": "api", **resolution, "force": True, "message": "I looked"}
    code, output = site.run("-e", json.dumps(resolved), playbook="playbooks/incident/resolve.yml")
    assert code == 0, output
    assert eventually(lambda: states(site) == {"api": "operational"}), site.courier_log()


@pytest.mark.parametrize("forced", [False, True])
def test_a_service_that_is_not_healthy_is_resolved_only_by_force_and_stays_ill_on_the_page(site: Site, forced: bool) -> None:
    commands = {word: ["true"] for word in ("start", "stop", "status")}
    configured(site, services={"api": {"hosts": "prod-api-*", "backend": "command", "health": {"command": ["false"]}, "commands": commands}})
    opened(site)
    assert eventually(lambda: states(site) == {"api": "degraded_performance"}), site.courier_log()
    force = {"force": True, "message": "It is switched off for good"} if forced else {}
    code, output = site.run("-e", json.dumps({"service": "api", **force}), playbook="playbooks/incident/resolve.yml")
    assert (code == 0) is forced, output
    (incident,) = site.incidents()
    assert incident["status"] == ("resolved" if forced else "open")
    assert incident["healthy"] is not forced
    assert eventually(lambda: not site.couriers()), site.courier_log()
    assert states(site) == {"api": "degraded_performance"}


def test_a_policy_that_names_no_severity_sets_nothing_and_a_page_that_is_none_is_not_written(site: Site) -> None:
    configured(site, status_page={"provider": "none"})
    opened(site)
    assert eventually(lambda: not site.couriers()), site.courier_log()
    assert not (site.state / "page").exists()
    assert kinds(site, "published") == []
    result = does(site, "status_page", {"service": "api", "state": "identified", "message": "x"})
    assert "there is no status page" in result["msg"]
    configured(site, status_page={"severities": SILENT})
    opened(site, severity="P0")
    assert eventually((site.state / "page" / "index.html").exists), site.courier_log()
    assert kinds(site, "published") == []


# What people say on it


def test_the_module_says_it_once_and_check_mode_predicts_it(site: Site) -> None:
    components = ["api", {"name": "Web site", "description": "What people see", "group": "Front"}]
    configured(site, status_page={"components": components, "severities": SILENT})
    opened(site)
    steps: list[dict[str, Any]] = [
        {"state": "investigating", "message": "We look", "components": {"Web site": "partial_outage"}},
        {"state": "identified", "message": "A disk is full", "impact": "critical", "title": "Slow answers"},
        {"state": "resolved", "message": "It is over"},
    ]
    for step in steps:
        arguments = {"service": "api", **step}
        predicted, first, again = (does(site, "status_page", arguments, *more) for more in (("--check", "--diff"), (), ()))
        assert (predicted["changed"], first["changed"], again["changed"]) == (True, True, False)
        assert predicted["post"] == first["post"] == again["post"]
    incidents = json.loads((site.state / "page/api/v2/incidents.json").read_text())["incidents"]
    assert [update["body"] for update in incidents[0]["incident_updates"]] == ["It is over", "A disk is full", "We look"]
    assert (incidents[0]["name"], incidents[0]["impact"], incidents[0]["status"]) == ("Slow answers", "critical", "resolved")
    assert summary(site)["status"]["indicator"] == "none"
    assert states(site) == {"api": "operational", "Web site": "operational"}
    assert len(kinds(site, "published")) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"service": "api", "state": "identified", "message": "x", "components": {"apj": "operational"}}, "did you mean api?"),
        ({"service": "api", "state": "identified", "message": "x", "components": {"api": "broken"}}, "api can't be broken"),
        ({"service": "api", "state": "identified"}, "say something with a `message`"),
        ({"service": "web", "state": "identified", "message": "x"}, "there is no incident of web"),
        ({"service": "api", "state": "broken", "message": "x"}, "value of state must be one of"),
        ({"incident": "m", "state": "scheduled", "message": "x", "starts": "soon", "ends": "later"}, "starts=soon is no time"),
    ],
)
def test_bad_input_publishes_nothing(site: Site, arguments: dict[str, Any], says: str) -> None:
    configured(site, status_page={"components": ["api"], "severities": SILENT})
    opened(site)
    assert says in does(site, "status_page", arguments)["msg"]
    assert kinds(site, "published") == []


def test_maintenance_is_announced_by_the_playbook(site: Site) -> None:
    said = {"incident": "maintenance-db", "state": "scheduled", "title": "New disks", "message": "Read-only for a while"}
    said |= {"starts": "2036-12-01T22:00:00Z", "ends": "2036-12-01T23:00:00Z"}
    code, output = site.run("-e", json.dumps(said), playbook="playbooks/status_page.yml")
    assert code == 0, output
    assert str(site.state / "page" / "index.html") in output
    (maintenance,) = summary(site)["scheduled_maintenances"]
    assert (maintenance["name"], maintenance["status"], maintenance["scheduled_for"][:16]) == ("New disks", "scheduled", "2036-12-01T22:00")
    assert site.incidents() == []


def test_two_who_write_at_once_lose_no_update(site: Site) -> None:
    """Six tasks in six processes, and couriers beside them: the page has all that was said."""
    configured(site, status_page={"severities": SILENT})
    opened(site)
    with ThreadPoolExecutor(6) as several:
        tasks = [{"service": "api", "state": "investigating", "message": f"Update {number}"} for number in range(6)]
        for result in several.map(lambda each: does(site, "status_page", each), tasks):
            assert result["changed"]
    (incident,) = summary(site)["incidents"]
    assert sorted(update["body"] for update in incident["incident_updates"]) == [f"Update {number}" for number in range(6)]


@pytest.mark.parametrize("folder", ["a file is in its place", "its folder is not ours"])
def test_a_page_that_cannot_be_written_fails_and_is_written_later(site: Site, folder: str) -> None:
    pages = site.folder / "pages"
    opened(site)
    assert eventually(lambda: not site.couriers())  # none of them writes there
    configured(site, status_page={"severities": SILENT, "folder": str(pages)})
    if folder.startswith("a file"):
        pages.write_text("something else")
    else:
        (site.folder / "elsewhere").mkdir()
        pages.symlink_to(site.folder / "elsewhere")
    result = does(site, "status_page", {"service": "api", "state": "identified", "message": "A disk is full"})
    assert result["failed"]
    assert str(pages) in result["msg"]
    assert "brought there by the next run or tick" in result["msg"]
    pages.unlink()
    result = does(site, "status_page", {"service": "api", "state": "identified", "message": "A disk is full"})
    assert not result["changed"]
    assert "A disk is full" in (pages / "index.html").read_text()


# A page at a provider


def test_the_courier_tells_a_provider_what_the_policy_says_and_the_tick_what_it_did_not_take(site: Site) -> None:
    with StatuspageServer() as server:
        page = {"provider": "statuspage", "url": server.url, "page": "p1", "components": [{"name": "api", "id": "c-api"}]}
        configured(site, status_page=page, communication={"auto_publish": ["P0"], "after": "0s"})
        site.environment["STATUSPAGE_API_KEY"] = TOKEN
        opened(site, severity="P0")
        assert eventually(lambda: bool(server.incidents)), site.courier_log()
        assert server.components["c-api"]["status"] == "major_outage"
        assert (server.incidents[0]["name"], server.incidents[0]["impact"]) == ("Problems with api", "critical")
        assert "db-7" not in json.dumps(server.incidents)
        assert eventually(lambda: [entry["state"] for entry in kinds(site, "sent")] == ["ok"])

        server.troubles.extend(Trouble(503, "<h1>busy</h1>", "text/html", method="PATCH") for dummy in range(2))
        result = does(site, "status_page", {"service": "api", "state": "monitoring", "message": "It is better"})
        assert result["failed"]
        assert "503" in result["msg"]
        assert eventually(lambda: not site.couriers())  # which tries at the same time
        server.troubles.clear()
        code, output = site.run(playbook="playbooks/tick.yml")
        assert code == 0, output
        assert [update["body"] for update in server.incidents[0]["incident_updates"]][0] == "It is better"
        assert len(server.incidents[0]["incident_updates"]) == 2
        assert len(server.incidents) == 1
        assert TOKEN not in output + site.courier_log() + json.dumps(site.incidents())


@pytest.mark.parametrize(
    ("section", "token", "says"),
    [
        ({"provider": "statuspage", "page": "p1"}, "", "the environment has no STATUSPAGE_API_KEY"),
        ({"provider": "statuspage", "page": "p1", "url": "{url}"}, "wrong", "does not accept the token (401)"),
        ({"provider": "statuspage", "page": "p2", "url": "{url}"}, TOKEN, "does not know what was asked for (404)"),
        ({"provider": "statuspage", "url": "{url}"}, TOKEN, "set status_page.page"),
        ({"provider": "statuspag", "url": "{url}"}, TOKEN, "status_page.provider must be one of none, static, cachet"),
        ({"provider": "/nowhere/page.py", "url": "{url}"}, TOKEN, "status_page.provider: there is no file /nowhere/page.py"),
    ],
)
def test_a_provider_that_cannot_be_used_says_what_to_set(site: Site, section: dict[str, str], token: str, says: str) -> None:
    opened(site)
    with StatuspageServer() as server:
        configured(site, status_page={key: value.replace("{url}", server.url) for key, value in section.items()})
        site.environment["STATUSPAGE_API_KEY"] = token
        result = does(site, "status_page", {"service": "api", "state": "identified", "message": "x"})
    assert result["failed"]
    assert says in result["msg"]


# Nothing of a drill, nothing of a breach


def test_nothing_of_a_breach_goes_out_until_the_embargo_is_lifted(site: Site) -> None:
    configured(site, communication={"auto_publish": ["P0"], "after": "0s"})
    code, output = site.run(
        "-e", json.dumps({"service": "api", "severity": "P0", "concerns": ["security"], "title": "Intruder"}), playbook="playbooks/incident/open.yml"
    )
    assert code == 0, output
    for module, arguments in (
        ("status_page", {"service": "api", "state": "identified", "message": "x"}),
        ("status_page", {"service": "api", "components": {"api": "major_outage"}}),
        ("incident_communicate", {"service": "api", "state": "published"}),
        ("incident_communicate", {"service": "api", "audience": "internal"}),
    ):
        result = does(site, module, arguments)
        assert "under embargo" in result["msg"]
    assert site.run(playbook="playbooks/tick.yml")[0] == 0
    assert kinds(site, "published") == kinds(site, "draft") == []
    assert states(site) == {}
    code, output = site.run("-e", '{"service": "api", "embargo": false}', playbook="playbooks/incident/update.yml")
    assert code == 0, output
    assert eventually(lambda: states(site) == {"api": "major_outage"}), site.courier_log()
    assert "Intruder" not in (site.state / "page" / "index.html").read_text()


def test_nothing_of_a_drill_goes_out(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01 drill=true")
    assert code == 0, output
    for module in ("status_page", "incident_communicate"):
        arguments = {"service": "api", "state": "published" if module.startswith("inc") else "identified", "message": "x"}
        assert "drill" in does(site, module, arguments, "-e", "drill=true")["msg"]
        assert "it is a drill" in does(site, module, {**arguments, "incident": site.incidents()[0]["name"], "service": None})["msg"]
    assert kinds(site, "published") == []


# Words to those who wait


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_text_is_drafted_shown_approved_and_sent_to_everybody(site: Site, tmp_path: Path, chat: RocketChat) -> None:
    with MailServer(tmp_path, security="starttls", user="bot", password=SECRET) as server:
        mail = {"host": "localhost", "port": server.port, "user": "bot", "password_env": "MAIL_PASSWORD", "from": "status@example.com"}
        to = ["ada@customer.example", "gone@refused.example", "jürgen@customer.example", "joan@customer.example"]
        configured(site, communication={"mail": mail, "recipients": {"customers": to}}, status_page={"url": "https://status.example.com"})
        site.environment |= {"SSL_CERT_FILE": str(server.certificate), "MAIL_PASSWORD": SECRET, **chat.environment()}
        opened(site)
        playbook = "playbooks/incident/communicate.yml"
        code, output = site.run("-e", '{"service": "api", "message": "Some requests <b>fail</b>."}', "--check", playbook=playbook)
        assert code == 0, output
        assert kinds(site, "draft") == []
        code, output = site.run("-e", '{"service": "api", "message": "Some requests <b>fail</b>."}', playbook=playbook)
        assert code == 0, output
        (draft,) = re.findall(r"approve=(\w+)", output)
        assert kinds(site, "published")[1:] == []
        assert server.mails == []
        code, output = site.run("-e", f"service=api approve={draft}", playbook=playbook)
        assert "gone@refused.example (550 no such mailbox)" in " ".join(output.split()), output
        assert "jürgen@customer.example (553 the server takes no address that isn't ASCII" in " ".join(output.split()), output
        code, output = site.run("-e", f"service=api approve={draft}", playbook=playbook)
        assert code != 0
        assert f"there is no draft {draft} that waits" in output
    (got,) = server.mails
    assert got.recipients == ["ada@customer.example", "joan@customer.example"]
    assert "customer.example" not in got.message.as_string()
    assert got.message["Subject"] == "Problems with api"
    plain, html = (got.message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain and html
    assert "Some requests <b>fail</b>." in plain.get_content()
    assert "Some requests &lt;b&gt;fail&lt;/b&gt;." in html.get_content()
    assert "https://status.example.com" in html.get_content()
    (incident,) = summary(site)["incidents"]
    assert "Some requests <b>fail</b>." in incident["incident_updates"][0]["body"]
    assert "<b>fail" not in (site.state / "page" / "index.html").read_text()
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
    assert [message["msg"] for message in chat.messages("customer-success") if "Problems with api" in message["msg"]]
    assert [entry["state"] for entry in kinds(site, "sent")] == ["failed"]
    assert SECRET not in json.dumps(site.incidents())


def test_whoever_speaks_for_the_incident_publishes_in_chat_and_nobody_else(site: Site, chat: RocketChat) -> None:
    configured(site, communication={"after": "0s"})
    site.environment |= chat.environment()
    opened(site, communications="alice")
    assert site.run(playbook="playbooks/tick.yml")[0] == 0
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
    channel = site.incidents()[0]["channel"]
    (asked,) = [message["msg"] for message in chat.messages(channel) if "!publish" in message["msg"]]
    assert asked.startswith("@alice ")
    (draft,) = re.findall(r"!publish (\w+)", asked)
    chat.person("alice", room=channel, text=f"!publish {draft}", more='{"t": "room_changed_topic"}')
    chat.person("alice", room=channel, text="what is this?")
    (mine,) = [message["_id"] for message in chat.messages(channel) if message["msg"] == "what is this?"]
    chat.person("dora", message=mine, text=f"!publish {draft}")
    assert site.run(playbook="playbooks/tick.yml")[0] == 0
    edited = f"Asked to publish {draft} in a message that was edited, which counts for nothing"
    assert [entry["text"] for entry in site.incidents()[0]["entries"] if "ublish" in entry["text"]][-1] == edited
    for user in ("bob", "alice"):
        chat.person(user, room=channel, text=f"!publish {draft}")
    code, output = site.run(playbook="playbooks/tick.yml")
    assert code == 0, output
    texts = [entry["text"] for entry in site.incidents()[0]["entries"]]
    assert f"Asked to publish {draft}, and may not. Who may: alice" in texts
    assert [entry["actor"] for entry in kinds(site, "published") if "Published for customers" in entry["text"]] == ["alice"]
    assert summary(site)["incidents"][0]["status"] == "investigating"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("customers/update.j2", "Subject: Ours\n\n{{ nothing }}", "the template customers/update.j2: 'nothing' is undefined"),
        ("customers/update.j2", "Subject: Ours\n\n{% if %}", "customers/update.j2, line 3"),
        ("customers/update.j2", "Hello\n\nDear customer", "must begin with a line 'Subject: …'"),
        ("customers/update.j2", "Subject: Ours\n\n{{ ''.__class__.__mro__ }}", "the template customers/update.j2"),
        ("customers/update.j2", "Subject: Ours\n\nWe know of {{ title }}.", ""),
        ("other.j2", "", ""),
    ],
)
def test_templates_are_overridden_file_by_file_and_a_bad_one_records_nothing(site: Site, name: str, text: str, says: str) -> None:
    own = site.folder / "words"
    (own / name).parent.mkdir(parents=True)
    (own / name).write_text(text)
    configured(site, communication={"templates": str(own)})
    opened(site)
    result = does(site, "incident_communicate", {"service": "api", "occasion": "update"})
    assert says in result.get("msg", "")
    assert bool(kinds(site, "draft")) is not bool(says)
    if not says:
        ours = ("Ours", "We know of The pool on db-7 is empty.")
        subject, text = ours if name.startswith("customers") else ("Update: problems with api", "We are still")
        assert result["subject"] == subject
        assert result["text"].startswith(text)
    assert does(site, "incident_communicate", {"service": "api", "occasion": "first_notice"})["subject"] == "Problems with api"


@pytest.mark.parametrize("roles", [{}, {"commander": "ada", "communications": "joan"}])
def test_every_template_of_every_audience_can_be_written(site: Site, roles: dict[str, str]) -> None:
    opened(site, **roles)
    name = site.incidents()[0]["name"]

    def written(occasion: str) -> None:
        for audience in ("internal", "customers", "executives"):
            asked = {"incident": name, "audience": audience, "occasion": occasion, "message": "In words"}
            text = does(site, "incident_communicate", asked, "--check").get("text", "")
            assert "In words" in text
            assert "  " not in text.replace("\n", "")
            assert "\n\n\n" not in text

    for occasion in ("first_notice", "update", "delay"):
        written(occasion)
    does(site, "rocketchat_incident", {"service": "api", "state": "resolved", "force": True, "root_cause": "Pool", "next": "Review"})
    written("resolved")


# What people get wrong


def test_after_a_drill_nothing_is_said_of_an_older_incident(site: Site) -> None:
    opened(site, severity="P2")
    does(site, "rocketchat_incident", {"service": "api", "state": "closed"})
    name = site.incidents()[0]["name"]
    assert site.run("-e", "service=api host=prod-api-01 drill=true")[0] == 0
    for module, arguments in (
        ("incident_communicate", {"service": "api", "state": "published"}),
        ("status_page", {"service": "api", "state": "investigating", "message": "x"}),
    ):
        assert f"api has no open incident. If {name}, which is over, is meant, name it" in does(site, module, arguments)["msg"]
    assert not [entry for each in site.incidents() for entry in each["entries"] if entry["text"].startswith("Published")]


def test_what_is_said_fits_the_stage(site: Site) -> None:
    opened(site)
    name = {"incident": site.incidents()[0]["name"], "message": "x"}
    assert "resolve it before" in does(site, "incident_communicate", {**name, "page_state": "resolved"})["msg"]
    draft = does(site, "incident_communicate", name)["draft"]
    code, output = site.run("-e", json.dumps({**name, "force": True}), playbook="playbooks/incident/resolve.yml")
    assert code == 0, output
    assert "(occasion=resolved)" in does(site, "incident_communicate", {**name, "occasion": "update", "state": "published"})["msg"]
    late = {"incident": name["incident"], "draft": draft, "state": "published"}
    assert "the draft says otherwise" in does(site, "incident_communicate", late)["msg"]
    assert "open another one if it came back" in does(site, "status_page", {**name, "state": "investigating"})["msg"]


def test_who_still_reads_of_an_incident_that_is_over_is_said(site: Site) -> None:
    opened(site)
    assert not does(site, "incident_communicate", {"service": "api", "state": "published"})["failed"]
    code, output = site.run("-e", '{"service": "api", "force": true, "message": "Gone"}', playbook="playbooks/incident/resolve.yml")
    assert code == 0, output
    assert "customers still read 'Investigating'" in " ".join(output.split())
    name = site.incidents()[0]["name"]
    code, output = site.run("-e", f"incident={name} publish=true", playbook="incident.response.incident_communicate")
    assert code == 0, output
    assert json.loads((site.state / "page/api/v2/incidents.json").read_text())["incidents"][0]["status"] == "resolved"


def test_the_same_twice_is_said_once(site: Site) -> None:
    opened(site)
    asked = {"service": "api", "state": "published", "message": "Some requests fail"}
    assert [does(site, "incident_communicate", asked)["changed"] for dummy in range(2)] == [True, False]
    assert does(site, "incident_communicate", {**asked, "message": "Fewer fail"})["changed"]
    drafted = [does(site, "incident_communicate", {"service": "api", "message": "None fail"}) for dummy in range(2)]
    assert [each["changed"] for each in drafted] == [True, False]
    assert drafted[0]["draft"] == drafted[1]["draft"]


def test_maintenance_touches_components_when_it_begins(site: Site) -> None:
    opened(site)
    assert eventually(lambda: states(site) == {"api": "degraded_performance"}), site.courier_log()
    asked = {"incident": "maintenance-api", "starts": "2036-12-01T22:00:00Z", "ends": "2036-12-01T23:00:00Z", "message": "New disks"}
    does(site, "rocketchat_incident", {"service": "api", "state": "resolved", "force": True})
    assert eventually(lambda: states(site) == {"api": "operational"}), site.courier_log()
    for state, expected in (("scheduled", "operational"), ("in_progress", "under_maintenance"), ("completed", "operational")):
        more = {"components": {"api": "under_maintenance"}} if state == "scheduled" else {}
        assert not does(site, "status_page", {**asked, "state": state, **more})["failed"]
        assert states(site) == {"api": expected}


@pytest.mark.parametrize(
    ("playbook", "variables", "says"),
    [
        ("playbooks/status_page.yml", "service=api message=We add capacity. state=monitoring", "words that belong to nothing: 'add capacity.'"),
        ("playbooks/incident/update.yml", "message=We are service=api", "words that belong to nothing: 'are'"),
        ("playbooks/incident/communicate.yml", "service=api message=Some fail publish=true", "words that belong to nothing: 'fail'"),
        ("playbooks/status_page.yml", "service=api", "say what is to be shown"),
        ("playbooks/status_page.yml", '{"components": {"apii": "major_outage"}}', "did you mean api?"),
        ("playbooks/status_page.yml", '{"incident": "db-move", "state": "in_progress", "message": "x"}', "knows no maintenance db-move yet"),
        ("playbooks/incident/communicate.yml", "service=api audience=executives publish=true", "nobody would read it"),
    ],
)
def test_half_a_text_and_what_means_nothing_is_refused(site: Site, playbook: str, variables: str, says: str) -> None:
    opened(site)
    assert eventually(lambda: bool(kinds(site, "published"))), site.courier_log()
    code, output = site.run("-e", variables, playbook=playbook)
    assert code != 0
    assert says in " ".join(output.split()).replace("\\'", "'")
    assert len(kinds(site, "published")) == 1


def test_a_service_that_is_not_on_the_page_is_not_named_there(site: Site) -> None:
    configured(site, status_page={"components": ["Web site"]}, communication={"auto_publish": ["P0"], "after": "0s"})
    assert not does(site, "rocketchat_incident", {"state": "open", "service": "db-prod-77.internal", "severity": "P0"})["failed"]
    assert eventually(lambda: bool(summary(site)["incidents"])), site.courier_log()
    assert summary(site)["incidents"][0]["name"] == "Problems with our service"
    for path in (site.state / "page").rglob("*"):
        assert not path.is_file() or b"db-prod-77" not in path.read_bytes(), path


def test_a_provider_of_ones_own_that_breaks_stops_nothing_else(site: Site) -> None:
    own = site.folder / "my_page.py"
    broken = "    def find(self, post): raise RuntimeError('boom')\n    set_component = find\n"
    own.write_text(f"class Page:\n{broken}def provider(account): return Page()\n")
    configured(site, status_page={"provider": str(own), "components": ["api"]})
    opened(site)
    result = does(site, "status_page", {"service": "api", "state": "identified", "message": "x"})
    assert "the provider is broken: RuntimeError: boom" in result["msg"]
    assert "It is recorded" in result["msg"]
    code, output = site.run(playbook="playbooks/tick.yml")
    assert code == 0, output


def test_the_courier_dies_in_the_middle_and_the_tick_goes_on(site: Site, tmp_path: Path) -> None:
    """The courier is killed as soon as it has written its first entry; whoever looks next brings the page up to date."""
    opened(site)
    site.end_couriers()
    subprocess.run(["rm", "-rf", str(site.state / "page")], check=True)
    code, output = site.run(playbook="playbooks/tick.yml")
    assert code == 0, output
    assert states(site) == {"api": "degraded_performance"}
