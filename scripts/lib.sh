# Shared by the scripts of this folder: a virtual environment filled from a lock file, and Debian packages.
# Sourced by bash with `set -euo pipefail`; `root` is the folder of the checkout.

# A bare environment (cron, CI, `env -i`) may lack these.
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin"
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
export LANG="${LANG:-C.UTF-8}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUTF8=1

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        # Without a terminal nobody could type a password.
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "root or sudo is needed for: $*"
    fi
}

# Names of those of the given Debian packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        # shellcheck disable=SC2016 # dpkg-query expands this itself
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || printf '%s\n' "$package"
    done
}

# Install those of the given packages that are missing; their daemons are not started.
need_packages() {
    local missing policy=/usr/sbin/policy-rc.d ours=""
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "needs these Debian packages: ${missing[*]}"
    say "Installing Debian packages: ${missing[*]}"
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    local code=0 told
    told=$(mktemp)
    as_root apt-get update >"$told" 2>&1 || code=$?
    [ "$code" -ne 0 ] || as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >"$told" 2>&1 || code=$?
    [ -z "$ours" ] || as_root rm -f "$policy"
    [ "$code" -eq 0 ] || { cat "$told" >&2; die "apt-get could not install: ${missing[*]}"; }
    rm -f "$told"
}

# need_environment FOLDER LOCK: a virtual environment with exactly what LOCK names, and this project on top.
need_environment() {
    local folder=$1 lock=$2 wanted
    command -v python3 >/dev/null || need_packages python3
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "needs Python 3.11 or newer"
    wanted="$(cat "$lock" "$root/pyproject.toml" | sha256sum | cut -d' ' -f1) $root $(python3 -V)"
    if [ "$(cat "$folder/.made-of" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
    say "Setting up $(basename "$folder") ..."
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --require-hashes --only-binary :all: --no-deps -r "$lock"
    "$folder/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable "$root"
    printf '%s\n' "$wanted" >"$folder/.made-of"
}
