"""What is wrong between a transform and the account that it runs in: findings with place and remedy.

It reads what the AWS CLI printed, the configuration, and a sample; it asks AWS nothing. Rules of the configuration
alone are in `tools.lint`. Invariant: what was not given is not judged, and the same input gives the same findings.
"""

from fastxform.tools.doctor.account import Account, read_account
from fastxform.tools.doctor.diagnosis import diagnose
from fastxform.tools.doctor.gather import script

__all__ = ["Account", "diagnose", "read_account", "script"]
