#!/usr/bin/env bash
# A Docker daemon that has gVisor (runsc) as a runtime.
#
#   setup/docker.sh start    use the running Docker that has `runsc`, else start a daemon of our own
#   setup/docker.sh stop     stop the daemon that `start` started (a Docker that was there stays)
#   setup/docker.sh purge    stop, and remove its images and files
#   setup/docker.sh runsc    no daemon: only see that gVisor is installed, for the runtime `runsc-direct`, and what
#                            builds its root file system, unless that was copied here from another machine
#   setup/docker.sh status   say which daemon is used; exit 0 when it answers
#
# The daemon of our own keeps its data, socket, pid file and log in .tools/docker, has neither bridge nor firewall rules
# (sandboxes have no network) and shares nothing with another Docker. Its address goes to .tools/docker-host, which
# the library reads when DOCKER_HOST is not set.
#
# A missing gVisor is downloaded (setup/gvisor.py; GVISOR_URL names a mirror, or is empty to skip the download). If that
# fails, the distribution's package is installed. It should be as new as selfcodealign/sandbox/releases.py says; with REQUIRE_CURRENT_GVISOR=1 an older one is refused.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Where `download_runsc` puts gVisor without root.
PATH="$PATH:$VENV/bin"

HOST_FILE="$TOOLS/docker-host"
HOME_DIR="$TOOLS/docker"
CONFIG="$HOME_DIR/daemon.json"
LOG="$HOME_DIR/dockerd.log"
START_TIMEOUT_S=60

# A short name for this checkout: daemons of several checkouts must not meet.
KEY=$(printf '%s' "$ROOT" | sha256sum | cut -c1-10)

# The address of a unix socket has at most 107 bytes, and dockerd appends up to 40 of its own to this folder.
RUN_DIR="$HOME_DIR/run"
[ "${#RUN_DIR}" -le 64 ] || RUN_DIR="/run/selfcodealign-$KEY"
SOCKET="$RUN_DIR/docker.sock"
PID_FILE="$RUN_DIR/dockerd.pid"

# Whether the Docker at an address answers and has gVisor. Arguments: the address ('' is Docker's default).
has_runsc_runtime() {
    has docker || return 1
    local runtimes
    # shellcheck disable=SC2016 # the $ are the template's
    runtimes=$(timeout 20 docker ${1:+-H "$1"} info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' 2>/dev/null) || return 1
    case " $runtimes " in *" runsc "*) return 0 ;; *) return 1 ;; esac
}

# The pid of our own daemon, if it runs. A pid file may outlive its daemon, and the pid may since be another program's.
own_pid() {
    local pid
    pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qsF -- "$PID_FILE" "/proc/$pid/cmdline" || return 1
    printf '%s' "$pid"
}

# Downloads gVisor's own current release if there is no gVisor. A failed download is reported and is not an error: the
# distribution's package is next. Root installs it for the whole machine, other users into the virtual environment.
download_runsc() {
    local folder=/usr/local/bin message code=0
    ! has runsc || return 0
    is_root || folder="$VENV/bin"
    say "downloading gVisor's current release"
    message=$(run_python "$ROOT/setup/gvisor.py" "$folder/runsc" 2>&1) || code=$?
    case "$code" in
        0) say "gVisor is installed: $folder/runsc" ;;
        4) fail "$message" ;;
        *) say "gVisor's own release cannot be had (${message##*$'\n'})" ;;
    esac
}

# What the sandbox needs. Arguments: more packages.
install_packages() {
    local packages=("$@")
    download_runsc
    has runsc || packages+=(runsc)
    # Makes the image of the sandbox where no image registry is reachable.
    has mmdebstrap || packages+=(mmdebstrap debian-archive-keyring)
    [ "${#packages[@]}" -eq 0 ] || apt_install "the sandbox" "${packages[@]}"
    require_release "$(command -v runsc)"
}

# What gVisor without Docker needs: a root file system that was copied here needs nothing that builds one.
install_alone() {
    local packages=()
    require_own_files
    download_runsc
    has runsc || packages+=(runsc)
    has mmdebstrap || has_root_folder || packages+=(mmdebstrap debian-archive-keyring)
    if [ "${#packages[@]}" -gt 0 ]; then
        is_root || fail "gVisor without Docker needs '${packages[*]}': run 'sudo make sandbox SANDBOX=runsc-direct', or without root put gVisor's runsc on the PATH (https://gvisor.dev/docs/user_guide/install/) and copy .cache/sandbox/rootfs from a machine that has it"
        apt_install "the sandbox" "${packages[@]}"
    fi
    require_release "$(command -v runsc)"
    hand_over
}

# Whether the root file system of this version is in place.
has_root_folder() {
    (cd "$ROOT" && "$VENV/bin/python" -m selfcodealign.sandbox.image has-rootfs) >/dev/null 2>&1
}

# Runs a file that needs nothing but Python. Arguments: the file, then its own.
run_python() {
    local python="$VENV/bin/python"
    [ -x "$python" ] || python=python3
    "$python" -I "$@"
}

# The same for a file of the library. Arguments: its name, then its own.
run_library_file() {
    local file=$1
    shift
    run_python "$ROOT/selfcodealign/sandbox/$file" "$@"
}

# Warns if gVisor is older than the minimum, and stops with REQUIRE_CURRENT_GVISOR. Arguments: its `runsc`, which may be unknown, or
# be on the machine of another daemon.
require_release() {
    local version problem code=0
    [ -n "$1" ] && version=$("$1" --version 2>/dev/null) || return 0
    version=${version%%$'\n'*}
    problem=$(run_library_file releases.py "${version#runsc version }" 2>&1) || code=$?
    [ "$code" -ne 0 ] || return 0
    [ "$code" -eq 3 ] || fail "the release of $1 cannot be checked: $problem"
    [ -z "${REQUIRE_CURRENT_GVISOR:-}" ] || fail "$problem"
    say "warning: $problem"
}

# The `runsc` of the Docker at an address. Arguments: the address ('' is Docker's default).
runsc_of() {
    # shellcheck disable=SC2016 # the $ are the template's
    docker ${1:+-H "$1"} info --format '{{range $name, $runtime := .Runtimes}}{{if eq $name "runsc"}}{{$runtime.Path}}{{end}}{{end}}' 2>/dev/null || true
}

# The gVisor platform for the daemon: the one that `runsc` without Docker uses too, by the same rule and from the same file.
probe_platform() {
    run_library_file platforms.py "$(command -v runsc)" "$ROOT/.cache/sandbox/platform.json" 2>>"$LOG" ||
        fail "gVisor ($(command -v runsc)) starts no sandbox on this machine, see $LOG: it needs ptrace and user namespaces (a container must be privileged)"
}

write_config() {
    local platform
    platform=$(probe_platform)
    # Old releases of runsc refuse to start in the host's network namespace on new kernels without --network=none.
    cat >"$CONFIG" <<JSON
{
  "runtimes": {
    "runsc": {"path": "$(command -v runsc)", "runtimeArgs": ["--network=none", "--platform=$platform"]}
  }
}
JSON
}

start_own() {
    is_root || fail "no running Docker has the gVisor runtime 'runsc': run 'sudo make sandbox', or add the runtime to your Docker (https://gvisor.dev/docs/user_guide/install/)"
    if has dockerd && has docker; then install_packages; else install_packages docker.io; fi
    mkdir -p "$RUN_DIR" "$DAEMON_DATA"
    chmod 755 "$TOOLS" "$HOME_DIR" "$RUN_DIR" # whatever root's umask: the owner of the checkout has to reach the socket
    write_config
    say "starting a Docker daemon with gVisor (log: $LOG)"
    # setsid: the daemon outlives this make, and its Ctrl-C.
    setsid dockerd --config-file "$CONFIG" --host "unix://$SOCKET" --pidfile "$PID_FILE" \
        --data-root "$DAEMON_DATA" --exec-root "$RUN_DIR/exec" \
        --containerd-namespace "selfcodealign-$KEY" --containerd-plugins-namespace "selfcodealign-$KEY-plugins" \
        --iptables=false --bridge=none </dev/null >>"$LOG" 2>&1 &
    wait_until_up $!
}

# Uses our own daemon. Who ran `sudo make sandbox` in a checkout of their own uses it without sudo from then on. That is
# as much power as the group `docker` has, and goes to nobody else.
use_own() {
    ! is_root || chown "$(stat -c %u "$ROOT")" "$SOCKET"
    printf 'unix://%s\n' "$SOCKET" >"$HOST_FILE"
}

# Waits for the daemon's first answer. Arguments: its pid.
wait_until_up() {
    local deadline=$((SECONDS + START_TIMEOUT_S))
    until has_runsc_runtime "unix://$SOCKET"; do
        kill -0 "$1" 2>/dev/null || fail "dockerd ended at once, its last lines are in $LOG: $(tail -n 1 "$LOG")"
        [ "$SECONDS" -lt "$deadline" ] || fail "dockerd did not answer in $START_TIMEOUT_S s, see $LOG"
        sleep 0.3
    done
}

start() {
    require_own_files
    mkdir -p "$HOME_DIR"
    # Two makes at once must not start two daemons. The daemon must not inherit the lock (9>&-).
    exec 9>"$HOME_DIR/lock"
    flock -w 120 9 || fail "another set-up holds $HOME_DIR/lock: wait for it, then run make again"
    if own_pid >/dev/null && has_runsc_runtime "unix://$SOCKET"; then
        require_release "$(runsc_of "unix://$SOCKET")"
        use_own
    elif has_runsc_runtime "${DOCKER_HOST:-}"; then
        require_release "$(runsc_of "${DOCKER_HOST:-}")"
        rm -f "$HOST_FILE" # the client's own default is the one to use
    elif own_pid >/dev/null && ! is_root; then
        fail "the Docker daemon of this checkout does not answer $(id -un): run 'sudo make sandbox', then make again"
    else
        # The library asks DOCKER_HOST first: a daemon of ours would not be seen.
        [ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST=$DOCKER_HOST has no runtime 'runsc' or does not answer: unset DOCKER_HOST, or add the runtime there"
        stop_own
        start_own 9>&-
        use_own
    fi
    hand_over
}

# Ends what a killed daemon left behind: its containerd, which the next daemon would wait for in vain, and its containers.
end_leftovers() {
    local file pid name
    # grep fails for a process that ends while it looks.
    { grep -lsF -- "$RUN_DIR/exec" /proc/[0-9]*/cmdline || true; } | while IFS= read -r file; do
        pid=${file#/proc/} pid=${pid%/cmdline}
        IFS= read -r -d '' name 2>/dev/null <"$file" || continue # its first word: the program
        case "${name##*/}" in containerd* | runsc*) kill -9 "$pid" 2>/dev/null || true ;; esac
    done
}

# Mounts that a killed daemon left behind.
unmount_leftovers() {
    local target
    awk '{print $2}' /proc/mounts | { grep -F -e "$(printf '%s' "$HOME_DIR/" | sed 's/ /\\040/g')" -e "$RUN_DIR/" || true; } | sort -r |
        while IFS= read -r target; do umount -l "$(printf '%b' "$target")" 2>/dev/null || true; done
}

stop_own() {
    local pid deadline
    if pid=$(own_pid); then
        is_root || fail "the Docker daemon of this checkout runs as root: run 'sudo make stop' first"
        say "stopping the Docker daemon of this checkout"
        kill "$pid"
        deadline=$((SECONDS + 30))
        while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.2; done
        kill -9 "$pid" 2>/dev/null || true
    fi
    end_leftovers
    unmount_leftovers
    rm -rf "$HOST_FILE" "$PID_FILE" "$SOCKET" "$RUN_DIR/exec"
}

purge() {
    stop_own
    [ ! -d "$DAEMON_DATA" ] || is_root || fail "$DAEMON_DATA belongs to root: run 'sudo setup/docker.sh purge' first"
    rm -rf "$HOME_DIR" "$RUN_DIR"
}

status() {
    local host=${DOCKER_HOST:-}
    [ -n "$host" ] || host=$(cat "$HOST_FILE" 2>/dev/null || true)
    has_runsc_runtime "$host" || fail "no Docker with the gVisor runtime answers: run 'make sandbox'"
    printf '%s\n' "${host:-the default Docker}"
}

case "${1:-}" in
    start) start ;;
    stop) stop_own ;;
    purge) purge ;;
    runsc) install_alone ;;
    status) status ;;
    *) fail "usage: setup/docker.sh start|stop|purge|runsc|status" ;;
esac
