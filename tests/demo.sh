#!/usr/bin/env bash
# The handbook's restart command against a real service that was broken, with embedded defaults.
set -euo pipefail
cd "$(dirname "$0")/.."

# Nothing of yours is touched or told: no chat, no configuration, no state folder. The demo has its own, and begins with an empty one.
for name in $(compgen -e | grep -E '^(INCIDENT|ROCKETCHAT|ANSIBLE)_'); do unset "$name"; done
export INCIDENT_STATE_DIR=$PWD/.cache/demo-state INCIDENT_CONFIG=/dev/null
rm -rf "$INCIDENT_STATE_DIR"

work=$(mktemp -d)
trap '"$work/service" stop || true; rm -rf "$work"' EXIT
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/service" <<EOF
#!/usr/bin/env bash
# A web server that runs without root and without systemd.
case \$1 in
  start) cd "$work"; setsid python -m http.server --bind 127.0.0.1 $port >/dev/null 2>&1 </dev/null & echo \$! > "$work/pid" ;;
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
      service_restart_backend: command
      service_restart_commands:
        start: [$work/service, start]
        stop: [$work/service, stop]
        status: [$work/service, status]
      service_restart_http: http://127.0.0.1:$port/
EOF
"$work/service" start
until (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  "$work/service" status || { echo "The demo's web server did not start on port $port of 127.0.0.1." >&2; exit 1; }
  sleep 0.1
done
echo "api runs on http://127.0.0.1:$port/; now it is killed"
kill -KILL "$(cat "$work/pid")"
ansible-playbook -i "$work/inventory.yml" playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
echo "now customers are told: the text is a template's, with what is known"
ansible-playbook -i "$work/inventory.yml" playbooks/incident/communicate.yml \
  -e '{"service": "api", "publish": true, "message": "A web server had stopped. It is running again."}'
echo
ansible-playbook incident.response.incident_show
echo "The record is in $INCIDENT_STATE_DIR (journal.db)"
echo "The status page is $INCIDENT_STATE_DIR/page/index.html"
