# Everything runs in a virtual environment of its own; nothing else is needed but Python 3.11 or newer.
VENV := .venv
PYTHON := $(shell for p in python3.13 python3.12 python3.11 $(HOME)/.pyenv/versions/3.1[123]*/bin/python python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test lint bench
$(VENV)/.done: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install python3 and python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $@

demo: $(VENV)/.done
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" tests/demo.sh

test: $(VENV)/.done
	$(VENV)/bin/ruff check plugins tests
	$(VENV)/bin/python -m pytest tests

lint: $(VENV)/.done
	$(VENV)/bin/ruff check plugins tests

bench: $(VENV)/.done
	$(VENV)/bin/python tests/bench/overhead.py
