"""`python -m dev.fuzz TARGET [OPTION OF LIBFUZZER...] [DIRECTORY...]`: a target of `targets` under Atheris."""

import sys

import atheris

with atheris.instrument_imports(include=["fastxform"]):
    from dev.fuzz.targets import TARGETS

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
