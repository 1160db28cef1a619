# Everything runs in a virtual environment of its own; nothing else is needed but Python 3.11 or newer. The newest is taken.
VENV := .venv
PYTHONS := $(shell for v in 3.13 3.12 3.11; do echo python$$v; ls -d $(HOME)/.pyenv/versions/$$v.*/bin/python 2>/dev/null; done; echo python3)
PYTHON := $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test lint bench docs
$(VENV)/.done: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install python3 and python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $@

demo: $(VENV)/.done
	tests/demo.sh

# Real hosts and containers take half of the time, one test after the other: they have a process of their own.
test: lint
	python -m pytest tests --numprocesses 2

# No skips and no ignore files in any of these.
lint: $(VENV)/.done
	ruff check plugins tests
	mypy -p ansible_collections.incident.response.plugins
	mypy tests/servers tests/sites.py tests/pages.py tests/deployments.py tests/kubernetes_core.py tests/unit tests/integration tests/e2e tests/bench tests/docs.py
	python tests/docs.py --check
	antsibull-changelog lint
	ansible-lint playbooks roles extensions meta galaxy.yml
	tests/sanity.sh

docs: $(VENV)/.done
	python tests/docs.py

bench: $(VENV)/.done
	python tests/bench/overhead.py
	python tests/bench/action.py
	python tests/bench/tick.py
	python tests/bench/page.py
	python tests/bench/wrapping.py
