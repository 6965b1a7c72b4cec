# shellcheck shell=bash
# What every set-up script shares: where things lie, how people are told, how a Debian package is had.
# Sourced, never run.

# The repository's folder: the parent of this file's.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this
VENV="$ROOT/.venv"
TOOLS="$ROOT/.tools"

# Says one line on the terminal. Arguments: the words.
say() { printf '==> %s\n' "$*" >&2; }

# Stops with one line that says what is missing and the way to get it. Exit code 2: the machine lacks something.
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}

# gVisor, vLLM's wheels and most of what these scripts call exist on Linux only.
[ "$(uname -s)" = Linux ] ||
    fail "SelfCodeAlign needs Linux, and this is $(uname -s): use a Linux machine or virtual machine, or on Windows WSL 2"

is_root() { [ "$(id -u)" -eq 0 ]; }

# Where the Docker daemon of our own keeps what must stay root's: its images, and its socket.
DAEMON_DATA="$TOOLS/docker/data"
DAEMON_RUN="$TOOLS/docker/run"

# Gives what root made in the checkout to its owner. The daemon's own files stay as they are.
hand_over() {
    is_root && [ "$(stat -c %u "$ROOT")" -ne 0 ] || return 0
    find "$ROOT" \( -path "$DAEMON_DATA" -o -path "$DAEMON_RUN" \) -prune -o -user root -exec chown -h "$(stat -c %u:%g "$ROOT")" {} +
}

# Stops with one line if files of somebody else are in the way, such as those that `sudo make` of an earlier version left.
require_own_files() {
    local path
    ! is_root || return 0
    for path in "$VENV" "$TOOLS" "$TOOLS"/* "$TOOLS/docker/lock" "$ROOT/.cache" "$ROOT"/.cache/*; do
        case "$path" in "$DAEMON_DATA" | "$DAEMON_RUN") continue ;; esac
        [ ! -e "$path" ] || [ -w "$path" ] ||
            fail "$path belongs to $(stat -c %U "$path") and cannot be written: run 'sudo $ROOT/setup/owner.sh' once, then make again"
    done
}

has() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian or Ubuntu packages. Arguments: what they are for, then the packages.
apt_install() {
    local purpose=$1
    shift
    is_root || fail "$purpose needs the packages '$*': install them ('sudo apt-get install $*'), or run make as root"
    has apt-get || fail "$purpose needs '$*', and this system has no apt-get: install them with its own package manager"
    mkdir -p "$TOOLS"
    say "installing Debian packages for $purpose: $*"
    local log="$TOOLS/apt.log"
    # An index that was never fetched, or is out of date, makes the first try fail.
    apt_get_install "$@" >"$log" 2>&1 && return
    apt-get update -qq >>"$log" 2>&1 || true
    apt_get_install "$@" >>"$log" 2>&1 ||
        fail "$purpose needs '$*', and apt-get could not install them (see $log): install them by hand, then run make again"
}

apt_get_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}
