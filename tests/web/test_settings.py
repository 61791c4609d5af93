"""The settings page says what holds, and shows a switch to those alone who may use it."""

from __future__ import annotations

from spaces_runtime.domain.repo import Kind


def page(client, repo, account):
    answer = client.get(f"/spaces/{repo.full}/settings", headers={"Authorization": f"Bearer {account.write}"})
    assert answer.status_code == 200
    return answer.text


def switch(client, repo, account, internet):
    headers = {"Authorization": f"Bearer {account.write}"}
    return client.post(f"/spaces/{repo.full}/settings/internet", headers=headers, data={"internet": internet})


def test_the_owner_reads_that_an_admin_took_the_space_off_the_internet(client, make, ann, root):
    repo = make(Kind.SPACE)
    assert "may reach the public internet" in page(client, repo, ann)
    assert "Take it off" not in page(client, repo, ann)
    assert "Take it off" in page(client, repo, root)
    assert switch(client, repo, root, "off").status_code == 303
    assert "reaches this platform alone" in page(client, repo, ann)
    refused = switch(client, repo, ann, "on")
    assert (refused.status_code, "only an admin can" in refused.text) == (400, True)
    assert "reaches this platform alone" in page(client, repo, ann)
