from __future__ import annotations

import re
from itertools import count

import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.repo import Kind

NUMBERS = count()
CARD = """---
license: apache-2.0
language: [en]
library_name: transformers
pipeline_tag: text-classification
tags: [support]
datasets: [{ann}/tickets, else/where]
base_model: {ann}/base
model-index:
- name: triage
  results:
  - task: {{type: text-classification, name: Text classification}}
    dataset: {{type: tickets, name: Tickets, split: test}}
    metrics: [{{type: accuracy, value: 0.931, name: Accuracy}}]
---
# Triage

See [the notes](docs/notes.md). ![face](face.png) <script>alert(1)</script>
"""


@pytest.fixture
def pushed(api: HfApi):
    """Makes a repo of ann's with this README: pushed("model", "text") gives its name."""

    def made(kind: str, readme: str, *, name: str = "", private: bool = False, **files: bytes) -> str:
        full = f"ann/{name or f'page-{next(NUMBERS)}'}"
        sdk = {"space_sdk": "gradio"} if kind == "space" else {}
        api.create_repo(full, repo_type=kind, private=private, exist_ok=True, **sdk)
        for path, content in {"README.md": readme.encode(), **files}.items():
            api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=full, repo_type=kind)
        return full

    return made


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_models_page_shows_its_card_facts_results_and_how_to_use_it(client, pushed):
    pushed("dataset", "# Tickets", name="tickets")
    full = pushed("model", CARD.format(ann="ann"))
    page = client.get(f"/{full}").text
    assert '<h2 id="readme-triage">Triage</h2>' in page
    assert f'href="/{full}/blob/main/docs/notes.md"' in page
    assert f'<img src="/{full}/resolve/main/face.png"' in page
    assert "<script>alert" not in page
    said = text(page)
    assert "Task text-classification" in said
    assert "Licence apache-2.0" in said
    assert re.search(r"Text classification\s+Tickets, test\s+Accuracy\s+0\.931", said)
    assert f"pipeline(&#34;text-classification&#34;, model=&#34;{full}&#34;)" in page
    assert re.search(r"HF_ENDPOINT=http://\S+ hf download " + full, said)
    assert '<a href="/datasets/ann/tickets">ann/tickets</a>, else/where' in page
    assert 'href="/models?tag=support"' in page


def test_lineage_is_shown_from_both_ends_and_counted(client, pushed):
    pushed("model", "---\nlicense: mit\n---\n", name="base")
    child = pushed("model", "---\nbase_model: ann/base\n---\n", **{"model.gguf": b"x"})
    above = text(client.get(f"/{child}").text)
    assert re.search(rf"ann/base base {child} this model, quantized", above)
    below = client.get("/ann/base").text
    assert f'<a href="/{child}">{child}</a><span>quantized</span>' in below
    listed = re.search(r'<a href="(/models\?[^"]+)">1 quantized</a>', below)
    assert listed is not None
    page = client.get(listed[1]).text
    assert child in page
    assert "1 model tagged base_model:quantized:ann/base." in text(page)


def test_a_base_that_is_not_here_and_a_private_child_are_not_links(client, pushed, hub, ann):
    child = pushed("model", "---\nbase_model: far/away\n---\n")
    page = client.get(f"/{child}").text
    assert "far/away" in text(page)
    assert 'href="/far/away"' not in page
    hidden = pushed("model", f"---\nbase_model: {child}\n---\n", private=True)
    assert hidden not in client.get(f"/{child}").text
    assert hidden in client.get(f"/{child}", headers={"Authorization": f"Bearer {ann.write}"}).text


def test_a_datasets_page_names_who_uses_it_and_how_to_load_it(client, pushed):
    full = pushed("dataset", "---\npretty_name: Birds\ntask_categories: [audio-classification]\n---\n# Birds\n")
    model = pushed("model", f"---\ndatasets: [{full}]\n---\n")
    space = pushed("space", f"---\nsdk: gradio\ndatasets: [{full}]\n---\n")
    page = client.get(f"/datasets/{full}").text
    assert f'<a href="/{model}">' in page
    assert f'<a href="/spaces/{space}">' in page
    assert f"load_dataset(&#34;{full}&#34;)" in page


def test_a_spaces_page_names_what_it_uses(client, pushed):
    model, hidden = pushed("model", "# M"), pushed("dataset", "# D", private=True)
    space = pushed("space", f"---\nsdk: gradio\nmodels: [{model}, far/away]\ndatasets: [{hidden}]\n---\n")
    page = client.get(f"/spaces/{space}").text
    assert f'<a href="/{model}">{model}</a>, far/away, {hidden}' in page


def test_a_space_shows_its_readme_below_its_files_and_a_folder_shows_its_own(client, pushed):
    full = pushed("space", "---\nsdk: gradio\n---\n# Router\n", **{"docs/README.md": b"[up](../app.py)"})
    assert '<h2 id="readme-router">Router</h2>' in client.get(f"/spaces/{full}/tree/main").text
    assert f"/spaces/{full}/blob/" in client.get(f"/spaces/{full}/tree/main/docs").text


def test_a_repo_without_a_card_says_how_to_write_one(client, make):
    assert "ModelCard.push_to_hub" in text(client.get(f"/{make(Kind.MODEL).full}").text)


def test_settings_without_words_are_no_card_yet_and_count_all_the_same(client, pushed):
    full = pushed("model", "---\nlicense: mit\n---\n")
    page = client.get(f"/{full}").text
    assert "No card yet" in page
    assert "Licence mit" in text(page)


def test_a_card_too_large_for_a_page_is_a_link_to_the_file(client, pushed):
    page = client.get(f"/{pushed('model', 'x' * 200_000)}").text
    assert "larger than a page takes" in page
    assert "No card yet" not in page


def test_a_private_models_page_looks_like_a_missing_one(client, pushed, bob):
    hidden = pushed("model", "# Secret\n", private=True)
    for headers, status in (({}, 303), ({"Authorization": f"Bearer {bob.read}"}, 404)):
        there, gone = (client.get(f"/{name}", headers=headers) for name in (hidden, "ann/nothing-here"))
        assert there.status_code == gone.status_code == status
        assert there.text.replace(hidden, "X") == gone.text.replace("ann/nothing-here", "X")
