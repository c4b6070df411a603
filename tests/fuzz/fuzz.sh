#!/usr/bin/env bash
# Runs one fuzzer over its seeds and what earlier runs found, then for STRATA_FUZZ_SECONDS (7) beyond them.
# Fails on a finding: a sanitizer's report, a leak, an input that takes 20 s, an allocation beyond 64 MiB, which no
# input of a few KiB justifies. The input is left beside the program.
#
# usage: fuzz.sh PROGRAM NAME BYTES
set -euo pipefail
program="$1" name="$2" bytes="$3"
seeds="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/corpus/$name"
kept="$program.corpus"
dictionary="$seeds.dict"
mkdir -p "$kept"
options=(-max_len="$bytes" -timeout=20 -malloc_limit_mb=64 -rss_limit_mb=1024 -print_final_stats=1
  -artifact_prefix="$program.found.")
[ -f "$dictionary" ] && options+=(-dict="$dictionary")
# What a build tries begins alike each time; who gives the time tries something new.
[ -n "${STRATA_FUZZ_SECONDS:-}" ] || options+=(-seed=1)
# Merging first would cost more than it gives: the seeds are few and small.
exec env ASAN_OPTIONS="${ASAN_OPTIONS:-}:allocator_may_return_null=0:quarantine_size_mb=64" \
  "$program" "${options[@]}" -max_total_time="${STRATA_FUZZ_SECONDS:-7}" "$kept" "$seeds"
