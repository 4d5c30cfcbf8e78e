# Every command installs what it needs, once. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help install run worker test-browser test test-postgresql test-pgbouncer test-faults test-deploy test-systemd test-container test-docs test-schema audit bench bench-crowd bench-flood bench-equal-time bench-instructions bench-scale bench-worst node lint lint-schema format migrate migrate-create messages backup restore superuser shell wrk clean

# The first Python that runs and is new enough; say PYTHON=… to use another one.
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(IS_NEW_ENOUGH) 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
RUNS := $(BIN)/.runs
LINTS := $(BIN)/.lints
PEERS := bench/.venv/.installed
SNIPPETS := docs/node_modules/.installed
PIP_AUDIT := $(BIN)/pip-audit --no-deps --disable-pip --progress-spinner off --requirement
PIP := $(BIN)/pip --quiet --quiet --disable-pip-version-check

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@test -n "$(PYTHON)" && $(PYTHON) $(IS_NEW_ENOUGH) 2>/dev/null || { echo "Python 3.11 or newer is needed: install it, or say PYTHON=… where it is."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no pip and venv: install them first (on Debian: apt install python3-venv)."; exit 1; }
	@$(PYTHON) -m venv .venv

$(RUNS): requirements.txt | $(BIN)/python
	@echo "Installing what is needed to run and to test …"
	@$(PIP) install -r requirements.txt
	@touch $@

$(LINTS): requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing what is needed to lint …"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(PEERS): bench/peers/requirements.txt | $(BIN)/python
	@echo "Installing what the services beside ours need …"
	@$(PYTHON) -m venv bench/.venv
	@bench/.venv/bin/pip --quiet --quiet --disable-pip-version-check install -r bench/peers/requirements.txt
	@touch $@

wrk:
	@command -v wrk >/dev/null || { echo "wrk is needed (on Debian: apt install wrk)"; exit 1; }

node:
	@command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || { echo "Node.js 20 or newer and npm are needed for the snippets of docs/frontend.md and the linter of the schema; they are not needed for the service."; exit 1; }

$(SNIPPETS): docs/package-lock.json | node
	@echo "Installing what the snippets of docs/frontend.md and the linter of the schema need …"
	@npm ci --prefix docs --no-audit --no-fund --silent
	@touch $@

.PHONY: .env
.env: | $(RUNS)
	@test -n "$$SECRET_KEY$$SECRET_KEY_FILE" || grep -qsE '^[[:space:]]*(export[[:space:]]+)?SECRET_KEY(_FILE)?[[:space:]]*=[[:space:]]*[^[:space:]]' .env || { \
		umask 077; touch .env && chmod 600 .env && { test -z "$$(tail -c 1 .env)" || echo >> .env; } && \
		$(BIN)/python -c 'import secrets; print(f"SECRET_KEY={secrets.token_urlsafe(64)}")' >> .env && \
		echo "Wrote a random SECRET_KEY to .env, which is private to this machine." || \
		{ echo "No SECRET_KEY can be written to .env: make it writable, or set SECRET_KEY in the environment."; exit 1; }; }

install: $(RUNS) .env  ## Set up the virtual environment and .env.

run: install migrate  ## Serve on http://127.0.0.1:8000, or on PORT.
	@exec $(BIN)/gunicorn -c python:lazyrabbit.gunicorn

worker: install  ## Send queued mail; `make run` does so by itself. Any number may run.
	@exec $(BIN)/python manage.py worker

test: $(RUNS)  ## Run the tests on SQLite; those that race on PostgreSQL are skipped.
	@$(BIN)/pytest -n auto $(ARGS)

test-postgresql: $(RUNS)  ## Run the tests on the PostgreSQL of DATABASE_URL.
	@DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} $(BIN)/pytest -n auto $(ARGS)

test-pgbouncer: $(RUNS)  ## Run the same through PgBouncer, in transaction pooling.
	@command -v pgbouncer >/dev/null || { echo "PgBouncer is needed (on Debian: apt install pgbouncer)."; exit 1; }
	@deploy/through-pgbouncer $(BIN)/pytest -n auto -m "not browser and not direct" $(ARGS)

test-faults: $(RUNS)  ## Break a separate database and two nodes, and check that nothing is lost.
	@$(BIN)/pytest -p no:randomly tests/faults $(ARGS)

test-browser: $(LINTS)  ## Run the tests that look at pages in headless Chromium.
	@command -v chromedriver >/dev/null || { echo "Chromium and its driver are needed (on Debian: apt install chromium chromium-driver)."; exit 1; }
	@$(BIN)/pytest -m browser $(ARGS)

test-schema: $(LINTS)  ## Send a server requests that the schema allows or forbids (Schemathesis).
	@$(BIN)/pytest -n auto -p no:randomly tests/schema $(ARGS)

test-docs: node $(RUNS) $(SNIPPETS)  ## Run the snippets of docs/frontend.md against a server.
	@docs/run-snippets

test-deploy: $(RUNS)  ## Run the tests of deploy/: nginx before two nodes, on PostgreSQL.
	@command -v nginx >/dev/null || { echo "nginx is needed (on Debian: apt install nginx)."; exit 1; }
	@DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} $(BIN)/pytest deploy $(ARGS)

test-systemd:  ## Boot a Debian that runs the units; takes some minutes, as root.
	@deploy/check-systemd

test-container:  ## Build the container and run it; takes some minutes, as root.
	@deploy/check-container

lint: $(LINTS)  ## Check style, types, migrations and the schema.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

lint-schema: node $(LINTS) $(SNIPPETS)  ## Check the schema as Redocly does (needs Node.js).
	@$(BIN)/python manage.py spectacular --format openapi-json --file docs/node_modules/openapi.json
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
		docs/node_modules/.bin/redocly lint --extends recommended docs/node_modules/openapi.json

audit: $(LINTS)  ## Look for known vulnerabilities in pinned libraries, and for dangers in our code.
	@echo django==3.2.0 | $(PIP_AUDIT) /dev/stdin >/dev/null 2>&1 && echo "No advisories can be had here: the next line means nothing." || true
	@$(PIP_AUDIT) requirements-dev.txt
	@$(BIN)/bandit --quiet --recursive --severity-level medium --exclude '*/tests/*,*/conftest.py' accounts deploy lazyrabbit manage.py

bench: wrk $(RUNS) $(PEERS)  ## Measure our service beside others; takes about 40 minutes.
	@DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} $(BIN)/python -m bench.compare $(ARGS)

bench-instructions: $(RUNS) $(PEERS)  ## Count a request's instructions, ours or ARGS="--services fastapi,floor".
	@command -v valgrind >/dev/null || { echo "Valgrind is needed (on Debian: apt install valgrind)."; exit 1; }
	@DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} $(BIN)/python -m bench.instructions $(ARGS)

bench-flood: $(RUNS)  ## Measure reads while 32 clients flood sign-in; takes some minutes.
	@$(BIN)/python -m bench.flood $(ARGS)

bench-crowd: $(RUNS)  ## Measure a crowd that signs in at once, and a bystander of a flood.
	@$(BIN)/python -m bench.crowd $(ARGS)

bench-equal-time: $(RUNS)  ## Measure whether an answer's time reveals an account.
	@$(BIN)/python -m bench.equal_time $(ARGS)

bench-worst: $(RUNS)  ## Measure the most expensive request of every route, on PostgreSQL.
	@DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} $(BIN)/python -m bench.worst $(ARGS)

bench-scale: $(RUNS)  ## Measure the cost of many users: ARGS="--users 1000 1000000".
	@$(BIN)/python -m bench.scale $(ARGS)

format: $(LINTS)  ## Format the code.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

migrate: install  ## Bring the database up to date.
	@$(BIN)/python manage.py migrate --verbosity 0

migrate-create: install  ## Make a migration of what changed in the models; asks for its name.
	@read -p "Name of the migration, like add_nickname: " name && $(BIN)/python manage.py makemigrations accounts --name "$$name"

messages: $(RUNS)  ## Collect texts for translation, and compile translations (needs gettext).
	@$(BIN)/python manage.py makemessages --all --no-location --no-obsolete --ignore tests --ignore bench --ignore .venv
	@cd accounts && ../$(BIN)/python ../manage.py compilemessages

backup: $(RUNS)  ## Back the database up into a new file in FOLDER, or in backups.
	@$(BIN)/python manage.py backup "$(or $(FOLDER),backups)" $(ARGS)

restore: $(RUNS)  ## Replace the database by the backup FILE; everyone is signed out.
	@test -n "$(FILE)" || { echo "Say which backup: make restore FILE=backups/accounts-…"; exit 1; }
	@$(BIN)/python manage.py restore "$(FILE)" $(ARGS)

superuser: migrate  ## Make a staff account that may do everything.
	@$(BIN)/python manage.py createsuperuser

shell: install  ## Open a Python shell with the project loaded.
	@$(BIN)/python manage.py shell

clean:  ## Remove everything that can be made again; .env and the database stay.
	@rm -rf .venv bench/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov docs/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The names of the old project.
%-backend: %
	@:
