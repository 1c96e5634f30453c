# shellcheck shell=bash
#
# What the scripts beside this file share: talking to the person who started them, installing the few
# system packages, and running a long build with a sign of life. Sourced, never run by itself.
#
# Everything said here goes to stderr; stdout belongs to the program that a script starts.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Logs live with the build, so that removing .build removes them too.
log_folder="$root/.build/logs"

swift_major_min=6
swift_minor_min=2
redis_major_min=7

say() { printf '%s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# human_time SECONDS: "8 s", "3 min 05 s".
human_time() {
    if (($1 < 60)); then
        printf '%d s' "$1"
    else
        printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
    fi
}

# ---------------------------------------------------------------------------------------------------
# The Swift toolchain
# ---------------------------------------------------------------------------------------------------

require_swift() {
    local wanted="$swift_major_min.$swift_minor_min"
    if ! command -v swift >/dev/null; then
        die "swift is not installed, or not on PATH; Millpond needs Swift $wanted or newer." \
            "Install it from https://www.swift.org/install/linux (or macos)." \
            "If it is installed, put its bin folder on PATH and start this again."
    fi
    local text major minor
    text="$(swift --version 2>&1)" || die "'swift --version' failed and said:" "$text"
    if [[ ! "$text" =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
        die "cannot tell the version of swift ($(command -v swift)); it said:" "$text"
    fi
    major="${BASH_REMATCH[1]}" minor="${BASH_REMATCH[2]}"
    if ((major < swift_major_min || (major == swift_major_min && minor < swift_minor_min))); then
        die "swift $major.$minor ($(command -v swift)) is too old; Millpond needs $wanted or newer." \
            "Get a newer one from https://www.swift.org/install, and put it first on PATH."
    fi
}

# ---------------------------------------------------------------------------------------------------
# System packages
# ---------------------------------------------------------------------------------------------------

is_debian() {
    [[ -r /etc/os-release ]] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null &&
        (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* || "${ID:-}" == ubuntu ]])
}

is_installed() {
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# One line for each Debian package that is not there. A redis-server, openssl or git that came from
# somewhere else than apt is as good.
missing_debian_packages() {
    local package
    for package in libhiredis-dev libsqlite3-dev; do
        is_installed "$package" || echo "$package"
    done
    for package in redis-server openssl git; do
        command -v "$package" >/dev/null || echo "$package"
    done
    [[ -s /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
}

has_header() {
    local compiler
    for compiler in clang cc gcc; do
        command -v "$compiler" >/dev/null || continue
        printf '#include <%s>\n' "$1" | "$compiler" -x c -E - >/dev/null 2>&1
        return
    done
    return 1
}

# On a system without apt nothing is installed: it is looked for, and named when it is missing.
require_packages_elsewhere() {
    local missing=()
    has_header hiredis/hiredis.h || missing+=("the header hiredis/hiredis.h")
    has_header sqlite3.h || missing+=("the header sqlite3.h")
    command -v redis-server >/dev/null || missing+=("the program redis-server")
    command -v openssl >/dev/null || missing+=("the program openssl")
    ((${#missing[@]} == 0)) && return
    local list
    printf -v list '%s, ' "${missing[@]}"
    die "this is not Debian or Ubuntu, so nothing was installed for you. Missing: ${list%, }." \
        "Install these, then start this again:" \
        "  Fedora, RHEL   sudo dnf install hiredis-devel sqlite-devel redis openssl" \
        "  Alpine         apk add hiredis-dev sqlite-dev redis openssl" \
        "  Arch           sudo pacman -S hiredis sqlite redis openssl" \
        "  macOS          brew install hiredis sqlite redis openssl"
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

policy=/usr/sbin/policy-rc.d
saved_policy=/usr/sbin/policy-rc.d.before-millpond

# Debian starts a redis-server as soon as its package is unpacked. Here only the program is wanted, so
# for the length of the installation the system is told not to start that one service.
forbid_redis_start() {
    allow_redis_start
    if [[ -e "$policy" || -L "$policy" ]]; then as_root mv "$policy" "$saved_policy"; fi
    as_root tee "$policy" >/dev/null <<EOF
#!/bin/sh
# Written by Millpond's scripts/setup; removed again at its end.
case "\$1" in redis-server*) exit 101 ;; esac
[ -x $saved_policy ] && exec $saved_policy "\$@"
exit 0
EOF
    as_root chmod 755 "$policy"
}

# Puts back what was there; also the remains of an installation that was cut off.
allow_redis_start() {
    if [[ -e "$saved_policy" || -L "$saved_policy" ]]; then
        as_root mv -f "$saved_policy" "$policy"
    elif [[ -f "$policy" ]] && grep -q "Written by Millpond" "$policy"; then
        as_root rm -f "$policy"
    fi
}

# Neither now nor at the next boot: the package enables its service, and nobody asked for that.
disable_redis_service() {
    local disable=(update-rc.d redis-server disable)
    if command -v systemctl >/dev/null; then disable=(systemctl disable redis-server); fi
    as_root "${disable[@]}" >>"$1" 2>&1 ||
        say "note: the service redis-server would start at the next boot; to keep it off: ${disable[*]}"
}

install_debian_packages() {
    local packages=("$@")
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        die "these packages are missing, and there is neither root nor sudo to install them: ${packages[*]}" \
            "As root, run: apt-get update && apt-get install ${packages[*]}" \
            "Then start this again."
    fi
    say "Installing with apt: ${packages[*]}"
    mkdir -p "$log_folder"
    local log="$log_folder/apt.log" wants_redis=no
    [[ " ${packages[*]} " == *" redis-server "* ]] && wants_redis=yes
    if [[ $wants_redis == yes ]]; then
        trap allow_redis_start EXIT
        forbid_redis_start
    fi
    as_root apt-get update >"$log" 2>&1 ||
        say "note: 'apt-get update' had trouble (see $log); going on with the package lists that are here."
    if ! as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${packages[@]}" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "apt-get could not install: ${packages[*]}" "The whole log: $log"
    fi
    if [[ $wants_redis == yes ]]; then
        disable_redis_service "$log"
        allow_redis_start
        trap - EXIT
    fi
    say "Installed."
}

require_redis_version() {
    local text
    text="$(redis-server --version)"
    if [[ "$text" =~ v=([0-9]+)\. ]] && ((BASH_REMATCH[1] < redis_major_min)); then
        die "redis-server is too old: $text" \
            "Millpond needs Redis 7.0 or newer (Debian 12, Ubuntu 24.04), or Valkey 7.2 or newer." \
            "Newer packages: https://redis.io/docs/latest/operate/oss_and_stack/install"
    fi
}

# Everything that a build and a test run need from the machine. Quiet when nothing is missing.
setup_machine() {
    require_swift
    if is_debian; then
        local missing
        mapfile -t missing < <(missing_debian_packages)
        if ((${#missing[@]} > 0)); then install_debian_packages "${missing[@]}"; fi
    else
        require_packages_elsewhere
    fi
    require_redis_version
}

# Python 3.9 or newer, for what is written in it.
require_python() {
    if ! command -v python3 >/dev/null && is_debian; then install_debian_packages python3; fi
    command -v python3 >/dev/null ||
        die "python3 is not installed; this needs Python 3.9 or newer, and nothing of it but the standard library."
    python3 -c 'import sqlite3, sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
        die "$(python3 --version 2>&1) is too old, or has no sqlite3; this needs Python 3.9 or newer."
}

# ---------------------------------------------------------------------------------------------------
# Long commands
# ---------------------------------------------------------------------------------------------------

ticker=""

# progress LOG: SwiftPM writes "[123/456] Compiling …"; while it fetches or tests there is nothing to count.
progress() {
    tail -c 4000 "$1" 2>/dev/null | grep -aoE '^\[[0-9]+/[0-9]+\] [BCEL]' | tail -n 1 | cut -d ' ' -f 1 || true
}

# Says every few seconds how far the command that writes LOG is. On a terminal it rewrites one line.
start_ticker() {
    local label="$1" log="$2"
    {
        local started=$SECONDS count every=30
        [[ -t 2 ]] && every=1
        while sleep "$every"; do
            count="$(progress "$log")"
            if [[ -t 2 ]]; then
                printf '\r\033[K  %s %s %s' "$label" "$count" "$(human_time $((SECONDS - started)))" >&2
            else
                say "  $label $count $(human_time $((SECONDS - started)))"
            fi
        done
    } </dev/null >/dev/null &
    ticker=$!
    trap stop_ticker EXIT
}

stop_ticker() {
    [[ -n "$ticker" ]] || return 0
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=""
    trap - EXIT
    if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

# As compilers, linkers, SwiftPM and a stopped process write them, not as a compiler repeats them below.
error_line='^error:|^[^ |][^|]*:[0-9]+:[0-9]+: error:|^[^ |]*: error:|Fatal error:|undefined reference'

# The errors of a failed command, each once, then the end of the log.
show_failure() {
    local log="$1"
    if grep -qaE "$error_line" "$log"; then
        say "Errors found in the log:"
        grep -aE "$error_line" "$log" | awk '!seen[$0]++' | head -n 20 | sed 's/^/  /' >&2
    fi
    say "The end of the log:"
    tail -n 15 "$log" | sed 's/^/  /' >&2
    say "The whole log: $log"
}

# run_logged LABEL LOG COMMAND…: runs the command with its output in LOG and a sign of life on stderr.
run_logged() {
    local label="$1" log="$2" started=$SECONDS status=0
    shift 2
    mkdir -p "$(dirname "$log")"
    : >"$log"
    start_ticker "$label" "$log"
    # The command stays in the foreground, so that Ctrl-C reaches it.
    "$@" >"$log" 2>&1 || status=$?
    stop_ticker
    took="$(human_time $((SECONDS - started)))"
    return "$status"
}

# build CONFIGURATION WHAT…: `swift build` with progress; stops the script when it fails.
build() {
    local configuration="$1" log="$log_folder/build-$1.log" hint=""
    shift
    [[ -d "$root/.build/$configuration" ]] || hint=" (the first time also every dependency, which takes some minutes)"
    say "Building, $configuration: $*$hint"
    say "  log: $log"
    if ! run_logged "building" "$log" swift build --package-path "$root" -c "$configuration" "$@"; then
        show_failure "$log"
        die "the build failed."
    fi
    say "Built in $took."
}

# The compiler flags, one a line, that find the C modules below ours: those that the debug build itself uses.
module_flags() {
    local plan="$root/.build/debug.yaml"
    grep -oE '"-fmodule-map-file=[^"]+"' "$plan" | sort -u | tr -d '"' | sed 's/^/-Xcc\n/'
    grep -oE '"-I","/[^"]+"' "$plan" | sort -u | sed -E 's/"-I","([^"]+)"/-I\n\1\n-Xcc\n-I\n-Xcc\n\1/'
}
