"""The benchmark of fastxform against what people run today: see README.md beside this file."""
