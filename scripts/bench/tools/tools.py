"""The table of the tools that are compared: what each can do, and the environment that it is installed in.

Everything that the workers import is pinned where it decides the result; the rest is what pip finds.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TORCH = "torch==2.13.0"
"""The build for processors alone, where pip finds one."""
TRANSFORMERS = ("transformers==5.23.0", "accelerate==1.15.0")
OURS = "rpiq"


@dataclass(frozen=True)
class Tool:
    """One quantizer."""

    name: str
    """That of its worker too: with_NAME.py."""
    title: str
    methods: tuple[str, ...]
    without_data: tuple[str, ...] = ()
    """Methods that use neither calibration rows nor a seed: one run says everything."""
    package: str = ""
    """The pinned package itself; nothing for what runs in this environment."""
    needs: tuple[str, ...] = ()
    """What is installed beside it."""
    needs_alone: tuple[str, ...] = ()
    """What is installed instead of its own requirements, where those cannot be met."""
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables of its worker."""

    @property
    def worker(self) -> Path:
        """The script that runs in the tool's environment."""
        return Path(__file__).with_name(f"with_{self.name}.py")

    @property
    def version(self) -> str:
        """Of what a row is made with; ours is known by its sources, since they change without a new number."""
        if self.package:
            return self.package.partition("==")[2]
        return f"{version('rpiq-assistant')} {_sources()}"


class InstallError(Exception):
    """A tool could not be installed."""


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            OURS,
            "rpiq",
            ("rtn", "gptq activation_order=false grid_search=false", "gptq", "rpiq"),
            without_data=("rtn",),
        ),
        Tool(
            "bitsandbytes",
            "bitsandbytes",
            ("nf4",),
            without_data=("nf4",),
            package="bitsandbytes==0.50.2",
            needs=TRANSFORMERS,
        ),
        Tool("hqq", "HQQ", ("hqq",), without_data=("hqq",), package="hqq==0.2.8.post1", needs=TRANSFORMERS),
        Tool("autoround", "AutoRound", ("light",), package="auto-round==0.16.1", needs=TRANSFORMERS),
        Tool(
            "llmcompressor",
            "llm-compressor",
            ("gptq", "gptq-mse"),
            package="llmcompressor==0.14.0.1",
            needs=("transformers==5.17.0", "accelerate==1.15.0"),
        ),
        Tool(
            "gptqmodel",
            "GPTQModel",
            ("gptq-mse", "gptaq-mse"),
            package="gptqmodel==7.7.0",
            needs=(*TRANSFORMERS, "datasets==5.1.0", "requests==2.34.2"),
            # It asks for torch 2.14.1 or newer, and runs with 2.13.
            needs_alone=(
                "defuser==0.0.28",
                "device-smi==0.5.7",
                "logbar==0.4.15",
                "ninja==1.13.2",
                "pillow==13.0.0",
                "protobuf==7.36.2",
                "pypcre==0.6.4",
                "threadpoolctl==3.7.0",
                "tokenicer==0.0.14",
                "torchao==0.18.0",
            ),
            variables={"GPTQMODEL_CPU_WORKERS": "2"},
        ),
    )
}


def python_of(tool: Tool, environments: Path) -> Path:
    """The interpreter that runs the tool's worker; its environment is made if it is not there yet.

    InstallError when something cannot be installed.
    """
    if not tool.package:
        return Path(sys.executable)
    folder = environments / tool.name
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = "\n".join((TORCH, tool.package, *tool.needs, *tool.needs_alone))
    if ready.is_file() and ready.read_text("utf-8") == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    # torch first: left to the others' requirements, pip would bring gigabytes of CUDA libraries.
    _pip(python, TORCH)
    before = _torch(python)
    if tool.needs_alone:
        _pip(python, TORCH, *tool.needs)
        _pip(python, "--no-deps", *tool.needs_alone, tool.package)
    else:
        _pip(python, TORCH, *tool.needs, tool.package)
    if _torch(python) != before:
        raise InstallError(f"{tool.package} replaced torch {before} by {_torch(python)}")
    ready.write_text(wanted, "utf-8")
    return python


def _pip(python: Path, *arguments: str) -> None:
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise InstallError(f"pip install {' '.join(arguments)}: {lines[-1] if lines else done.returncode}")


def _torch(python: Path) -> str:
    question = "from importlib.metadata import version; print(version('torch'))"
    return subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=True).stdout.strip()


def _sources() -> str:
    """The beginning of a hash over the modules that a quantized weight goes through."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "rpiq").glob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:8]
