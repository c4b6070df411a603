#!/usr/bin/env bash
# Shows strata at work: sets up and builds, trains the demo branch (twelve datasets, 1,920 examples, two ranks) in a
# fresh copy, build/demo/antropologia, and shows its status. Arguments go to setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/setup.sh "$@"
rm -rf build/demo
mkdir -p build/demo
cp -r deploy/demo/antropologia build/demo/antropologia
printf '\n$ strata plan -C build/demo/antropologia\n'
build/bin/strata plan -C build/demo/antropologia
printf '\n$ strata train -C build/demo/antropologia\n'
build/bin/strata train -C build/demo/antropologia
printf '\n$ strata status -C build/demo/antropologia\n'
build/bin/strata status -C build/demo/antropologia
