#!/usr/bin/env bash
# Sets up, builds, and runs every test. Arguments go to setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/setup.sh --with-tests "$@"
exec ctest --test-dir build --output-on-failure -j "$(nproc)"
