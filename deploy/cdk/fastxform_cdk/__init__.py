"""A transform as a CDK construct: function and alias, delivery stream, a role for each, logs, alarms, dashboard.

Buckets, keys, source streams and tables are the caller's. Invariant: permissions, alarms and charts are those of the
Terraform module, by the same names.
"""

from fastxform_cdk.construct import Transform
from fastxform_cdk.inputs import Parquet, Table

__all__ = ["Parquet", "Table", "Transform"]
