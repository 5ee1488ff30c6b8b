# shellcheck shell=bash
# Sourced by the other scripts: makes .venv, installs the package in it, and sees to the system libraries.
# Idempotent: a second call is quick, because .venv/ready says what was installed.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
LOG=$VENV/install.log
TORCH_CPU_WHEELS=https://download.pytorch.org/whl/cpu # documented by PyTorch for its builds without CUDA

say() { printf '==> %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# environment [dev]: the environment for using the package, or for developing it.
environment() {
    local kind=${1:-use} ready
    ready=$({ cat "$ROOT/pyproject.toml" "$ROOT/constraints.txt" && echo "$ROOT"; } | cksum)
    # The development environment holds everything that the other does.
    if grep -qsxF -e "$ready $kind" -e "$ready dev" "$VENV/ready" && "$VENV/bin/python" -c ''; then
        say "environment: .venv is up to date"
        return
    fi
    "$VENV/bin/python" -c '' 2>/dev/null || make_venv
    rm -f "$VENV/ready"
    : >"$LOG"
    install_torch
    local torch
    torch=$(torch_version)
    say "installing the package and what it needs (300 MB to download the first time)"
    if [[ $kind == dev ]]; then set -- -e "$ROOT[dev]"; else set -- -e "$ROOT"; fi
    pip_install "$@" || pip_failed
    [[ $(torch_version) == "$torch" ]] || die "pip replaced torch $torch by $(torch_version); remove .venv and run again"
    echo "$ready $kind" >"$VENV/ready"
    say "environment: done"
}

make_venv() {
    local python
    python=$(find_python) || die "Python 3.11 or newer is needed. Debian or Ubuntu: sudo apt-get install python3 python3-venv;" \
        "Fedora: sudo dnf install python3; Arch: sudo pacman -S python; macOS: brew install python@3.12"
    say "making .venv with $("$python" --version)"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        system_package "Python's venv module" python3-venv python3 python python ||
            die "Python's venv module is missing; install it as shown above and run again"
    fi
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# torch before everything else: left to the others' requirements, pip would bring gigabytes of CUDA libraries.
install_torch() {
    local version have
    version=$(sed -n 's/^torch==//p' "$ROOT/constraints.txt")
    have=$(torch_version)
    if [[ $have == "$version" || $have == "$version+"* ]]; then return; fi
    if [[ $(uname -s) != Linux ]] || nvidia-smi >/dev/null 2>&1; then
        say "installing torch $version"
        pip_install "torch==$version" || pip_failed
    else
        say "installing torch $version for the CPU (200 MB to download the first time)"
        pip_install "torch==$version+cpu" ||
            pip_install "torch==$version+cpu" --extra-index-url "$TORCH_CPU_WHEELS" || pip_failed
    fi
}

torch_version() {
    "$VENV/bin/python" - <<'EOF'
from importlib.metadata import PackageNotFoundError, version

try:
    print(version("torch"))
except PackageNotFoundError:
    print("none")
EOF
}

# Install in the tested versions. All of pip's output goes to the log, what it downloads to the terminal as well.
pip_install() {
    local line
    "$VENV/bin/python" -m pip --disable-pip-version-check install --progress-bar off \
        -c "$ROOT/constraints.txt" "$@" 2>&1 |
        while IFS= read -r line; do
            printf '%s\n' "$line" >>"$LOG"
            case $line in
            *Downloading* | Installing\ collected*) printf '    %.100s\n' "${line#"${line%%[! ]*}"}" >&2 ;;
            esac
        done
}

pip_failed() {
    tail -n 15 "$LOG" >&2
    die "pip could not install what is needed (all it said: ${LOG#"$ROOT"/}); check the network and run again"
}

# The library of the operating system that a Python package opens: without PortAudio there is no playing.
system_libraries() {
    if ! "$VENV/bin/python" -c 'import sounddevice' 2>/dev/null; then
        system_package "PortAudio, to play sound" libportaudio2 portaudio portaudio portaudio ||
            say "going on without playing; the answer is written to a file all the same"
    fi
}

# system_package WHAT APT DNF PACMAN BREW: install it where that needs no password, otherwise name the command.
system_package() {
    local what=$1 as_root=() log=/dev/null
    [[ -d $VENV ]] && log=$LOG
    if command -v apt-get >/dev/null; then
        [[ $(id -u) == 0 ]] || as_root=(sudo -n)
        if [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null; then
            say "installing $what ($2)"
            # shellcheck disable=SC2086 # several packages
            if { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --no-install-recommends $2; } >>"$log" 2>&1; then
                return
            fi
        fi
        say "missing: $what. Install it with: sudo apt-get install $2"
    elif command -v dnf >/dev/null; then
        say "missing: $what. Install it with: sudo dnf install $3"
    elif command -v pacman >/dev/null; then
        say "missing: $what. Install it with: sudo pacman -S $4"
    elif command -v brew >/dev/null; then
        say "missing: $what. Install it with: brew install $5"
    else
        say "missing: $what. Its packages: Debian $2; Fedora $3; Arch $4; Homebrew $5"
    fi
    return 1
}
