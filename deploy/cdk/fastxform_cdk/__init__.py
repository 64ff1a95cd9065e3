"""A transform as a CDK construct: the function behind an alias, the delivery stream, a role for each, logs, alarms.

Buckets, keys, source streams and tables are the caller's. Invariant: permissions and alarms are those of the Terraform
module, by the same names.
"""

from fastxform_cdk.construct import Table, Transform

__all__ = ["Table", "Transform"]
