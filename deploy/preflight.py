"""Says what a machine lacks before anything is installed, each with its remedy. Never installs."""

import importlib.util
import platform
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def missing() -> list[str]:
    """One sentence a lack: what is missing and what to do; empty where nothing is."""
    lacks = []
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        lacks.append(
            f"Python 3.11 to 3.13 is needed, this is {platform.python_version()}: "
            "install one of them and call make PYTHON=python3.12"
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            lacks.append(
                f"this Python lacks its {module} module: on Debian or Ubuntu "
                f"'apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv', "
                "elsewhere install the full Python package"
            )
    return lacks


if __name__ == "__main__":
    lacks = missing()
    for lack in lacks:
        print(f"taktboard: {lack}", file=sys.stderr)
    sys.exit(1 if lacks else 0)
