# Two commands do all the set-up: `make demo` and `make test`. Python's packages go into .venv, pinned by the locks in requirements/.
VENV := .venv
# Debian's sbin, too: what makes hosts and containers is there, and not on everybody's PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: demo test lint fuzz bench chaos docs lock transcripts picture
$(VENV)/.run: requirements/run.lock
	tests/venv.sh run

$(VENV)/.dev: requirements/dev.lock
	tests/venv.sh dev

demo: $(VENV)/.run
	tests/demo.sh

# What can't be had on this machine is said, and makes this fail at its end; PARTIAL=1 accepts that.
# Real hosts and containers take half of the time, one test after the other, much of which they wait: they have a process of their own, and two
# cores have work for two others beside it.
test:
	tests/packages.sh
	$(MAKE) --no-print-directory lint
	python -m pytest tests --numprocesses 3

# No skips and no ignore files in any of these.
lint: $(VENV)/.dev
	ruff check plugins tests
	mypy -p ansible_collections.incident.response.plugins
	mypy tests/servers tests/conftest.py tests/left_out.py tests/sites.py tests/environments.py tests/pages.py tests/deployments.py tests/projects.py tests/kubernetes_core.py tests/unit tests/fuzz tests/integration tests/e2e tests/bench tests/docs.py tests/picture.py
	python tests/docs.py --check
	python tests/picture.py --check
	antsibull-changelog lint
	ansible-lint playbooks roles extensions meta galaxy.yml
	tests/sanity.sh

docs: $(VENV)/.dev
	python tests/docs.py

lock: $(VENV)/.dev
	requirements/lock.sh

# The picture of README.md, docs/timeline.svg, from what the demo records.
picture: demo
	python tests/picture.py

# What people read in tests/integration/transcripts, written anew: look at the difference before you keep it.
transcripts: $(VENV)/.dev
	python -m pytest tests/integration/test_transcripts.py tests/integration/test_stories.py --renew

# Ten rounds on real hosts, of which the tests make three: INCIDENT_CHAOS_SEED=N makes the same ones again.
chaos: $(VENV)/.dev
	INCIDENT_CHAOS=10 python -m pytest tests/e2e/test_lost_hosts.py -v -k whoever

# Answers, files and words that are made up, many more than the tests take, some minutes: SEED=N makes the same ones again.
fuzz: SEED ?= $(shell date +%s)
fuzz: $(VENV)/.dev
	python -m pytest tests/fuzz --numprocesses 2 --hypothesis-profile long --hypothesis-seed $(SEED)

bench: $(VENV)/.dev
	python tests/bench/overhead.py
	python tests/bench/action.py
	python tests/bench/tick.py
	python tests/bench/page.py
	python tests/bench/wrapping.py
