"""What is wrong between a transform and the account that it runs in: findings with place and remedy.

It reads what the AWS CLI printed, the configuration, and a sample; it asks AWS nothing. Rules of the configuration
alone are in `tools.lint`. Invariant: what was not given is not judged, and the same input gives the same findings.
"""
