#!/usr/bin/env bash
# Has Athena run one statement and waits until it is done: STATEMENT=... WORKGROUP=... AWS_REGION=... create_table.sh
set -euo pipefail

die() {
    printf 'create_table.sh: %s\n' "$*" >&2
    exit 1
}

command -v aws >/dev/null ||
    die "the AWS CLI is needed and was not found; install it, or set create_tables = false and run the saved queries in Athena"

id=$(aws athena start-query-execution --work-group "$WORKGROUP" --query-string "$STATEMENT" \
    --query QueryExecutionId --output text)

for ((second = 0; second < 120; second++)); do
    state=$(aws athena get-query-execution --query-execution-id "$id" --query QueryExecution.Status.State --output text)
    case $state in
    SUCCEEDED) exit 0 ;;
    QUEUED | RUNNING) sleep "${PAUSE_SECONDS:-1}" ;;
    *)
        reason=$(aws athena get-query-execution --query-execution-id "$id" \
            --query QueryExecution.Status.StateChangeReason --output text)
        die "Athena did not make the table ($state): $reason"
        ;;
    esac
done
die "Athena has not answered for two minutes; see query $id in workgroup $WORKGROUP"
