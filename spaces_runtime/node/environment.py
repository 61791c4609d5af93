"""What the app finds in its environment (pure); contract/spaces.md §5."""

from __future__ import annotations

from spaces_runtime.domain.instance import StartSpec

GIB = 2**30
HOME = "/home/user"


def environment(spec: StartSpec, *, cores: int) -> dict[str, str]:
    """Defaults, then the owner's and the platform's values, then what nobody may override. cores: of this machine."""
    hardware = spec.setup.hardware
    threads = str(max(1, min(int(hardware.cpus), cores)))
    defaults = {
        "PATH": f"/env/bin:{HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{HOME}/app",
        "VIRTUAL_ENV": "/env",
        "OMP_NUM_THREADS": threads,  # else torch starts as many threads as the machine has cores, and crawls
        "TOKENIZERS_PARALLELISM": "false",
        "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104 every address of a network of its own
        "GRADIO_SERVER_PORT": str(spec.artifact.port),
        "GRADIO_NUM_PORTS": "1",
        "GRADIO_ALLOW_FLAGGING": "never",
        "GRADIO_THEME": "huggingface",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    return defaults | spec.env | {"HOME": HOME, "USER": "user", "LOGNAME": "user"} | _fixed(spec)


def image_environment(spec: StartSpec) -> dict[str, str]:
    """What a container of the author's own image finds beside what the image itself sets: PATH and HOME are its own."""
    return spec.env | _fixed(spec)


def _fixed(spec: StartSpec) -> dict[str, str]:
    """What nobody may override."""
    hardware = spec.setup.hardware
    fixed = {
        "SYSTEM": "spaces",
        "ACCELERATOR": hardware.name if hardware.gpus else "none",
        "CPU_CORES": f"{hardware.cpus:g}",
        "MEMORY": f"{hardware.memory / GIB:g}Gi",
    }
    if hardware.gpus:
        fixed["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.id for gpu in spec.gpus)
    return fixed
