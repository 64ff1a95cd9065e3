"""The commands that gather the descriptions of an account: a script for bash and the AWS CLI, nothing else.

It is printed, never run here. Invariant: it only reads, and everything that it writes is below the one directory that
it is given.
"""

import shlex

SCRIPT = r"""#!/usr/bin/env bash
# Describes a delivery stream and what belongs to it, for `fastxform doctor CONFIG DIRECTORY`. It only reads.
set -euo pipefail
stream={stream}
directory={directory}
mkdir -p -- "$directory"
save() {{ aws "${{@:2}}" --output json >"$directory/$1.json"; }}
field() {{ aws "$@" --output text; }}

save stream firehose describe-delivery-stream --delivery-stream-name "$stream"
# What of the stream names something else; DeliveryStreamDescription stands before each of these.
of() {{
    field firehose describe-delivery-stream --delivery-stream-name "$stream" --query "DeliveryStreamDescription.$1"
}}
parameters='Destinations[0].*[].ProcessingConfiguration.Processors[].Parameters[]'
function=$(of "$parameters | [?ParameterName==\`LambdaArn\`].ParameterValue | [0]")
roles=$(of '[Destinations[0].*[].RoleARN, Source.*[].RoleARN][]')
source=$(of 'Source.KinesisStreamSourceDescription.KinesisStreamARN')
tables='Destinations[0].IcebergDestinationDescription.DestinationTableConfigurationList'

if [[ $function != None ]]; then
    IFS=: read -r -a part <<<"$function"
    name=${{part[6]}}
    qualifier=${{part[7]:-}}
    save function lambda get-function-configuration --function-name "$name" ${{qualifier:+--qualifier "$qualifier"}}
    save aliases lambda list-aliases --function-name "$name"
    # There is none unless somebody made it.
    policy="$directory/function-policy.json"
    save function-policy lambda get-policy --function-name "$name" ${{qualifier:+--qualifier "$qualifier"}} \
        2>/dev/null || rm -f -- "$policy"
    roles+=" $(field lambda get-function-configuration --function-name "$name" --query Role)"
fi
if [[ $source != None ]]; then
    save source kinesis describe-stream-summary --stream-arn "$source"
fi
# Roles of producers may be named behind: bash SCRIPT ROLE...
for arn in $roles "$@"; do
    [[ $arn == None ]] && continue
    role=${{arn##*/}}
    save "role-$role" iam get-role --role-name "$role"
    for policy in $(field iam list-role-policies --role-name "$role" --query 'PolicyNames[]'); do
        save "role-$role-$policy" iam get-role-policy --role-name "$role" --policy-name "$policy"
    done
    attached=$(field iam list-attached-role-policies --role-name "$role" --query 'AttachedPolicies[].PolicyArn')
    for policy in $attached; do
        version=$(field iam get-policy --policy-arn "$policy" --query Policy.DefaultVersionId)
        save "role-$role-${{policy##*/}}" iam get-policy-version --policy-arn "$policy" --version-id "$version" \
            --query "{{RoleName: '$role', PolicyName: '${{policy##*/}}', PolicyDocument: PolicyVersion.Document}}"
    done
done
of "$tables[].[DestinationDatabaseName, DestinationTableName]" | while read -r database table; do
    [[ -z $database || $database == None ]] && continue
    save "table-$database-$table" glue get-table --database-name "$database" --name "$table"
done
echo "now: fastxform doctor CONFIG $directory --sample RECORDS" >&2
"""


def script(stream: str, directory: str) -> str:
    """Return the script for a delivery stream, with the directory that it writes to."""
    return SCRIPT.format(stream=shlex.quote(stream), directory=shlex.quote(directory))
