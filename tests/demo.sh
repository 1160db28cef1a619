#!/usr/bin/env bash
# The handbook's restart command against a real service that was broken, with embedded defaults.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap '"$work/service" stop || true; rm -rf "$work"' EXIT
export INCIDENT_STATE_DIR=${INCIDENT_STATE_DIR:-$PWD/.cache/demo-state}
cat > "$work/service" <<EOF
#!/usr/bin/env bash
# A web server that runs without root and without systemd.
case \$1 in
  start) cd "$work"; setsid python -m http.server --bind 127.0.0.1 18080 >/dev/null 2>&1 </dev/null & echo \$! > "$work/pid" ;;
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
      service_restart_http: http://127.0.0.1:18080/
EOF
"$work/service" start
echo "api runs; now it is killed"
sleep 1
kill -KILL "$(cat "$work/pid")"
ansible-playbook -i "$work/inventory.yml" playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
echo "now customers are told: the text is a template's, with what is known"
ansible-playbook -i "$work/inventory.yml" playbooks/incident/communicate.yml \
  -e '{"service": "api", "publish": true, "message": "A web server had stopped. It is running again."}'
echo
python tests/timeline.py
echo "The record is in $INCIDENT_STATE_DIR (journal.db)"
echo "The status page is $INCIDENT_STATE_DIR/page/index.html"
