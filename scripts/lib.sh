# shellcheck shell=bash
# What the scripts here share; sourced, never run. A script that sources it stands in the root of the checkout.

# The one folder that `cargo` builds the host in: outside the checkout, so that a fresh clone builds warm.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/holm/target}"

fail() {
    echo "${0##*/}: $1" >&2
    exit 1
}

# ensure COMMAND PACKAGE...: the command is there already; else Debian's packages that bring it, installed when
# we are root; else one line that says what to install.
ensure() {
    local command=$1
    shift
    command -v "$command" >/dev/null || debian "$command" "$@"
}

# debian WHAT PACKAGE...: installs these packages when we are root; else one line that says what is missing.
debian() {
    local what=$1
    shift
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        fail "no $what here: install it with your system's package manager (Debian: apt-get install $*)"
    fi
    echo "${0##*/}: installing $*" >&2
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@"; } >&2
}

# Python with what it makes environments with, which Debian has in a package of its own.
ensure_venv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian "Python with venv" python3 python3-venv
}

# python_venv FOLDER PACKAGE...: an environment with these packages, begun anew.
python_venv() {
    local there=$1
    shift
    ensure_venv
    python3 -m venv --clear "$there"
    "$there/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# What building the host takes: Rust, and a C compiler for its cryptography.
ensure_rust() {
    command -v cargo >/dev/null || fail "no cargo here: install Rust from https://rustup.rs"
    ensure cc build-essential
}

# optimised CARGO-ARGUMENT...: cargo at full speed and without debug assertions for our own crates, too. Only they
# differ from what the tests build: the profile pins the dependencies, so that wasmtime is compiled once.
optimised() {
    CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false CARGO_PROFILE_DEV_INCREMENTAL=false \
        cargo "$@"
}

# build_host: $CARGO_TARGET_DIR/demo/holm, optimised. The first build shows its progress, since it takes long; later
# ones only what went wrong.
build_host() {
    local quiet=--quiet
    ensure_rust
    if [ ! -e "$CARGO_TARGET_DIR/demo/holm" ]; then
        echo "${0##*/}: building the host, about twenty minutes on two cores this first time" >&2
        quiet=
    fi
    optimised build ${quiet:+"$quiet"} --locked --package holm
    keep holm
}

# keep PROGRAM: a copy in $CARGO_TARGET_DIR/demo, since the next build of the tests takes the place of debug/PROGRAM;
# renamed into place, since one may be running.
keep() {
    mkdir -p "$CARGO_TARGET_DIR/demo"
    if ! cmp --silent "$CARGO_TARGET_DIR/debug/$1" "$CARGO_TARGET_DIR/demo/$1"; then
        cp "$CARGO_TARGET_DIR/debug/$1" "$CARGO_TARGET_DIR/demo/$1.$$"
        mv -f "$CARGO_TARGET_DIR/demo/$1.$$" "$CARGO_TARGET_DIR/demo/$1"
    fi
}
