#!/usr/bin/env bash
# Makes what the benchmark needs beside the package: .venv-bench with the packages of the other contenders, and the Rust handler in
# .cache/bench-rust. What cannot be had is said in one line and left out; only .venv-bench must come about.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'benchmarks/setup.sh: %s\n' "$*" >&2; }

make_environment() {
    local stamp
    stamp=$({ pwd; cat pyproject.toml; } | sha256sum)
    [[ -f .venv-bench/.stamp && $(<.venv-bench/.stamp) == "$stamp" ]] && .venv-bench/bin/python -c '' >/dev/null 2>&1 && return
    say "installing the packages of pyproject.toml [bench] into .venv-bench"
    .venv-bench/bin/python -c '' >/dev/null 2>&1 || "${PYTHON:-.venv/bin/python}" -m venv --clear .venv-bench
    .venv-bench/bin/python -m pip install -qq --disable-pip-version-check --no-input -e '.[bench]' || {
        say "the packages could not be installed (pip's message is above); is a package index reachable?"
        exit 1
    }
    printf '%s\n' "$stamp" >.venv-bench/.stamp
}

# Why there is no Rust handler; the report prints it.
no_rust() {
    say "no Rust handler: $1"
    printf '%s\n' "$1" >"$rust/missing.txt"
}

build_rust() {
    rust=.cache/bench-rust
    local source=benchmarks/contenders/rust stamp log
    mkdir -p "$rust"
    stamp=$(cat "$source"/Cargo.toml "$source"/build.rs "$source"/src/main.rs | sha256sum)
    [[ -x $rust/release/bench-handler && -f $rust/.stamp && $(<"$rust/.stamp") == "$stamp" ]] && return
    rm -rf "$rust"
    mkdir -p "$rust/package"
    command -v cargo >/dev/null || { no_rust "there is no cargo on the PATH"; return; }
    local crate
    for crate in serde_json base64; do
        compgen -G "/usr/share/cargo/registry/$crate-*" >/dev/null ||
            { no_rust "Debian's crate $crate is not installed (apt-get install librust-serde-json-dev librust-base64-dev)"; return; }
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

make_environment
build_rust
