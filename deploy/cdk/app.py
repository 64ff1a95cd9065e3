"""An example: changes from a Kinesis stream to CSV in a bucket; `cdk synth` in this directory."""

from aws_cdk import App, Stack, aws_kinesis, aws_lambda, aws_s3
from fastxform_cdk import Transform

app = App()
stack = Stack(app, "dynamotest")
layer = aws_lambda.LayerVersion.from_layer_version_arn(stack, "Layer", app.node.get_context("layer_arn"))
source = aws_kinesis.Stream(stack, "Changes", stream_mode=aws_kinesis.StreamMode.ON_DEMAND)
bucket = aws_s3.Bucket(stack, "Rows", enforce_ssl=True, block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL)
config = "../../fastxform/examples/dynamotest/dynamotest.toml"
Transform(stack, "Dynamotest", name="dynamotest", config=config, layer=layer, bucket=bucket, source=source)
app.synth()
