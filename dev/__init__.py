"""What the repository itself needs: locked environments, the emulator, the source distribution.

It is not part of the wheel, and the package imports nothing of it.
"""
