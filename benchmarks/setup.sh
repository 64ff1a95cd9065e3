#!/usr/bin/env bash
# Builds the contender in Rust into .cache/bench-rust. Where it cannot be built, one line says why and the benchmark leaves it out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'benchmarks/setup.sh: %s\n' "$*" >&2; }

# Why there is no Rust handler; the report prints it.
no_rust() {
    say "no Rust handler: $1"
    printf '%s\n' "$1" >"$rust/missing.txt"
}

build_rust() {
    rust=.cache/bench-rust
    local source=benchmarks/contenders/rust stamp log
    mkdir -p "$rust"
    stamp=$(cat "$source"/Cargo.toml "$source"/build.rs "$source"/src/*.rs | sha256sum)
    [[ -x $rust/release/bench-handler && -f $rust/.stamp && $(<"$rust/.stamp") == "$stamp" ]] && return
    rm -rf "$rust"
    mkdir -p "$rust/package"
    command -v cargo >/dev/null || { no_rust "there is no cargo on the PATH"; return; }
    local crate
    for crate in serde_json base64 flate2; do
        compgen -G "/usr/share/cargo/registry/$crate-*" >/dev/null ||
            { no_rust "Debian's crate $crate is not installed (apt-get install librust-serde-json-dev librust-base64-dev librust-flate2-dev)"; return; }
    done
    say "building the Rust handler"
    # Built from a copy: cargo writes its lock file beside the sources.
    cp -R "$source/." "$rust/package"
    log=$(cd "$rust/package" && cargo build --release --offline --quiet --target-dir .. 2>&1) || {
        printf '%s\n' "$log" >&2
        no_rust "cargo could not build it"
        return
    }
    printf '%s\n' "$stamp" >"$rust/.stamp"
}

build_rust
