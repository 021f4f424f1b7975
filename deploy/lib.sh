# Shared by the scripts in this folder; to be sourced, not run.
# shellcheck shell=bash disable=SC2034 # the variables are used by the scripts that source this file

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_packages=(g++ libc6-dev libgpiod-dev libmosquitto-dev libtomlplusplus-dev pkgconf)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "${0##*/}: $*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, but sudo is not installed: $*"
    fi
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Installs missing packages, and calls apt only for that: a second run needs no network.
need_packages() {
    local package missing=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        fail "apt is missing on this machine. jouled needs: Swift 6.0 or newer, a C++17 compiler, pkg-config, and the development files of" \
            "libgpiod (1.6 or 2), libmosquitto (2) and toml++ (3); for the demo and the tests mosquitto with its clients." \
            "With those, \"swift build -c release --static-swift-stdlib\" builds it."
    fi
    for package; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing with apt: ${missing[*]}"
    as_root apt-get -q update >&2 || fail "apt-get update failed: is the network up?"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >&2 ||
        fail "apt could not install ${missing[*]}"
    case " ${missing[*]} " in
        *" mosquitto "*) leave_broker_stopped ;;
    esac
}

# The package starts a broker for the whole machine, which was not requested: the demo and the tests start their own.
leave_broker_stopped() {
    [ -d /run/systemd/system ] || return 0
    as_root systemctl disable --now mosquitto.service >&2
    say "The broker's service is installed but disabled. To use it: sudo systemctl enable --now mosquitto"
}

swift_version() { swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1; }

# Prefers a Swift on PATH; then Debian's, whose tools are not on PATH.
need_swift() {
    local version
    PATH=$PATH:/usr/libexec/swift/bin
    if ! command -v swift >/dev/null; then
        if command -v apt-get >/dev/null && ! apt-cache show swiftlang >/dev/null 2>&1; then
            as_root apt-get -q update >&2 || true
            apt-cache show swiftlang >/dev/null 2>&1 || fail "Swift is not installed, and this system has no package swiftlang for" \
                "$(dpkg --print-architecture) (Debian 13 and Raspberry Pi OS trixie have it, 64 bit only)." \
                "Install Swift 6.0 or newer for this system, and put its bin folder on PATH."
        fi
        say "Swift is not installed yet: Debian's package takes about 450 MB to download and 2.1 GB of disk."
        need_packages swiftlang
    fi
    version=$(swift_version)
    [ "${version%%.*}" -ge 6 ] 2>/dev/null || fail "Swift 6.0 or newer is required; $(command -v swift) is ${version:-not working}."
}

# The number of parallel compilers that fit into memory (a Pi Zero 2 W has 512 MB).
build_jobs() {
    local megabytes processors jobs
    megabytes=$(awk '/^(MemTotal|SwapTotal):/ { sum += $2 } END { print int(sum / 1024) }' /proc/meminfo)
    processors=$(nproc)
    jobs=$((megabytes / 900))
    [ "$megabytes" -ge 850 ] || fail "$megabytes MB of memory and swap is not enough to build. Add 1 GB of swap for the build:" \
        "sudo fallocate -l 1G /var/jouled-swap && sudo chmod 600 /var/jouled-swap && sudo mkswap /var/jouled-swap &&" \
        "sudo swapon /var/jouled-swap (afterwards: sudo swapoff /var/jouled-swap; sudo rm /var/jouled-swap)." \
        "Or build on another Pi with the same system and copy the binary here: deploy/install --binary FILE."
    [ "$jobs" -ge 1 ] || jobs=1
    [ "$jobs" -le "$processors" ] || jobs=$processors
    echo "$jobs"
}

# Builds the stripped release binary (or another PRODUCT in the same way); sets $binary to its path, or to nothing on failure.
# lld, because the default linker makes one writable and executable segment on arm64, and leaves relocations writable on both architectures.
# The last two linker flags make the binary a tenth smaller: no exported symbols, and packed relative relocations (glibc 2.36).
build_release() { # [PRODUCT]
    local jobs flags product=${1:-jouled}
    binary=
    jobs=$(build_jobs)
    flags=(-c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker -s)
    flags+=(-Xlinker --no-export-dynamic -Xlinker -z -Xlinker pack-relative-relocs --product "$product")
    (cd "$top" && swift build --jobs "$jobs" "${flags[@]}") >&2 || return 1
    binary=$(cd "$top" && swift build "${flags[@]}" --show-bin-path)/$product
}
