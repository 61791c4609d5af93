"""What the driver says of GPUs, read. The texts have the form of nvidia-smi's own, cut to what is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spaces_runtime.domain.hardware import Gpu, Hardware
from spaces_runtime.domain.instance import Phase
from spaces_runtime.node import gpus
from tests.node.run import run

MIB = 2**20
WHOLE = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <driver_version>550.90.07</driver_version>
  <gpu id="00000000:00:1E.0">
    <product_name>Tesla T4</product_name>
    <mig_mode><current_mig>N/A</current_mig></mig_mode>
    <mig_devices>None</mig_devices>
    <uuid>GPU-aaaa</uuid>
    <minor_number>0</minor_number>
    <fb_memory_usage><total>15360 MiB</total></fb_memory_usage>
  </gpu>
  <gpu id="00000000:00:1F.0">
    <product_name>NVIDIA A100-SXM4-80GB</product_name>
    <mig_mode><current_mig>Enabled</current_mig></mig_mode>
    <mig_devices>
      <mig_device>
        <index>0</index><gpu_instance_id>2</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>40192 MiB</total></fb_memory_usage>
      </mig_device>
      <mig_device>
        <index>1</index><gpu_instance_id>9</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>9728 MiB</total></fb_memory_usage>
      </mig_device>
    </mig_devices>
    <uuid>GPU-bbbb</uuid>
    <minor_number>1</minor_number>
    <fb_memory_usage><total>81920 MiB</total></fb_memory_usage>
  </gpu>
</nvidia_smi_log>
"""
LISTED = """GPU 0: Tesla T4 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)
  MIG 3g.40gb     Device  0: (UUID: MIG-cccc)
  MIG 1g.10gb     Device  1: (UUID: MIG-dddd)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """The files that a driver makes."""
    (tmp_path / "dev" / "nvidia-caps").mkdir(parents=True)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / name).touch()
    for instance, first in ((2, 21), (9, 84)):
        folder = tmp_path / "gpu1" / "mig" / f"gi{instance}"
        (folder / "ci0").mkdir(parents=True)
        (folder / "access").write_text(f"DeviceFileMinor: {first}\nDeviceFileMode: 292\n")
        (folder / "ci0" / "access").write_text(f"DeviceFileMinor: {first + 1}\nDeviceFileMode: 292\n")
    return tmp_path


def test_a_device_is_offered_whole_and_one_that_is_divided_in_its_slices(driver: Path):
    whole, large, small = gpus.read(WHOLE, LISTED, driver / "dev", driver)
    assert (whole.id, whole.model, whole.memory, whole.share) == ("GPU-aaaa", "Tesla T4", 15360 * MIB, 1.0)
    assert (large.id, large.memory, round(large.share, 2)) == ("MIG-cccc", 40192 * MIB, 0.43)
    assert (small.id, small.memory, round(small.share, 2)) == ("MIG-dddd", 9728 * MIB, 0.14)


def test_each_comes_with_the_files_that_open_it_and_no_other(driver: Path):
    whole, large, small = (
        {Path(n).name for n in gpu.nodes} for gpu in gpus.read(WHOLE, LISTED, driver / "dev", driver)
    )
    assert whole == {"nvidia0", "nvidiactl", "nvidia-uvm"}
    assert large == {"nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-cap21", "nvidia-cap22"}
    assert small == {"nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-cap84", "nvidia-cap85"}


@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="here is a driver")
def test_without_a_driver_there_is_none_and_a_reason():
    assert gpus.look() == ((), "this machine has no NVIDIA driver, or no GPU")


@pytest.mark.skipif(not Path("/proc/driver/nvidia/version").exists(), reason="needs a GPU with its driver")
def test_with_a_driver_each_is_found_with_files_that_are_there():
    found, why = gpus.look()
    assert found, why
    assert all(gpu.memory > 0 and all(Path(node).exists() for node in gpu.nodes) for gpu in found)


def test_a_text_that_is_none_of_nvidia_smis_is_no_gpu(driver: Path):
    with pytest.raises(ValueError, match="no minor_number"):
        list(gpus.read(WHOLE.replace("minor_number", "minor"), LISTED, driver / "dev", driver))


SEES = """
import os
print("sees", os.path.exists("/dev/loop-control"), os.path.exists("/dev/loop0"), os.environ.get("CUDA_VISIBLE_DEVICES"))
print("opens", os.open("/dev/loop-control", os.O_RDONLY) > 0 if os.access("/dev/loop-control", os.R_OK) else "not")
"""


def test_an_app_sees_the_device_it_was_given_and_no_other(place):
    """No GPU is at hand: another device's file stands for one, which the sandbox treats alike."""
    device = Gpu(id="GPU-aaaa", model="Tesla T4", memory=15360 * MIB, nodes=("/dev/loop-control",))
    tier = Hardware(name="t4-small", cpus=1, memory=256 * MIB, disk=64 * MIB, gpus=1)

    async def work():
        with_one, without = place.spec(SEES, space="ann-gpu"), place.spec(SEES, space="bob-none")
        with_one = replace(with_one, setup=replace(with_one.setup, hardware=tier), gpus=(device,))
        for spec in (with_one, without):
            await place.backend.start(spec)
            await place.reach(spec, Phase.EXITED)
        assert "sees True False GPU-aaaa" in place.log("ann-gpu")
        assert "sees False False None" in place.log("bob-none")
        assert (await place.see(with_one.id)).gpus == ("GPU-aaaa",)
        place.kill()
        place.begin()
        assert (await place.see(with_one.id)).gpus == ("GPU-aaaa",), "also after a restart of the node"

    run(place, work)
