"""What happened to a Space: over the API and on its page, for those who may read its logs."""

from __future__ import annotations

import time

from huggingface_hub import HfApi

from spaces_runtime.domain.timeline import Happened, What


def test_pushes_settings_and_what_the_scheduler_saw_are_one_list(api: HfApi, hub, make, client, ann):
    repo = make()
    space = hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space
    api.upload_file(path_or_fileobj=b"print()", path_in_repo="app.py", repo_id=repo.full, repo_type="space")
    api.add_space_secret(repo.full, "KEY", "hidden-value")
    slept = Happened(space=space, at=time.time(), what=What.SLEPT, why="idle", rung="frozen")
    woke = Happened(space=space, at=time.time(), what=What.WOKE, why="visited <b>", rung="frozen", took=0.0042)
    hub.do(lambda desk: desk.timeline.add([slept, woke]))
    headers = {"Authorization": f"Bearer {ann.write}"}
    told = client.get(f"/api/spaces/{repo.full}/timeline", headers=headers).json()
    assert [(each["said"], each["by"]) for each in told[:3]] == [
        ("Woke from frozen in 4 ms", None),
        ("Slept frozen", None),
        ("Set secret KEY", ann.name),
    ]
    assert told[0] | {"at": ""} == {
        "at": "", "what": "woke", "said": "Woke from frozen in 4 ms", "why": "visited <b>", "by": None,
        "rung": "frozen", "seconds": 0.0042,
    }  # fmt: skip
    head = api.space_info(repo.full).sha
    assert (f"Push {head[:7]}", ann.name) in [(each["said"], each["by"]) for each in told]
    assert "hidden-value" not in str(told)
    few = client.get(f"/api/spaces/{repo.full}/timeline?limit=1", headers=headers).json()
    assert few == told[:1]
    page = client.get(f"/spaces/{repo.full}/logs", headers=headers).text
    assert "Woke from frozen in 4 ms" in page
    assert "visited &lt;b&gt;" in page
