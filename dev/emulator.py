"""`python -m dev.emulator`: AWS's runtime interface emulator into .cache, unless it is there.

AWS ships it as a static binary inside the wheel of its SAM command; nothing else of the wheel is kept.
"""

import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = ROOT / ".cache" / "aws-lambda-rie"
STAMP: Final = TARGET.with_name("aws-lambda-rie.stamp")
SAM_CLI: Final = "aws-sam-cli==1.170.0"
SHA256: Final = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
MEMBERS: Final = {
    "x86_64": "aws-lambda-rie-x86_64",
    "aarch64": "aws-lambda-rie-arm64",
    "arm64": "aws-lambda-rie-arm64",
}


def is_current() -> bool:
    """Return whether the emulator of the pinned wheel is there."""
    return TARGET.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == SHA256


def member(machine: str) -> str:
    """Return the file of the wheel for a machine.

    Raises:
        SystemExit: AWS makes none for it.
    """
    if machine not in MEMBERS:
        sys.exit(f"AWS's runtime interface emulator exists for x86_64 and aarch64, not for {machine}")
    return f"samcli/local/rapid/{MEMBERS[machine]}"


def download(directory: Path) -> Path:
    """Return the wheel, downloaded and compared with its hash.

    Raises:
        SystemExit: pip could not download it.
    """
    requirement = directory / "requirement.txt"
    requirement.write_text(f"{SAM_CLI} --hash=sha256:{SHA256}\n", encoding="utf-8")
    options = ["-qq", "--no-input", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "download", *options, "-d", str(directory), "-r", str(requirement)]
    if subprocess.run(pip, check=False).returncode:
        sys.exit(f"{SAM_CLI} could not be downloaded (pip's message is above); is a package index reachable?")
    (wheel,) = directory.glob("*.whl")
    return wheel


def unpack(wheel: Path, name: str, target: Path) -> None:
    """Write one file of a wheel as an executable."""
    target.parent.mkdir(exist_ok=True)
    draft = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        draft.write_bytes(archive.read(name))
    draft.chmod(0o755)
    draft.replace(target)


def main() -> None:
    """Fetch the emulator, unless it is there."""
    if is_current():
        return
    name = member(platform.machine())
    print("fetching AWS's runtime interface emulator", file=sys.stderr)
    with TemporaryDirectory() as directory:
        unpack(download(Path(directory)), name, TARGET)
    STAMP.write_text(SHA256, encoding="utf-8")


if __name__ == "__main__":
    main()
