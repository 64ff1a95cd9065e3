#!/usr/bin/env bash
# Starts a backfill on EMR Serverless: emr-serverless.sh APPLICATION ROLE_ARN S3_PREFIX WHEEL ARGUMENT...
# WHEEL is fastxform's, ARGUMENTs are those of backfill.py. The environment of the job is built once, in a container of
# Amazon Linux 2023 with Python 3.11, which is what runs there: any machine with Docker will do.
set -euo pipefail

(($# > 4)) || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
application=$1 role=$2 prefix=${3%/} wheel=$4
shift 4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
environment="$prefix/fastxform-environment.tar.gz"

if ! aws s3 ls "$environment" >/dev/null; then
    cp "$wheel" "$work"
    docker run --rm -v "$work:/work" -w /work public.ecr.aws/amazonlinux/amazonlinux:2023 bash -c '
        set -e
        dnf install -qy python3.11 python3.11-pip gzip tar
        python3.11 -m venv --copies /environment
        /environment/bin/pip install -q /work/*.whl pandas==2.3.3 venv-pack==0.2.0
        /environment/bin/venv-pack -q -f -p /environment -o /work/environment.tar.gz'
    aws s3 cp "$work/environment.tar.gz" "$environment"
fi
aws s3 cp "$here/backfill.py" "$prefix/backfill.py"

python=./environment/bin/python
parameters="--conf spark.archives=$environment#environment"
for name in emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON emr-serverless.driverEnv.PYSPARK_PYTHON executorEnv.PYSPARK_PYTHON; do
    parameters+=" --conf spark.$name=$python"
done
python3 - "$prefix/backfill.py" "$parameters" "$@" >"$work/driver.json" <<'PYTHON'
import json
import sys

script, parameters, *arguments = sys.argv[1:]
job = {"entryPoint": script, "entryPointArguments": arguments, "sparkSubmitParameters": parameters}
json.dump({"sparkSubmit": job}, sys.stdout)
PYTHON
aws emr-serverless start-job-run --application-id "$application" --execution-role-arn "$role" --name fastxform-backfill \
    --job-driver "file://$work/driver.json"
