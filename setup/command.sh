#!/usr/bin/env bash
# Commands that only the tests need, from Debian packages where they are missing.
#
#   setup/command.sh PURPOSE COMMAND PACKAGE [COMMAND PACKAGE ...]
#
# Without root, or where the package cannot be had, it says so and goes on: the tests that need it then skip with the
# reason, and fail where CI is set.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

purpose=$1
shift
packages=()
while [ "$#" -ge 2 ]; do
    has "$1" || packages+=("$2")
    shift 2
done
[ "${#packages[@]}" -eq 0 ] || (apt_install "$purpose" "${packages[@]}") || say "going on without them"
