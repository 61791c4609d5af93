"""What Spaces and builds may reach beyond the public internet, from the settings."""

from __future__ import annotations

from pathlib import Path

from spaces_runtime.domain.settings import BuildSettings, Settings
from spaces_runtime.wiring.node import reach

DATA = Path("/nowhere")


def test_in_local_mode_nothing_of_this_machine_is_open_and_builds_reach_what_the_operator_names():
    build = BuildSettings(
        index="https://pip.lab/simple", extra_index=("http://10.0.0.9:3141/x",), hosts=("git.lab:22",)
    )
    found = reach(Settings(data=DATA, build=build))
    assert found.doors == ()
    assert found.hosts == ("git.lab:22", "pip.lab:443", "10.0.0.9:3141")


def test_the_hub_and_the_domain_of_spaces_are_open_at_their_public_port():
    found = reach(Settings(data=DATA, public_url="https://hub.lab", spaces_domain="spaces.lab"))
    assert found.doors == ("hub.lab:443", "any.spaces.lab:443")
    assert found.hosts == found.doors
    assert reach(Settings(data=DATA, public_url="http://hub.lab:8080")).doors == ("hub.lab:8080", "any.hub.lab:8080")
