# Two commands do all the set-up: `make demo` and `make test`. Python's packages go into .venv, pinned by the locks in requirements/.
VENV := .venv
# Also Debian's sbin: it has the programs that create hosts and containers, and not every PATH contains it.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: demo test check lint types fuzz bench chaos docs lock transcripts picture
$(VENV)/.run: requirements/run.lock
	tests/venv.sh run

$(VENV)/.dev: requirements/dev.lock
	tests/venv.sh dev

demo: $(VENV)/.run
	tests/demo.sh

# The target names everything that is missing on this machine, and then fails at its end; PARTIAL=1 accepts that.
# Tests with real hosts and containers run one after the other, take half of the time, and mostly wait. So they have a separate process, and two
# cores can serve two other processes beside it.
test:
	tests/packages.sh
	$(MAKE) --no-print-directory lint
	python -m pytest tests --numprocesses 3

# None of these has skips or ignore files.
lint: $(VENV)/.dev types
	python tests/docs.py --check
	python tests/picture.py --check
	antsibull-changelog lint
	ansible-lint playbooks roles extensions meta galaxy.yml
	tests/sanity.sh

# For each save: style, types and the unit tests, in less than 3 minutes.
check: $(VENV)/.dev types
	python -m pytest tests/unit --numprocesses 2 -q

types: $(VENV)/.dev
	ruff format --check plugins tests
	ruff check plugins tests
	mypy -p ansible_collections.incident.response.plugins
	mypy tests/servers tests/conftest.py tests/left_out.py tests/sites.py tests/environments.py tests/pages.py tests/deployments.py tests/projects.py tests/kubernetes_core.py tests/unit tests/fuzz tests/integration tests/e2e tests/bench tests/docs.py tests/picture.py

docs: $(VENV)/.dev
	python tests/docs.py

lock: $(VENV)/.dev
	requirements/lock.sh

# Draws the picture of README.md, docs/timeline.svg, from the record of the demo.
picture: demo
	python tests/picture.py

# Writes tests/integration/transcripts again: look at the difference before you keep it.
transcripts: $(VENV)/.dev
	python -m pytest tests/integration/test_transcripts.py tests/integration/test_stories.py --renew

# Ten rounds on real hosts (the tests run three): INCIDENT_CHAOS_SEED=N repeats the same rounds.
chaos: $(VENV)/.dev
	INCIDENT_CHAOS=10 python -m pytest tests/e2e/test_lost_hosts.py -v -k whoever

# Random answers, files and words, many more than in the tests, for some minutes: SEED=N repeats the same ones.
fuzz: SEED ?= $(shell date +%s)
fuzz: $(VENV)/.dev
	python -m pytest tests/fuzz --numprocesses 2 --hypothesis-profile long --hypothesis-seed $(SEED)

bench: $(VENV)/.dev
	python tests/bench/overhead.py
	python tests/bench/action.py
	python tests/bench/tick.py
	python tests/bench/page.py
	python tests/bench/wrapping.py
