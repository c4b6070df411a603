#!/usr/bin/env bash
# Shows strata at work: sets up and builds, asks the demo's base a question, trains the demo branch (twelve datasets,
# 1,920 examples, two ranks) in a fresh copy, build/demo/antropologia, asks again, and scores the answers to thirty
# expert questions before and after. Arguments go to setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/setup.sh "$@"
mkdir -p build/demo
if [[ -e build/demo/antropologia ]]; then
  kept="build/demo/antropologia.$(date -u +%Y%m%dT%H%M%SZ)"
  mv build/demo/antropologia "$kept"
  printf 'The demo branch of last time, with all that is in it, is now %s.\n' "$kept"
fi
cp -r deploy/demo/antropologia build/demo/antropologia
export PATH="$PWD/build/bin:$PATH"
cd build/demo/antropologia

show() {
  printf '\n$ %s\n' "$(printf '%q ' "$@")"
  "$@"
}
question='¿Qué es el bipedismo?'
printf '\nIn build/demo/antropologia:\n'
printf '\n$ strata generate "%s" --adapter none --max-new-tokens 60\n' "$question"
strata generate "$question" --adapter none --max-new-tokens 60
show strata plan
show strata train
printf '\n$ strata generate "%s"\n' "$question"
strata generate "$question"
show strata ask
show strata status
printf '\nGo on in build/demo/antropologia: drop a file into training/ and run strata train again.\n'
