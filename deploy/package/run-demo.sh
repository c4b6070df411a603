#!/bin/sh
# Shows strata at work: copies the demo branch (twelve datasets, 1,920 examples) to DIR and trains it there, with two
# ranks on the CPU. On two cores that takes some three minutes.
#
# usage: share/demo/run.sh DIR [ARGUMENT…]     the arguments go to strata train
set -eu
case "${1:-}" in
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
  '' | -*) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
here="$(cd "$(dirname "$0")" && pwd)"
branch="$1"
shift
[ ! -e "$branch" ] || { printf 'run.sh: %s is there already; name a folder that is not\n' "$branch" >&2; exit 73; }
cp -r "$here/antropologia" "$branch"
PATH="$here/../../bin:$PATH"
cd "$branch"
show() {
  printf '\n$ strata %s\n' "$*"
  strata "$@"
}
show plan
show train "$@"
show ask
show status
printf '\nGo on in %s: drop a file into training/ and run strata train again.\n' "$branch"
