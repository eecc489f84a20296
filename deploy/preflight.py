"""Says what a machine lacks before anything is installed, each with its remedy. Never installs.

Written so that a Python too old for Taktboard, even Python 2, can still read it and say so.
"""

from __future__ import print_function

import platform
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def missing():
    # type: () -> list[str]
    """One sentence a lack: what is missing and what to do; empty where nothing is."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        version = platform.python_version()
        return [
            "Python 3.11 to 3.13 is needed, this is " + version + ": "
            "install one of them and call make PYTHON=python3.12"
        ]
    import importlib.util  # Python 2 has none

    package = "python{}.{}-venv".format(*sys.version_info)
    return [
        "this Python lacks its " + module + " module: on Debian or Ubuntu "
        "'apt install " + package + "', elsewhere install the full Python package"
        for module in ("venv", "ensurepip")
        if importlib.util.find_spec(module) is None
    ]


if __name__ == "__main__":
    lacks = missing()
    for lack in lacks:
        print("taktboard: " + lack, file=sys.stderr)
    sys.exit(1 if lacks else 0)
