# Two commands: `make demo` shows the main job, `make test` passes the tests. Both set up what they need.
PYTHON ?= python3.11
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: setup setup-demo setup-test demo demo-check test test-docker compose-check soak lint bench lock screenshots compatibility

setup: .venv/.runtime ## .venv/bin/spaces
setup-demo: .venv/.demo
setup-test: .venv/.test

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check "$$(grep -o 'uv==[0-9.]*' pyproject.toml | head -1)"

.venv/.%: requirements-%.lock pyproject.toml deploy/install.sh | .venv/bin/uv
	deploy/install.sh $*
	touch $@

lock: | .venv/bin/uv ## resolve again, on purpose
	deploy/lock.sh

demo: setup-demo
	$(BIN)/python -m bench.demo

demo-check: setup-demo
	$(BIN)/python -m bench.demo --check

lint: setup-test
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --cache-dir .cache/import_linter

test: lint
	deploy/test-tools.sh
	$(BIN)/pytest -n 2 --dist loadfile --ignore tests/docker

test-docker: setup-test ## what needs a container engine, on the one that runs here or one of its own
	deploy/with-engine.sh $(BIN)/pytest tests/docker

compose-check: setup-demo ## compose.yaml, from up to down: a push by the real client, an answer, nothing left
	NEEDS="caddy haproxy" deploy/with-engine.sh $(BIN)/python -m bench.compose

soak: setup-test ## a quarter of an hour and more: a hundred kills, many more tries of the fuzzer
	KILL_MOMENTS=100 $(BIN)/pytest -s -o faulthandler_timeout=7200 tests/promises/test_kill_content.py
	FUZZ_TRIES=200 $(BIN)/pytest --timeout 7200 -o faulthandler_timeout=7200 tests/hub/test_fuzz.py

screenshots: setup-test ## beside a running `make demo`
	$(BIN)/python -m bench.screenshots

compatibility: setup-test ## docs/compatibility.md, from the marks of the tests
	$(BIN)/python -m tests.compatibility

bench: setup-test
	$(BIN)/spaces bench all
