variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "layer_zip" {
  description = "Path of the layer's zip, which `./build.sh layer --python 3.13 --arch arm64` makes; this or layer_arn."
  type        = string
  default     = null
}

variable "layer_arn" {
  description = "ARN of a layer version that holds fastxform; this or layer_zip."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "ARNs of what alarms notify."
  type        = list(string)
  default     = []
}
