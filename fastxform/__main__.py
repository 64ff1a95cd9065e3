"""`python -m fastxform`, the same as the command `fastxform`."""

import sys

from fastxform.cli import main

if __name__ == "__main__":
    sys.exit(main())
