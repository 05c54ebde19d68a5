"""Known vulnerabilities of what requirements.lock names, by pip-audit in an environment of its own.

Fails if there are any. Where the service that knows them cannot be asked, it says so and passes.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
TOOL = "pip-audit>=2.9,<3"


def main() -> int:
    """Audit, and give the exit status."""
    with TemporaryDirectory() as folder:
        packages = audited(Path(folder))
    known = [package for package in packages if "vulns" in package]
    for package in known:
        for one in package["vulns"]:
            fixed = ", ".join(one["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {one['id']}, mended in {fixed}")
    if not known:
        print(f"{LOCK.name} was NOT audited: the service that knows vulnerabilities has no answer")
    else:
        print(f"{LOCK.name}: {len(known)} of {len(packages)} packages were audited")
    return any(package["vulns"] for package in known)


def audited(folder: Path) -> list[dict[str, object]]:
    """What pip-audit says of each package; none if it cannot be installed or gets no answer."""
    venv.create(folder, with_pip=True)
    python, answer = folder / "bin" / "python", folder / "answer.json"
    install = [python, "-m", "pip", "install", "-q", TOOL]
    subprocess.run(install, check=False, capture_output=True)
    options = ["--disable-pip", "--progress-spinner=off", "--format=json", f"--output={answer}"]
    command = [python, "-m", "pip_audit", f"--requirement={LOCK}", *options]
    subprocess.run(command, check=False, capture_output=True)
    return json.loads(answer.read_text())["dependencies"] if answer.exists() else []


if __name__ == "__main__":
    sys.exit(main())
