"""`spaces quota`, on a data folder where nothing runs."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_org import spaces


def test_limits_are_given_one_by_one_shown_and_taken_back(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = spaces(
        tmp_path / "data",
        "user add ann --password-stdin",
        "quota set ann 50GB --spaces 3",
        "quota set ann --memory 32GB --gpu-hours 12.5",
        "quota show ann",
        "quota set ann default --spaces default --memory none --gpu-hours default",
        "quota set ann",
        "quota set ann --spaces many",
        "quota set ann --gpu-hours -1",
        "quota set ann --memory plenty",
    )
    statuses, said, faults = zip(*done, strict=True)
    assert [place for place, status in enumerate(statuses) if status] == [5, 6, 7, 8]
    assert said[1] == "ann  0 B of 50.0 GB, 0 of 3 Spaces\n"
    everything = "ann  0 B of 50.0 GB, 0 of 3 Spaces, 32.0 GB of memory at once, 0 of 12.5 GPU hours this month\n"
    assert said[2] == said[3] == everything
    assert said[4] == "ann  0 B of no limit, 0 Spaces\n"
    assert "no limit is named" in faults[5]
    assert "'many' is not a number of Spaces" in faults[6]
    assert "'-1' is not a number of hours" in faults[7]
    assert "'plenty' is not a size" in faults[8]
