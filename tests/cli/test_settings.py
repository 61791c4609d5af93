"""A setting comes from the file, is overridden by the environment, and by a flag last; mistakes are named."""

from __future__ import annotations

import pytest
from huggingface_hub import SpaceHardware

from spaces_runtime.cli.settings import load, shown
from spaces_runtime.cli.tiers import size_of
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.tiers import TIERS


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path):
    (tmp_path / "spaces.toml").write_text("port = 1\n[sleep]\nfrozen = 60\n[build]\nat_once = 3\n")
    got = load(tmp_path, {"port": None}, {"SPACES_PORT": "2", "SPACES_SLEEP_FROZEN": "30"})
    assert (got.settings.port, got.settings.sleep.frozen, got.settings.build.at_once) == (2, 30.0, 3)
    assert got.origin["port"] == "SPACES_PORT"
    assert got.origin["build.at_once"].endswith("spaces.toml")
    assert load(tmp_path, {"port": 3}, {"SPACES_PORT": "2"}).settings.port == 3


def test_the_data_folder_is_a_flag_a_variable_or_the_default(tmp_path):
    assert load(tmp_path, {}, {}).settings.data == tmp_path
    assert load(None, {}, {"SPACES_DATA": str(tmp_path)}).settings.data == tmp_path


def tiers(folder, text):
    (folder / "spaces.toml").write_text(text)
    return {tier.name: tier for tier in load(folder, {}, {}).settings.hardware}


def test_all_tiers_that_todays_client_knows_are_there(tmp_path):
    assert {tier.value for tier in SpaceHardware} <= tiers(tmp_path, "").keys()


def test_an_operator_adds_a_tier_or_changes_one(tmp_path):
    told = """
    [[hardware]]
    name = "tiny"
    cpus = 0.5
    memory = "192 MiB"
    disk = 2_000_000
    [[hardware]]
    name = "t4-small"
    gpu = ""
    """
    found = tiers(tmp_path, told)
    assert (found["tiny"].cpus, found["tiny"].memory, found["tiny"].disk) == (0.5, 192 * 2**20, 2_000_000)
    assert (found["t4-small"].gpu, found["t4-small"].gpus, found["t4-small"].cpus) == ("", 1.0, 4)
    assert found["cpu-basic"] == TIERS[0]


@pytest.mark.parametrize(
    ("text", "size"), [("16 GiB", 16 * 2**30), ("1.5GB", 1_500_000_000), ("7", 7), ("9 apples", None), ("", None)]
)
def test_a_size_is_written_as_people_write_it(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 7800", '"prot" is not a setting'),
        ("port = true", "not of type int"),
        ("port = ", "spaces.toml"),
        ('[[hardware]]\nname = "tiny"', "hardware tiny: cpus, memory, disk are missing"),
        ('[[hardware]]\nname = "Ti ny"', "hardware Ti ny: a name is"),
        ('[[hardware]]\nname = "cpu-basic"\nmemory = "16 apples"', "memory is '16 apples', which is no size"),
        ('[[hardware]]\nname = "cpu-basic"\ncores = 2', "hardware cpu-basic: there is no cores"),
        ('[[hardware]]\nname = "cpu-basic"\ncpus = true', "cpus is True"),
        ('[[hardware]]\nname = "cpu-basic"\ngpus = 1.5', "gpus is 1.5: whole devices, or a part of one"),
        ("hardware = 3", r"write \[\[hardware"),
        ('default_hardware = "huge"', "default_hardware is 'huge', which is no tier. There is cpu-basic, "),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, said):
    (tmp_path / "spaces.toml").write_text(text)
    with pytest.raises(Fault, match=said):
        load(tmp_path, {}, {})


@pytest.mark.parametrize(("name", "value"), [("SPACES_PORT", "many"), ("SPACES_INTERNET", "perhaps")])
def test_a_mistake_in_a_variable_is_named(tmp_path, name, value):
    with pytest.raises(Fault, match=value):
        load(tmp_path, {}, {name: value})


def test_a_password_in_an_address_is_not_shown(tmp_path):
    rows = shown(load(tmp_path, {}, {"SPACES_DATABASE_URL": "postgresql://ann:pw@db/spaces"}))
    assert ("database_url", "postgresql://***@db/spaces", "SPACES_DATABASE_URL") in rows


@pytest.mark.parametrize("name", ["database_url", "redis_url"])
def test_common_names_of_variables_are_known_and_our_own_wins(tmp_path, name):
    def value(environ):
        return next(row[1:] for row in shown(load(tmp_path, {}, environ)) if row[0] == name)

    common = {name.upper(): "redis://common"}
    assert value(common) == ("redis://common", name.upper())
    assert value(common | {f"SPACES_{name.upper()}": "redis://own"}) == ("redis://own", f"SPACES_{name.upper()}")


@pytest.mark.parametrize("name", ["database_url", "redis_url"])
def test_an_address_with_its_password_may_lie_in_a_file(tmp_path, name):
    secret, variable = tmp_path / "secret", f"{name.upper()}_FILE"
    secret.write_text("redis://:pw@host/0\n")
    got = load(tmp_path, {}, {variable: str(secret)})
    assert getattr(got.settings, name) == "redis://:pw@host/0"
    assert got.origin[name] == str(secret)
    assert getattr(load(tmp_path, {}, {variable: str(secret), name.upper(): "redis://x"}).settings, name) == "redis://x"
    secret.unlink()
    with pytest.raises(Fault, match=variable):
        load(tmp_path, {}, {variable: str(secret)})
