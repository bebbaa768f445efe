# make demo: build qemu-arm64 with the shipped model, boot it, check its answers.
# make test: every test; builds and boots a real image.
# Both install what is missing: apt packages from catalog/host.yaml, and a virtual
# environment in .venv. The second time that costs nothing.

VENV ?= .venv
PYTHON ?= python3
EXTRA ?= dev
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
SOURCES := generator tests models
# Files in their own order: the images first, which take longest, so that nothing waits at the end.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder
# Where there is no Debian mirror in apt's configuration, as on Ubuntu: make MIRROR=https://...
export EDGEIMG_MIRROR := $(MIRROR)

# packages WORDS: Debian packages of the host list that serve one of these words.
packages = $(shell for word in $(1); do sed -n "s/.*{package: \([^,]*\),.*for:.*[[ ]$$word[],].*/\1/p" catalog/host.yaml; done | sort -u)
DEMO_PACKAGES := $(call packages,debian arm64 qemu-arm64 venv)
TEST_PACKAGES := $(call packages,debian arm64 qemu-arm64 venv test)
ALL_PACKAGES := $(call packages,debian $(foreach arch,arm64 arm riscv64 x86_64,$(arch) qemu-$(arch)) venv test)
# For the checkouts that are given. The last five stand for what BitBake would build first.
UPSTREAM_PACKAGES := $(call packages,venv test \
	$(if $(BUILDROOT),buildroot arm64 arm riscv64 x86_64 qemu-arm64 qemu-x86_64) \
	$(if $(OE_CORE),yocto debian arm64 qemu-arm64)) \
	$(if $(OE_CORE),dpkg-dev pkg-config pseudo quilt rpm)

.PHONY: app-test help demo test test-all test-upstream lint docs bench record setup-demo setup-test setup-all venv clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: setup-demo
	@$(BIN)/edgeimg verify --board qemu-arm64

test: setup-test lint app-test
	$(PYTEST) -m "not boards and not upstream"

# Also with clang's static analyzer, which takes longer than all else that clang-tidy does.
test-all: APP_TEST = --analyze
test-all: setup-all lint app-test
	$(PYTEST) -m "not upstream"

# make test-upstream BUILDROOT=dir: against that checkout of Buildroot; also builds images.
# make test-upstream OE_CORE=dir BITBAKE=dir LAYERS="dir ...": against these of one Yocto series.
# make test-upstream TENSORRT_INCLUDE="dir ...": the adapter, against these headers of it and CUDA.
# Without what takes long: UPSTREAM_TESTS="upstream and not slow".
UPSTREAM_TESTS ?= upstream
test-upstream: setup-upstream
	BUILDROOT="$(BUILDROOT)" OE_CORE="$(OE_CORE)" BITBAKE="$(BITBAKE)" LAYERS="$(LAYERS)" \
		DL_DIR="$(DL_DIR)" TENSORRT_INCLUDE="$(TENSORRT_INCLUDE)" \
		$(BIN)/pytest tests/upstream -rs -m "$(UPSTREAM_TESTS)"

# Installs the packages that are missing, and says so. $(1): the list.
define install
@missing=$$(for package in $(1); do \
	dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
if [ -n "$$missing" ]; then \
	echo "Installing Debian packages:" $$missing; \
	$(SUDO) apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
fi
endef

setup-demo:
	$(call install,$(DEMO_PACKAGES))
	@$(MAKE) --no-print-directory venv EXTRA=onnx

setup-test:
	$(call install,$(TEST_PACKAGES))
	@$(MAKE) --no-print-directory venv EXTRA=dev

setup-all:
	$(call install,$(ALL_PACKAGES))
	@$(MAKE) --no-print-directory venv EXTRA=dev

setup-upstream:
	$(call install,$(UPSTREAM_PACKAGES))
	@$(MAKE) --no-print-directory venv EXTRA=upstream

venv: $(VENV)/$(EXTRA).done

$(VENV)/$(EXTRA).done: pyproject.toml tests/constraints.txt
	@echo "Installing Python packages into $(VENV) ($(EXTRA))"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c tests/constraints.txt -e '.[$(EXTRA)]'
	@touch $@

# The shell scripts among the files that git knows. $(1): patterns.
scripts = $$(git ls-files $(1) | xargs grep -lE '^\#!/bin/(busybox )?(sh|bash)|^\#!/usr/bin/env (sh|bash)')

lint:
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	shellcheck -x --source-path debian-image $(call scripts,'debian-image/*' '.ci/*' 'tests/app/run' 'tests/upstream/yocto/*')
	shellcheck -x --source-path buildroot-external $(call scripts,'buildroot-external/*')
	clang-format --dry-run --Werror $$(git ls-files 'app/*.cc' 'app/*.h')

# The app's own tests on the host, with sanitizers, against the real runtime.
app-test:
	tests/app/run $(APP_TEST) $(BIN)/python

docs: venv
	$(BIN)/python -c 'from edgeimg.manifest.schema import reference; print(reference(), end="")' > docs/manifest.md

# All boards and runtimes, for docs/upstream-runs.md and the README's table.
record: setup-all
	$(BIN)/python -m tests.record

# Timings; compare only within one run, on an idle machine.
bench: setup-demo
	$(BIN)/python -m tests.bench.bench

clean:
	rm -rf build $(VENV)

print-%:
	@echo $($*)
