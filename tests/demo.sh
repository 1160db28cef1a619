#!/usr/bin/env bash
# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# A real service that breaks, the handbook's commands, and what chat and the timeline say of it, with embedded defaults.
set -euo pipefail
cd "$(dirname "$0")/.."

# Nothing of yours is touched or told. The demo has a configuration and a state folder of its own, and begins with an empty one.
for name in $(compgen -e | grep -E '^(INCIDENT|ROCKETCHAT|ANSIBLE)_'); do unset "$name"; done
export INCIDENT_STATE_DIR=$PWD/.cache/demo-state ROCKETCHAT_USER_ID=bot-id ROCKETCHAT_TOKEN=bot-token
rm -rf "$INCIDENT_STATE_DIR"

work=$(mktemp -d)
chat=
trap '"$work/service" stop || true; [[ ! $chat ]] || kill "$chat" 2>/dev/null || true; rm -rf "$work"' EXIT
say() { printf '\n\n### %s\n\n' "$*"; }

# The chat of the demo speaks Rocket.Chat's REST API on this machine alone. It is no Rocket.Chat, and ends with the demo.
python tests/servers/rocketchat.py --ready-file "$work/chat" --state-file "$work/chat.json" --max-seconds 600 2>"$work/chat.log" &
chat=$!
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for release in 1.4.1 1.4.2; do
  mkdir -p "$work/releases/$release"
  echo "api $release" > "$work/releases/$release/index.html"
done
touch -d '1 day ago' "$work/releases/1.4.1"
ln -s releases/1.4.2 "$work/current"
cat > "$work/service" <<EOF
#!/usr/bin/env bash
# A web server that runs without root and without systemd.
case \$1 in
  start) cd -P "$work/current"; setsid python -m http.server --bind 127.0.0.1 $port >/dev/null 2>&1 </dev/null & echo \$! > "$work/pid" ;;
  stop) [[ ! -e $work/pid ]] || { kill "\$(cat "$work/pid")" 2>/dev/null || true; rm -f "$work/pid"; } ;;
  status) [[ -e $work/pid ]] && kill -0 "\$(cat "$work/pid")" ;;
esac
EOF
chmod +x "$work/service"
cat > "$work/inventory.yml" <<EOF
all:
  hosts:
    prod-api-01:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
EOF
cat > "$work/incident-response.yml" <<EOF
services:
  api:
    hosts: prod-api-01
    backend: command
    commands:
      start: [$work/service, start]
      stop: [$work/service, stop]
      status: [$work/service, status]
    health: {http: "http://127.0.0.1:$port/"}
    versions: {path: $work}
EOF
"$work/service" start
until [[ -s $work/chat ]] && (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  "$work/service" status || { echo "The demo's web server did not start on port $port of 127.0.0.1." >&2; exit 1; }
  kill -0 "$chat" 2>/dev/null || { echo "The demo's chat did not start:" >&2; cat "$work/chat.log" >&2; exit 1; }
  sleep 0.1
done
ROCKETCHAT_URL=http://127.0.0.1:$(cat "$work/chat")
export ROCKETCHAT_URL INCIDENT_CONFIG=$work/incident-response.yml

say "api runs on http://127.0.0.1:$port/. Now it is killed, and the handbook's command restarts it"
kill -KILL "$(cat "$work/pid")"
ansible-playbook -i "$work/inventory.yml" playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"

say "Release 1.4.2 is to blame: api goes back to the one before"
ansible-playbook -i "$work/inventory.yml" playbooks/emergency/rollback.yml -e "app=api version=previous" 2>&1 | tee "$work/output"
echo "It serves: $(cat "$work/current/index.html")"

say "It was not to blame: the command that the rollback has printed undoes it"
ansible-playbook -i "$work/inventory.yml" incident.response.undo -e "$(grep -o 'run=[0-9]*T[0-9]*-[0-9a-f]*' "$work/output" | tail -1)"
echo "It serves: $(cat "$work/current/index.html")"

say "Customers are told: the text is a template's, with what is known"
ansible-playbook -i "$work/inventory.yml" playbooks/incident/communicate.yml \
  -e '{"service": "api", "publish": true, "message": "A web server had stopped. It is running again."}'

say "What a team reads in chat meanwhile. This chat is a stand-in on this machine: nobody else has read it"
python tests/servers/shown.py "$ROCKETCHAT_URL"

say "What was recorded, without anyone typing: ansible-playbook incident.response.incident_show"
ansible-playbook incident.response.incident_show

cat <<EOF

The record is $INCIDENT_STATE_DIR/journal.db
The status page is $INCIDENT_STATE_DIR/page/index.html
To look at the incident again (its chat has ended with the demo):
  export PATH=\$PWD/.venv/bin:\$PATH INCIDENT_STATE_DIR=\$PWD/.cache/demo-state INCIDENT_CONFIG=/dev/null
  ansible-playbook -i localhost, incident.response.incident_show -e detail=true
Next, a service of your own in five minutes: README.md
EOF
