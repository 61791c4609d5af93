"""The engine's calls, as they are made: what a container may do stands in one body of JSON."""

from dataclasses import replace
from pathlib import Path

import pytest

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.node.docker import health
from spaces_runtime.node.docker.cell import status_of
from spaces_runtime.node.docker.health import Told
from spaces_runtime.node.docker.recipe import Shape, create, labels_of, mounts, outermost, record_of
from spaces_runtime.node.record import Record

GIB = 2**30
SHAPE = Shape(
    image="sha256:1",
    user=1000,
    command=(),
    folder="",
    env={"A": "b"},
    shown=((Path("/here/data"), "/data", False), (Path("/here/volume"), "/data/deep/er", True)),
    copied=((Path("/here/copied0"), "/srv/app"),),
    network="none",
    seccomp="{}",
    run=False,
    hardware=Hardware(name="t4", cpus=1.5, memory=GIB, disk=2 * GIB, gpus=1),
)
RECORD = Record(
    id=InstanceId("a-1"),
    space=SpaceId("a"),
    build=BuildKey(RevisionId("f" * 40), 2),
    spec=Digest("5" * 64),
    user=1000,
    memory=GIB,
    port=7860,
    relayed=7800,
    boot="this one",
    started=12.0,
    hardware="t4",
    gpus=("GPU-1", "GPU-2"),
)


def test_a_container_is_given_nothing_that_it_does_not_need():
    call = create(SHAPE)
    host = call["HostConfig"]
    assert (call["User"], host["Privileged"], host["ReadonlyRootfs"], host["Init"]) == ("1000:1000", False, True, True)
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true", "seccomp={}"]
    assert (host["IpcMode"], host["CgroupnsMode"], host["NetworkMode"]) == ("private", "private", "none")
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["LogConfig"]["Type"] == "local"
    assert "PortBindings" not in host
    assert "PublishAllPorts" not in host


def test_a_tier_s_limits_are_the_container_s():
    host = create(SHAPE)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (GIB, GIB, 1024)
    assert host["CpuQuota"] / host["CpuPeriod"] == 1.5
    assert {"Name": "fsize", "Soft": 2 * GIB, "Hard": 2 * GIB} in host["Ulimits"]
    assert {"Name": "core", "Soft": 0, "Hard": 0} in host["Ulimits"]
    assert host["ShmSize"] == GIB // 2
    assert f"size={GIB // 2}" in host["Tmpfs"]["/tmp"]


def test_an_image_s_own_command_is_kept_and_an_environment_s_is_given():
    own, given = create(SHAPE), create(replace(SHAPE, command=("/env/bin/python", "app.py"), folder="/app"))
    assert not {"Cmd", "Entrypoint", "WorkingDir"} & set(own)
    assert (given["Entrypoint"], given["Cmd"], given["WorkingDir"]) == (["/env/bin/python"], ["app.py"], "/app")


def test_what_lies_deeper_is_mounted_later_and_what_is_copied_is_a_volume_without_a_name():
    told = mounts(SHAPE)
    assert [mount["Target"] for mount in told] == ["/data", "/srv/app", "/data/deep/er"]
    volume = told[1]
    assert (volume["Type"], "Source" in volume) == ("volume", False)
    assert volume["VolumeOptions"]["DriverConfig"]["Options"]["device"] == "/here/copied0"


def test_gpus_are_asked_for_by_name_and_no_others_are_seen():
    asked = replace(SHAPE, gpus=("GPU-1", "GPU-2"))
    assert create(SHAPE)["HostConfig"]["DeviceRequests"] == []
    assert create(asked)["HostConfig"]["DeviceRequests"] == [
        {"Driver": "", "Count": 0, "DeviceIDs": ["GPU-1", "GPU-2"], "Capabilities": [["gpu"]], "Options": {}}
    ]
    assert create(replace(asked, cdi=True))["HostConfig"]["DeviceRequests"] == [
        {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2"]}
    ]


@pytest.mark.parametrize(
    ("told", "way"),
    [
        (Told(info={"Runtimes": {"runc": {}, "nvidia": {}}}, api=(1, 41), base=True), "runtime"),
        (Told(info={"DiscoveredDevices": [{"ID": "nvidia.com/gpu=GPU-1"}]}, api=(1, 50), base=True), "cdi"),
        (Told(info={"CDISpecDirs": ["/etc/cdi"]}, api=(1, 44), base=True, specs=("/etc/cdi/nvidia.yaml",)), "cdi"),
        (Told(info={"CDISpecDirs": ["/etc/cdi"]}, api=(1, 43), base=True, specs=("/etc/cdi/nvidia.yaml",)), ""),
        (Told(info={"CDISpecDirs": ["/etc/cdi"]}, api=(1, 44), base=True), ""),
        (Told(info={"Runtimes": {"runc": {}}}, api=(1, 41), base=True), ""),
    ],
)
def test_an_engine_gives_gpus_by_its_runtime_or_where_it_knows_the_device_interface(told, way):
    found, why_not = health.way_to_gpus(told)
    assert found == way
    assert bool(why_not) != bool(way)


def test_what_an_engine_cannot_do_is_said_with_its_remedy():
    poor = Told(info={"SecurityOptions": ["name=rootless"], "CgroupVersion": "1"}, api=(1, 40), base=False)
    found = health.findings(poor, base="spaces-base", no_network="it needs root", internet=True, resolvers=())
    assert all(each.remedy for each in found if not each.holds)
    assert {each.subject for each in found if not each.holds} >= {
        "engine",
        "memory",
        "seccomp",
        "freezer",
        "base",
        "internet",
        "builds",
    }
    unnamed = health.findings(poor, base="spaces-base", no_network="", internet=True, resolvers=())
    assert [each.remedy for each in unnamed if each.subject == "internet"] == ["Name one in /etc/resolv.conf."]


def test_a_record_survives_the_way_through_labels():
    again = record_of(labels_of("key", RECORD), boot="this one", started=12.0)
    assert again == RECORD


def test_only_the_outermost_of_writable_folders_is_copied():
    assert outermost(["/home/user/app", "/home/user", "/srv/", "/home/username"]) == (
        "/home/user",
        "/home/username",
        "/srv",
    )


def test_an_exit_code_is_told_as_sandboxes_tell_it():
    assert [status_of(code) for code in (0, 3, 127, 137, 139, 255)] == [0, 3, 127, -9, -11, 255]
