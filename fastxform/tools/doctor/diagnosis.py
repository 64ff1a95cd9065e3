"""All rules over one account, in their order: the stream, its tables, the function, permissions, the sample.

Invariant: findings are those of the rules, each once.
"""

from collections.abc import Sequence

from fastxform.pipeline import Pipeline
from fastxform.tools.doctor.account import Account
from fastxform.tools.doctor.delivery import DescribedStream
from fastxform.tools.doctor.function import function_rules
from fastxform.tools.doctor.permissions import permission_rules
from fastxform.tools.doctor.stream import stream_rules
from fastxform.tools.doctor.tables import table_rules
from fastxform.tools.doctor.traffic import traffic_rules
from fastxform.tools.lint.finding import Finding


def diagnose(
    pipeline: Pipeline, config: str, account: Account, payloads: Sequence[bytes] | None = None
) -> tuple[Finding, ...]:
    """Return what is wrong.

    Args:
        pipeline: the transform.
        config: the file of its configuration.
        account: the descriptions, that of the stream among them.
        payloads: a sample of records, raw.
    """
    if account.stream is None:
        return ()
    stream = DescribedStream(account.stream)
    spec = pipeline.spec
    findings = [
        *stream_rules(spec, config, account, stream),
        *table_rules(spec, config, account, stream),
        *function_rules(spec, account),
        *permission_rules(spec, account, stream),
        *(traffic_rules(pipeline, config, payloads, account, stream) if payloads else ()),
    ]
    return tuple(dict.fromkeys(findings))
