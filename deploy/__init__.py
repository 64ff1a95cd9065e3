"""What brings fastxform to Lambda; nothing of it is part of the package."""
