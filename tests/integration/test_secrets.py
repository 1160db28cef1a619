# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forty planted secrets, none of which may be anywhere but where Ansible itself puts it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from servers.running import RocketChat
from sites import Site

PLANTS = 40
PLAY = """
- name: Log in
  hosts: prod-api-01
  gather_facts: false
  vars_files: [{folder}/vaulted.yml]
  vars:
    incident_action: check
    incident_service: api
    db_password: Zs3cret01
    api_token: Zs3cret02
    settings: {{database: {{admin_secret: Zs3cret03}}, keys: [{{private_key: Zs3cret04}}]}}
  tasks:
    - name: "Named with Zs3cret05"
      ansible.builtin.debug: {{msg: Zs3cret06}}
      no_log: true
    - name: "Loop Zs3cret07"
      ansible.builtin.debug: {{msg: "{{{{ item }}}}"}}
      loop: [Zs3cret08, Zs3cret09]
      no_log: true
    - name: Fail in silence with Zs3cret10
      ansible.builtin.fail: {{msg: Zs3cret11}}
      no_log: true
      ignore_errors: true
    - name: Loop in the open
      ansible.builtin.debug: {{msg: "{{{{ item }}}}"}}
      loop: [Zs3cret12, Zs3cret13]
    - name: Run with arguments
      ansible.builtin.command: {{argv: [echo, "--password", Zs3cret14]}}
      environment: {{PGPASSWORD: Zs3cret15}}
      changed_when: false
    - name: Fetch a page
      ansible.builtin.uri:
        url: http://127.0.0.1:9/
        url_username: admin
        url_password: Zs3cret16
        headers: {{Authorization: "Bearer Zs3cret17"}}
      ignore_errors: true
    - name: Keep a fact
      ansible.builtin.set_fact: {{plain: "{{{{ api_token }}}}", session_token: Zs3cret18}}
    - name: "Use {{{{ api_token }}}} in a name"
      ansible.builtin.debug: {{msg: x}}
    - name: "Use {{{{ plain }}}} in a name again"
      ansible.builtin.debug: {{msg: x}}
    - name: "Use {{{{ greeting }}}} of the vault in a name"
      ansible.builtin.debug: {{msg: x}}
    - name: Say all that is known in an error
      ansible.builtin.fail:
        msg: >-
          {{{{ db_password }}}} and {{{{ api_token }}}} and {{{{ settings.database.admin_secret }}}} and {{{{ settings['keys'][0].private_key }}}}
          and {{{{ greeting }}}} and {{{{ nested.deep }}}} and {{{{ session_token }}}}
      ignore_errors: true
    - name: Say command lines in errors
      ansible.builtin.fail: {{msg: "{{{{ item }}}}"}}
      ignore_errors: true
      loop:
        - curl --password Zs3cret21 failed
        - curl -u root:Zs3cret22 https://db/ failed
        - "https://root:Zs3cret23@db.example.com/ refused"
        - "curl -H 'Authorization: Bearer Zs3cret24' failed"
        - "login with token=Zs3cret25 was refused"
        - "AWS_SECRET_ACCESS_KEY=Zs3cret26 is wrong"
        - '{{"api_key": "Zs3cret27"}}'
        - mysqldump -u root -pZs3cret28 failed
        - "-----BEGIN RSA PRIVATE KEY-----\\nZs3cret29\\n-----END RSA PRIVATE KEY-----"
        - "postgresql://app:Zs3cret30@db/app is down"
        - "password: 'Zs3cret31 with blanks' is wrong"
        - "the password is Zs3cret32"
        - "glpat-Zs3cret33abcdefgh was revoked"
        - "X-Auth-Token: Zs3cret34"
        - "redis-cli --pass Zs3cret35"
    - name: Fail with what is said once
      ansible.builtin.fail: {{msg: "sshpass -p Zs3cret36 ssh root@web1"}}
      ignore_errors: true
    - name: Retry with a secret
      ansible.builtin.command: {{argv: ["false", "--token=Zs3cret37"]}}
      register: tried
      until: tried.rc == 0
      retries: 1
      delay: 0
      ignore_errors: true
    - name: Notify
      ansible.builtin.debug: {{msg: x}}
      changed_when: true
      notify: "Handle Zs3cret38"
    - name: Judge
      incident.response.action_verdict:
        before: {{healthy: false}}
        after: {{healthy: false, detail: "client_secret=Zs3cret39", evidence: "2025 app[1]: db_password={{{{ db_password }}}} token=Zs3cret40"}}
      ignore_errors: true
  handlers:
    - name: Handle Zs3cret38
      ansible.builtin.debug: {{msg: x}}
      no_log: true
"""
VAULTED = "greeting: Zs3cret19\nnested: {deep: Zs3cret20}\n"


def test_none_of_forty_planted_secrets_is_kept_or_told(tmp_path: Path, chat: RocketChat) -> None:
    site = Site(tmp_path)
    site.environment |= chat.environment()
    (tmp_path / "vaulted.yml").write_text(VAULTED)
    (tmp_path / "vault-password").write_text("open sesame")
    vault = ["ansible-vault", "encrypt", "--vault-password-file", str(tmp_path / "vault-password"), str(tmp_path / "vaulted.yml")]
    subprocess.run(vault, env=site.environment, check=True, capture_output=True)
    playbook = tmp_path / "planted.yml"
    playbook.write_text(PLAY.format(folder=tmp_path))
    planted = {f"Zs3cret{number:02d}" for number in range(1, PLANTS + 1)}
    assert planted == set(re.findall(r"Zs3cret\d\d", playbook.read_text() + VAULTED))

    process = site.start("--vault-password-file", str(tmp_path / "vault-password"), playbook=str(playbook))
    couriers = []
    while process.poll() is None:
        for courier in site.couriers():
            try:
                couriers.append(Path(f"/proc/{courier}/cmdline").read_bytes())
            except OSError:
                continue
    output, dummy = process.communicate()
    assert process.returncode == 0, output
    assert couriers
    assert not any(b"Zs3cret" in line or b"bot-token" in line for line in couriers)

    spools = [path.read_text(errors="replace") for path in site.state.rglob("*") if path.is_file()]
    told = json.dumps(chat.state(), ensure_ascii=False)
    ours = "\n".join(line for line in output.splitlines() if "incident.response:" in line)
    for place in [*spools, told, ours, json.dumps(site.incidents())]:
        assert not re.findall(r".{0,60}Zs3cret.{0,10}", place)
    names = [entry["text"] for entry in site.incidents()[0]["entries"]]
    assert "Run with arguments" in names
    assert any("Say all that is known in an error" in name for name in names), names


def test_spool_lines_hold_no_secret_while_the_run_goes_on(tmp_path: Path) -> None:
    """The journal is written from the spool: looked at before the courier takes it away."""
    site = Site(tmp_path)
    (tmp_path / "journal-is-a-folder").mkdir()
    site.environment |= {"INCIDENT_JOURNAL": f"sqlite:///{tmp_path}/journal-is-a-folder", "INCIDENT_DRAIN_TIMEOUT": "0"}
    (tmp_path / "vaulted.yml").write_text(VAULTED)
    playbook = tmp_path / "planted.yml"
    playbook.write_text(PLAY.format(folder=tmp_path).replace("{{ greeting }}", "x").replace("{{ nested.deep }}", "x"))
    code, output = site.run(playbook=str(playbook))
    assert code == 0, output
    (spool,) = (site.state / "spool").glob("*.jsonl")
    text = spool.read_text()
    site.end_couriers()
    assert "Run with arguments" in text
    assert not re.findall(r".{0,60}Zs3cret.{0,10}", text)
    assert spool.stat().st_mode & 0o077 == 0
