#!/usr/bin/env bash
# Gives what root made in this checkout to whoever owns the checkout, so that `make` as that user continues after
# `sudo make`. Does nothing for other users, and where root owns the checkout.
#
#   setup/owner.sh
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hand_over
