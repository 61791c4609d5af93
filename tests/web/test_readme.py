from __future__ import annotations

import re
import time

import pytest

from spaces_runtime.web.readme import LARGEST, Place, body_of, shown

HUB = "http://localhost:7800"
PLACE = Place(page="/ann/m", hub=HUB, revision="feature/x")


def html(markdown: str, path: str = "README.md") -> str:
    found = shown(markdown, Place(page="/ann/m", hub=HUB, revision="feature/x", path=path))
    assert found is not None
    return found.html


@pytest.mark.parametrize(
    ("written", "shown_as"),
    [
        ("[a](docs/use.md#x)", 'href="/ann/m/blob/feature%2Fx/docs/use.md#x"'),
        ("[a](docs/)", 'href="/ann/m/tree/feature%2Fx/docs"'),
        ("[a](../../../etc/passwd)", 'href="/ann/m/blob/feature%2Fx/etc/passwd"'),
        ("[a](<a b#c.md>)", 'href="/ann/m/blob/feature%2Fx/a%20b#c.md"'),
        ("[a](/datasets/b/c)", 'href="/datasets/b/c"'),
        ("[a](#use-it)", 'href="#readme-use-it"'),
        ("![a](img/ä.png)", 'src="/ann/m/resolve/feature%2Fx/img/%C3%A4.png"'),
        ('<img src="img/a.png" width="200">', 'src="/ann/m/resolve/feature%2Fx/img/a.png"'),
        (f"![a]({HUB}/b/c/resolve/main/x.png)", f'src="{HUB}/b/c/resolve/main/x.png"'),
    ],
)
def test_relative_addresses_lead_to_the_repos_own_pages_and_files(written, shown_as):
    assert shown_as in html(written)


def test_addresses_are_relative_to_the_folder_of_the_file():
    assert 'href="/ann/m/blob/feature%2Fx/docs/b.md"' in html("[x](b.md) [y](../c.md)", "docs/a.md")
    assert 'href="/ann/m/blob/feature%2Fx/c.md"' in html("[x](b.md) [y](../c.md)", "docs/a.md")


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))", '<a href="&#106;avascript:alert(1)">x</a>', "<iframe src='https://e.com'></iframe>",
    "<svg><script>alert(1)</script></svg>", "<math><mtext><style><img onerror=alert(1)>", "<style>body{}</style>",
    "<form action=/logout method=post><button>x</button></form>", '<base href="https://e.com">', "<object data=x>",
    '<div style="position:fixed">x</div>', '<a class="btn main" href="x">x</a>', "<link rel=stylesheet href=//e.com>",
    '<meta http-equiv=refresh content="0;url=//e.com">', "<input autofocus onfocus=alert(1)>", "<embed src=x>",
    '<p title="<table onclick=alert(1) ">x</p>', '<p title="<pre> onclick=alert(1) ">x</p>', "<template><b>x",
    "| <img src=x onerror=alert(1)> |\n|-|\n| <script>x</script> |", "```html\n<script>alert(1)</script>\n```",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_an_author_writes_runs_or_looks_like_the_page(hostile):
    said = html(hostile)
    tags = re.findall(r"<([a-zA-Z]+)((?:\s+[^\s=>]+(?:=\"[^\"]*\")?)*)\s*>", said)
    names = {name.lower() for name, _ in tags}
    assert not names & {
        "script",
        "iframe",
        "form",
        "button",
        "style",
        "svg",
        "object",
        "embed",
        "input",
        "base",
        "link",
    }
    assert not names & {"meta", "math", "template"}
    for _, attributes in tags:
        for name, value in re.findall(r"([^\s=]+)=\"([^\"]*)\"", attributes):
            assert not name.lower().startswith("on")
            assert name != "style"
            assert not value.lower().lstrip().startswith("javascript:")
            assert name != "class" or value in ("", "scroll")


def test_the_authors_ids_are_not_the_pages():
    assert 'id="readme-main"' in html('<div id="main">x</div>')


@pytest.mark.parametrize(
    "image",
    ["![b](https://e.com/b.svg)", "![b](//e.com/b.svg)", '<img src="https://e.com/b.svg" alt="b">',
     '<img src="\\\\e.com\\b.svg">', '<video src="https://e.com/v.mp4"></video>', '<img src=" https://e.com/x">',
     '<picture><source srcset="https://e.com/b.svg 2x"></picture>', f'<img src="{HUB}.e.com/x.png">',
     '<img src="data:image/svg+xml,x">'],
)  # fmt: skip
def test_nothing_is_loaded_from_elsewhere(image):
    assert not re.search(r"(?:src|srcset|poster)=", html(image))


def test_an_image_from_elsewhere_is_a_link_and_inside_a_link_its_words():
    assert re.search(r'<a href="https://e.com/b.svg"[^>]*>build</a>', html("![build](https://e.com/b.svg)"))
    assert re.search(r'<a href="https://ci"[^>]*>build</a>', html("[![build](https://e.com/b.svg)](https://ci)"))


def test_tables_code_and_task_lists_are_shown():
    said = html("|a|b|\n|-|-:|\n|1|2|\n\n- [x] done\n- [ ] todo\n\n```py\nx < 1\n```\n\n> [!TIP]\n> Look.\n\n~~old~~")
    assert '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>' in said
    assert '<td align="right">2</td>' in said
    assert "<li>☑ done</li>" in said
    assert "<li>☐ todo</li>" in said
    assert '<pre tabindex="0"><code>x &lt; 1\n</code></pre>' in said
    assert '<div class="markdown-alert markdown-alert-tip">' in said
    assert "<s>old</s>" in said


def test_headings_stand_below_the_pages_own_and_in_the_list_of_contents():
    found = shown("# Use *it*\n## Use it\n### Deep\n# Use it", PLACE)
    assert found is not None
    assert [(heading.id, heading.text) for heading in found.headings] == [
        ("readme-use-it", "Use it"), ("readme-use-it-1", "Use it"), ("readme-use-it-2", "Use it"),
    ]  # fmt: skip
    assert '<h2 id="readme-use-it">' in found.html
    assert '<h3 id="readme-use-it-1">' in found.html
    assert "<h1" not in found.html


def test_the_front_matter_is_not_part_of_the_card():
    assert body_of("---\na: b\n---\n# Hi\n---\nx") == "# Hi\n---\nx"
    assert body_of("# Hi\n---\n") == "# Hi\n---\n"


def test_a_readme_made_to_be_slow_is_not_and_a_huge_one_is_text():
    for slow in ("# a\n" * (LARGEST // 5), "[" * (LARGEST // 4), "> " * (LARGEST // 4) + "a"):
        began = time.process_time()
        assert shown(slow, PLACE) is not None
        assert time.process_time() - began < 5
    assert shown("a" * (LARGEST + 1), PLACE) is None
