#!/usr/bin/env bash
# Checks and times strata's engine on this machine's GPU, in under ten minutes: builds the engine alone, compares every
# family with stored figures and with the CPU, sums over NCCL with one rank, and times training steps of models of one
# and eight billion random weights in bfloat16, with PEFT beside them where Python has it.
#
# usage: deploy/gpu-check.sh [--out FILE]
#   --out FILE   the report, one JSON object (default: build-engine/gpu-check.json)
# environment:
#   STRATA_TORCH_DIR=DIR   a libtorch 2.11 with CUDA (the folder with include/ and lib/); else PYTHON's torch is taken
#   PYTHON=PROGRAM         a Python with torch (default: .venv/bin/python, else python3)
#   STRATA_BUILD=DIR       where to build (default: build-engine); what is built there already is built no more
#   STRATA_PEAK_TFLOPS=N   of the GPU in dense bfloat16, for MFU, where its name is not known here
# Needs CMake, a C++20 compiler and a CUDA toolkit's headers. A part that fails does not stop the others.
# Exit codes: 0 all well, 1 a part failed (see the report), 64 usage, 69 no GPU or something to build with is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set -/{/^# \{0,1\}/s///p}' "$0"; }
say() { printf '== %s\n' "$*"; }
missing() { printf 'gpu-check: %s\n' "$*" >&2; exit 69; }

build=${STRATA_BUILD:-build-engine} out=
while [ $# -gt 0 ]; do
  case "$1" in
    --out) [ $# -gt 1 ] || { usage >&2; exit 64; }; out=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done
out=${out:-$build/gpu-check.json}

# What is missing is said before anything is built.
command -v nvidia-smi >/dev/null || missing "no GPU: there is no nvidia-smi on this machine; run this where an NVIDIA driver is"
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
[ -n "$gpu" ] || missing "no GPU: nvidia-smi lists none; see what nvidia-smi says"
python=${PYTHON:-.venv/bin/python}
command -v "$python" >/dev/null || python=python3
if [ -z "${STRATA_TORCH_DIR:-}" ]; then
  STRATA_TORCH_DIR=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null) ||
    missing "no libtorch: set STRATA_TORCH_DIR to a libtorch 2.11, or PYTHON to a Python that has torch"
fi
[ -e "$STRATA_TORCH_DIR/lib/libtorch_cuda.so" ] || missing "the libtorch at $STRATA_TORCH_DIR has no CUDA; name one that has"
command -v cmake >/dev/null || missing "no cmake: install CMake 3.25 or newer"

# Dense bfloat16, from the vendor's data sheets.
peak=${STRATA_PEAK_TFLOPS:-}
if [ -z "$peak" ]; then
  case "$gpu" in
    *H100*PCIe*) peak=756 ;;
    *H100* | *H200* | *GH200*) peak=989 ;;
    *A100* | *A800*) peak=312 ;;
    *L40S*) peak=362 ;;
    *A10G*) peak=70 ;;
    *"RTX 4090"*) peak=165 ;;
  esac
fi

say "building the engine in $build"
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
[ -f "$build/CMakeCache.txt" ] && generator=()
mkdir -p "$build" "$(dirname "$out")"
if ! { cmake -S . -B "$build" "${generator[@]}" -DSTRATA_ENGINE_ONLY=ON -DSTRATA_TORCH_DIR="$STRATA_TORCH_DIR" &&
  cmake --build "$build" -j "$(nproc)"; } >"$build/gpu-check-build.log" 2>&1; then
  tail -n 30 "$build/gpu-check-build.log" >&2
  missing "the engine could not be built; the whole log is $build/gpu-check-build.log"
fi

failed=0 parts=() errors=$build/gpu-check-errors.log
: >"$errors"
quoted() { printf '"%s"' "$(printf '%s' "$1" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g')"; }
field() { printf '%s' "$2" | sed -n "s/.*\"$1\": \"\{0,1\}\([^,\"}]*\).*/\1/p"; }

say "checking every family on $gpu"
check=$(timeout 150 "$build/bin/engine_check" tests/worker/parity/reference --device cuda 2>>"$errors")
code=$?
[ $code -eq 0 ] || failed=1
[ -n "$check" ] || check="{\"ok\": false, \"error\": $(quoted "engine_check exited with $code: $(tail -n 1 "$errors")")}"
printf '%s\n' "$check" | sed -n 's/^ *{"variant": "\([^"]*\)".*"ok": \([a-z]*\).*/\1 \2/p' |
  while read -r variant ok; do printf '   %-14s %s\n' "$variant" "$([ "$ok" = true ] && echo ok || echo FAILED)"; done
printf '   %-14s %s\n' NCCL "$(field nccl "$check")"

# step NAME PROGRAM... : one line of the table, one object of the report.
step() {
  local name=$1 line code
  shift
  line=$(timeout 60 "$@" ${peak:+--peak-tflops "$peak"} 2>"$errors.step")
  code=$?
  cat "$errors.step" >>"$errors"
  if [ $code -eq 0 ] && [ -n "$line" ]; then
    parts+=("$line")
    printf '   %-34s %9s s %10s tokens/s  MFU %6s %8s MiB\n' "$name" "$(field step_s "$line")" \
      "$(field tokens_per_s "$line")" "$(field mfu "$line" | grep . || echo '-')" "$(field peak_mib "$line")"
    return
  fi
  failed=1
  line=$(grep -v '^ *$' "$errors.step" | tail -n 1)
  [ $code -ne 124 ] || line="it took longer than 60 seconds"
  parts+=("{\"name\": $(quoted "$name"), \"error\": $(quoted "exited with $code: $line")}")
  printf '   %-34s FAILED (%s): %s\n' "$name" "$code" "$line"
}

say "timing training steps in bfloat16 (4 rows of 1,024 tokens, r 56)"
peer=no
"$python" -c 'import peft, transformers' 2>/dev/null && peer=yes
for base in 1b 8b; do
  for checkpointing in "" --checkpointing; do
    options=("$base" --device cuda --dtype bfloat16 --rows 4 --length 1024 --steps 8 ${checkpointing:+"$checkpointing"})
    step "$base strata $checkpointing" "$build/bin/step_bench" "${options[@]}"
    [ $peer = no ] || step "$base PEFT $checkpointing" "$python" tests/worker/bench/peft_step.py "${options[@]}"
  done
done
[ $peer = yes ] || echo "   PEFT is left out: $python has no transformers and peft"

ok=true
[ $failed -eq 0 ] || ok=false
{
  printf '{"gpu": %s, "driver": %s, "torch": %s, "peak_tflops": %s, "peft": %s, "ok": %s,\n "check": %s,\n "steps": [' \
    "$(quoted "$gpu")" "$(quoted "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)")" \
    "$(quoted "$STRATA_TORCH_DIR")" "${peak:-null}" "$(quoted "$([ $peer = yes ] && echo beside || echo 'left out')")" \
    "$ok" "$check"
  separator=$'\n  '
  for part in "${parts[@]}"; do printf '%s%s' "$separator" "$part"; separator=$',\n  '; done
  printf ']}\n'
} >"$out"
say "$([ $failed -eq 0 ] && echo 'all well' || echo "something FAILED; messages: $errors"); the report is $out"
exit $failed
