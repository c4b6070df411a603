#!/usr/bin/env bash
# Gathers the licences of what a package ships: of Debian's packages whose libraries or headers are in it, of the Rust
# crates in strata, of libtorch's wheels. Called by deploy/package.sh.
#
# usage: licences.sh OUT SITE yes|no LIBRARY…     SITE: where the wheels lie; yes: they are shipped
set -euo pipefail
out="$1" site="$2" with_torch="$3"
shift 3

# Of headers that are compiled in, and of Rust's own library.
packages=(libcli11-dev nlohmann-json3-dev libsimdjson-dev libabsl-dev libgrpc++-dev libprotobuf-dev)
for package in libstd-rust-web-dev libstd-rust-dev; do
  [ ! -f "/usr/share/doc/$package/copyright" ] || packages+=("$package")
done
libraries=()
for library in "$@"; do
  # What dpkg knows under /usr lies behind a link where /lib is one.
  [[ "$library" == "$site"/* ]] || libraries+=("$library" "/usr$library" "${library#/usr}")
done
while read -r owner; do packages+=("${owner%%:*}"); done < <(dpkg-query -S "${libraries[@]}" 2>/dev/null || true)
while read -r package; do
  if [ -f "/usr/share/doc/$package/copyright" ]; then
    install -D -m 644 "/usr/share/doc/$package/copyright" "$out/debian/$package/copyright"
  fi
done < <(printf '%s\n' "${packages[@]}" | sort -u)

# name version manifest, of each crate that is linked.
crates() {
  cargo metadata --offline --locked --format-version 1 --filter-platform x86_64-unknown-linux-gnu --manifest-path common/huggingface/Cargo.toml 2>/dev/null |
    python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    print(package["name"], package["version"], package["manifest_path"])'
}
if command -v cargo >/dev/null; then
  while read -r name version manifest; do
    folder="$(dirname "$manifest")"
    find "$folder" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) -print0 |
      while IFS= read -r -d '' file; do install -D -m 644 "$file" "$out/rust/$name-$version/$(basename "$file")"; done
  done < <(crates)
fi

[ "$with_torch" = yes ] || exit 0
for info in "$site"/{torch,nvidia_*,cuda_toolkit}-*.dist-info; do
  [ -d "$info" ] || continue
  find "$info" -type f \( -ipath '*licen[sc]e*' -o -iname 'notice*' \) -print0 |
    while IFS= read -r -d '' file; do
      install -D -m 644 "$file" "$out/wheels/$(basename "$info" .dist-info)/${file#"$info"/}"
    done
done
