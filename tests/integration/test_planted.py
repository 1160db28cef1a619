# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two hundred plants: twenty secrets in ten spellings each, said by everything of ours that can be made to say something.

None of them is in the spool, the journal, the log, chat, a mail, a notifier's document, the status page or what we say on the terminal. Where
Ansible itself puts what a task was given, is Ansible's.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from servers.mail import MailServer
from servers.running import RocketChat
from sites import Site

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "JSON": lambda plant: json.dumps(plant)[1:-1],
    "JSON in JSON": lambda plant: json.dumps(json.dumps(plant))[1:-1],
    "URL": lambda plant: quote(plant, safe=""),
    "HTML": escape,
    "upper case": str.upper,
    "base64": lambda plant: base64.b64encode(plant.encode()).decode(),
    "base64 behind a user": lambda plant: base64.b64encode(f"ada:{plant}".encode()).decode(),
    "hex": lambda plant: plant.encode().hex(),
    "over several lines": lambda plant: f"{plant[:9]}\n   {plant[9:]}",
}
PLANTS = [f'Zs3 cr{"e" if number == 11 else "é"}t/{number:02d}"&<{chr(97 + number) * 3}' for number in range(20)]
"""With what is written differently in each spelling, and no word that tells a rule that it is a secret."""
TEXTS = [" and ".join(f"{name} ({write(plant)})" for name, write in SPELLINGS.items()) for plant in PLANTS]
assert len(PLANTS) * len(SPELLINGS) == 200


def told(text: str) -> list[str]:
    """Which plants are in a text, in which spelling; in all of its strings, where it is JSON or lines of it."""
    places = [text, *(each for line in [text, *text.splitlines()] for each in strings(line))]
    forms = {f"{number} {name}": write(plant) for number, plant in enumerate(PLANTS) for name, write in SPELLINGS.items()}
    return [f"{name}: {place[:200]}" for place in places for name, form in forms.items() if form in place or form.lower() in place.lower()]


def strings(line: str) -> Iterable[str]:
    try:
        waiting = [json.loads(line)]
    except ValueError:
        return
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each


class Planted:
    """A site whose secrets come from everywhere: each group of the plants from another place."""

    def __init__(self, site: Site, mail: MailServer, chat: RocketChat) -> None:
        self.site, self.mail, self.chat = site, mail, chat
        self.paged = site.folder / "paged"
        inventory = json.loads(site.inventory.read_text())
        inventory["all"]["hosts"]["prod-api-01"] = {"db_password": PLANTS[0], "settings": {"keys": [{"private_key": PLANTS[1]}]}}
        inventory["all"]["hosts"]["prod-db-01"] = {"db_password": PLANTS[2], "root_pw": PLANTS[3], "api_token": "{{ lookup('env', 'PLANT_4') }}"}
        inventory["all"]["hosts"]["localhost"] = {"ansible_connection": "local"}
        inventory["all"]["vars"] |= {
            "mail_password": "{{ lookup('env', 'PLANT_5') }}", "base": PLANTS[6], "admin_secret": "{{ base }}",
            "oauth": {"client_secret": "{{ words[0] }}"}, "words": [PLANTS[7]], "webhook_url": PLANTS[8],
            "signing_key": f"{PLANTS[9]}\nand a second line",
        }  # fmt: skip
        site.inventory.write_text(json.dumps(inventory))
        site.environment |= chat.environment() | {"PLANT_4": PLANTS[4], "PLANT_5": PLANTS[5], "DEPLOY_TOKEN": PLANTS[10], "MAILBOX": PLANTS[11]}
        site.environment |= {"SSL_CERT_FILE": str(mail.certificate)}
        self._vault()
        page = ["sh", "-c", f"cat >> {self.paged}; echo >> {self.paged}"]
        config = site.folder / "incident-response.json"
        config.write_text(json.dumps({
            "paging": {"notifiers": [{"type": "command", "command": page}]},
            "links": {"monitoring": f"https://ada:{quote(PLANTS[12], safe='')}@grafana.example.com/"},
            "communication": {
                "mail": {
                    "host": "localhost", "port": mail.port, "from": "ops@example.com", "user": "ops", "password_env": "MAILBOX",
                },
                "recipients": {"customers": ["grace@example.com"]},
            },
            "oncall": {"people": {"ada": {"email": "ada@example.com"}}},
        }))  # fmt: skip
        site.environment |= {"INCIDENT_CONFIG": str(config), "CI": "1", "CI_JOB_URL": f"https://ci:{quote(PLANTS[12], safe='')}@ci.example.com/1"}

    def _vault(self) -> None:
        self.vaulted, password = self.site.folder / "vaulted.yml", self.site.folder / "vault-password"
        self.vaulted.write_text(json.dumps({"greeting": PLANTS[13], "nested": {"deep": [PLANTS[14]]}}))
        password.write_text("open sesame")
        command = ["ansible-vault", "encrypt", "--vault-password-file", str(password), str(self.vaulted)]
        subprocess.run(command, env=self.site.environment, check=True, capture_output=True)
        self.options = ["--vault-password-file", str(password), "-e", json.dumps({"deploy_password": PLANTS[16], "asked": PLANTS[17]})]

    def run(self, tasks: list[dict[str, Any]], **variables: Any) -> str:
        """A play on prod-api-01, after one that keeps facts on prod-db-01."""
        playbook = self.site.folder / "planted.json"
        facts = {"name": "Keep a fact", "ansible.builtin.set_fact": {"session_token": PLANTS[15]}}
        first = {"name": "Look", "hosts": "prod-db-01", "gather_facts": False, "tasks": [facts]}
        hidden = {
            "name": "Ask in silence",
            "ansible.builtin.command": {"argv": ["printf", "%s", PLANTS[18]]},
            "register": "answer",
            "no_log": True,
            "changed_when": False,
        }
        play = {
            "name": "Say it", "hosts": "prod-api-01", "gather_facts": False, "vars_files": [str(self.vaulted)],
            "vars_prompt": [{"name": "asked", "private": True}], "vars": variables,
            "tasks": [hidden, {"name": "Keep", "ansible.builtin.set_fact": {"sealed_credential": PLANTS[19]}}, *tasks],
        }  # fmt: skip
        playbook.write_text(json.dumps([first, play]))
        code, output = self.site.run(*self.options, playbook=str(playbook))
        assert code == 0, output
        return output

    def told(self, output: str) -> dict[str, list[str]]:
        """What got out, by the place."""
        code, more = self.site.run(playbook="incident.response.deliver")
        assert code == 0, more
        ours, inside = list[str](), False
        for line in output.splitlines():  # what Ansible shows of a task, or of its result, begins otherwise
            inside = "incident.response:" in line or inside and not line.startswith(("TASK", "PLAY", "fatal", "ok:", "changed:", "failed:", "...ign"))
            ours += [line] if inside else []
        files = {str(path): path.read_text(errors="replace") for path in self.site.state.rglob("*") if path.is_file()}
        mails = "\n".join(f"{mail.message['Subject']}\n{part.get_content()}" for mail in self.mail.mails for part in mail.message.walk()
                          if part.get_content_maintype() == "text")  # fmt: skip
        places = files | {
            "chat": json.dumps(self.chat.state(), ensure_ascii=False), "terminal": "\n".join(ours), "mail": mails,
            "journal": json.dumps(self.site.incidents(), ensure_ascii=False), "notifier": self.paged.read_text() if self.paged.exists() else "",
        }  # fmt: skip
        found = {place.rpartition("/")[2]: sorted({each.partition(":")[0] for each in told(text)}) for place, text in places.items()}
        return {place: plants for place, plants in found.items() if plants}


@pytest.fixture
def planted(site: Site, chat: RocketChat, tmp_path: Path) -> Any:
    with MailServer(tmp_path, security="starttls", user="ops", password=PLANTS[11]) as mail:
        yield Planted(site, mail, chat)


def test_none_of_two_hundred_plants_goes_out_of_a_run(planted: Planted) -> None:
    """By what fails, by names of tasks, by the evidence of a verdict, by the reason and the title of the run."""
    names = [{"name": f"Say {text}", "ansible.builtin.fail": {"msg": text}, "ignore_errors": True} for text in TEXTS]
    loop = {"name": "Say all", "ansible.builtin.fail": {"msg": "{{ item }}"}, "loop": TEXTS, "ignore_errors": True}
    cut = {"name": "Say much", "ansible.builtin.fail": {"msg": "x" * 470 + PLANTS[0] + "y" * 200}, "ignore_errors": True}
    judge = {
        "name": "Judge", "incident.response.action_verdict": {"before": {"healthy": False}, "after": {
            "healthy": False, "detail": TEXTS[3], "evidence": "\n".join(TEXTS),
        }}, "ignore_errors": True,
    }  # fmt: skip
    output = planted.run([*names, loop, cut, judge], incident_action="check", incident_service="api", title=TEXTS[4], reason=TEXTS[5])
    assert planted.told(output) == {}
    entries = [entry["text"] for entry in planted.site.incidents()[0]["entries"]]
    assert sum("[redacted]" in text for text in entries) > len(TEXTS)
    assert any("verdict" in text for text in entries)
    assert "RECORDING IS DEGRADED" not in output


def test_none_of_two_hundred_plants_goes_out_by_what_people_say_of_an_incident(planted: Planted) -> None:
    """By the modules that open, update, escalate, resolve, publish: to chat, to customers, to who is paged, to the status page."""
    texts = [text for text in TEXTS if PLANTS[18] not in text and "/18" not in text]  # known to the recorder alone: a result that is not logged
    incident = {"service": "api", "require_delivery": False}
    many = "\n".join(texts)
    tasks: list[dict[str, Any]] = [
        {"incident.response.rocketchat_incident": {**incident, "state": "open", "severity": "P0", "title": texts[2]}},
        *({"incident.response.rocketchat_incident": {**incident, "state": "updated", "message": text}} for text in texts),
        {"incident.response.incident_escalate": {**incident, "reason": many}},
        {"incident.response.incident_communicate": {**incident, "state": "published", "message": many}},
        {"incident.response.status_page": {"service": "api", "state": "identified", "title": PLANTS[4], "message": many}},
        {"incident.response.rocketchat_incident": {
            **incident, "state": "resolved", "message": many, "root_cause": many, "fix": texts[15], "monitoring": texts[3], "next": texts[4],
        }},
    ]  # fmt: skip
    output = planted.run([{"name": f"Step {number}", **task, "no_log": True} for number, task in enumerate(tasks)])
    assert planted.told(output) == {}
    entries = planted.site.incidents()[0]["entries"]
    assert sum("[redacted]" in entry["text"] for entry in entries) > len(texts)
    assert planted.mail.mails
    assert "[redacted]" in planted.paged.read_text()
    assert any("[redacted]" in path.read_text() for path in (planted.site.state / "page").rglob("*.html"))
