#!/usr/bin/env bash
# Builds the contender in Rust into .cache/bench-rust and the native limit into .cache/bench-limit. Where one cannot be built, one
# line says why and the benchmark leaves it out.
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

# Why there is no native limit; the report prints it.
no_limit() {
    say "no native limit: $1"
    printf '%s\n' "$1" >"$limit/missing.txt"
}

# simdjson in one file is in a package of npm, libbase64 in the source package of pybase64; both as their hashes have them.
build_limit() {
    limit=.cache/bench-limit
    local source=benchmarks/contenders/limit/limit.cpp simdjson=3.9.4 pybase64=1.5.1 stamp log
    mkdir -p "$limit"
    stamp=$(cat "$source" benchmarks/setup.sh | sha256sum)
    [[ -x $limit/limit && -f $limit/.stamp && $(<"$limit/.stamp") == "$stamp" ]] && return
    rm -rf "$limit"
    mkdir -p "$limit"
    [[ $(uname -m) == x86_64 ]] || { no_limit "it is built for x86_64 alone"; return; }
    local tool
    for tool in g++ make npm; do
        command -v "$tool" >/dev/null || { no_limit "there is no $tool on the PATH"; return; }
    done
    say "building the native limit"
    log=$( (
        set -e
        npm pack --silent "@nozbe/simdjson@$simdjson" --pack-destination "$limit"
        .venv-bench/bin/python -m pip download -qq --disable-pip-version-check --no-deps --no-binary :all: -d "$limit" "pybase64==$pybase64"
        sha256sum --quiet -c <<HASHES
d5c2e068967f1c3061123813d9b6e58ae4b180eb9c8b65b3db9a7f26a2a8a5c1  $limit/nozbe-simdjson-$simdjson.tgz
aa924f7c2e90349d472d7d57c3680de8d222a32c2d3d07f922ab2f60516e478d  $limit/pybase64-$pybase64.tar.gz
HASHES
        tar xzf "$limit/nozbe-simdjson-$simdjson.tgz" -C "$limit"
        tar xzf "$limit/pybase64-$pybase64.tar.gz" -C "$limit"
        cd "$limit"
        AVX512_CFLAGS='-mavx512vl -mavx512vbmi' AVX2_CFLAGS=-mavx2 AVX_CFLAGS=-mavx SSE42_CFLAGS=-msse4.2 SSE41_CFLAGS=-msse4.1 \
            SSSE3_CFLAGS=-mssse3 make -s -C "pybase64-$pybase64/base64" lib/libbase64.o
        g++ -O3 -std=c++17 -DNDEBUG -DPYBASE64="\"$pybase64\"" -Ipackage/src "-Ipybase64-$pybase64/base64/include" \
            "../../$source" package/src/simdjson.cpp "pybase64-$pybase64/base64/lib/libbase64.o" -o limit
    ) 2>&1) || {
        printf '%s\n' "$log" >&2
        no_limit "simdjson or libbase64 could not be fetched or built"
        return
    }
    printf '%s\n' "$stamp" >"$limit/.stamp"
}

build_rust
build_limit
