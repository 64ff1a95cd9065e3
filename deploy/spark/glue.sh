#!/usr/bin/env bash
# Starts a backfill on Glue 5.0: glue.sh JOB ROLE S3_PREFIX WHEEL ARGUMENT...
# WHEEL is fastxform's, ARGUMENTs are those of backfill.py. Glue 5.0 runs Spark 3.5 on Python 3.11 and installs the wheel,
# with the packages that it names, when the job starts. The job is made where there is none of that name.
set -euo pipefail

(($# > 4)) || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
job=$1 role=$2 prefix=${3%/} wheel=$4
shift 4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

aws s3 cp "$wheel" "$prefix/${wheel##*/}"
aws s3 cp "$here/backfill.py" "$prefix/backfill.py"
python3 - "$job" "$role" "$prefix" "${wheel##*/}" "$work" "$@" <<'PYTHON'
import json
import pathlib
import sys

job, role, prefix, wheel, work, *arguments = sys.argv[1:]
names, values = arguments[::2], arguments[1::2]
if len(names) != len(values) or not all(name.startswith("--") for name in names):
    sys.exit("glue.sh: the arguments of a Glue job are pairs of --NAME VALUE")
given = {"--additional-python-modules": f"{prefix}/{wheel}"}
made = {
    "Name": job,
    "Role": role,
    "GlueVersion": "5.0",
    "Command": {"Name": "glueetl", "ScriptLocation": f"{prefix}/backfill.py", "PythonVersion": "3"},
    "DefaultArguments": given,
    "WorkerType": "G.1X",
    "NumberOfWorkers": 10,
}
pathlib.Path(work, "job.json").write_text(json.dumps(made))
run = {"JobName": job, "Arguments": given | dict(zip(names, values))}
pathlib.Path(work, "run.json").write_text(json.dumps(run))
PYTHON
if ! aws glue get-job --job-name "$job" >/dev/null; then
    aws glue create-job --cli-input-json "file://$work/job.json"
fi
aws glue start-job-run --cli-input-json "file://$work/run.json"
