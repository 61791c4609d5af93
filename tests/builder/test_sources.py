"""What pip's configuration says of where packages come from."""

from __future__ import annotations

from pathlib import Path

from builder.sources import Sources, network, pip_sources


def configured(tmp_path: Path, text: str, **environ: str) -> Sources:
    (tmp_path / "pip.conf").write_text(text)
    return pip_sources({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), **environ})


def test_the_global_section_is_read(tmp_path: Path) -> None:
    found = configured(tmp_path, "[global]\nindex-url = https://a/simple\nextra-index-url = https://b https://c\n")
    assert (found.index, found.extra) == ("https://a/simple", ("https://b", "https://c"))


def test_the_install_section_is_stronger_and_the_environment_strongest(tmp_path: Path) -> None:
    text = "[global]\nfind-links = /g\nindex-url = https://g\n[install]\nfind-links = /i\n"
    assert configured(tmp_path, text).links == ("/i",)
    assert configured(tmp_path, text, PIP_FIND_LINKS="/e /f").links == ("/e", "/f")


def test_the_bundle_of_the_environment_is_taken_before_pips(tmp_path: Path) -> None:
    text = "[global]\ncert = /pip.pem\n"
    assert configured(tmp_path, text).ca == "/pip.pem"
    assert configured(tmp_path, text, SSL_CERT_FILE="/env.pem").ca == "/env.pem"


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    assert configured(tmp_path, "index-url = nowhere\n").index == ""


def test_a_build_sees_only_how_to_reach_the_network() -> None:
    assert network({"HTTPS_PROXY": "http://p", "HF_TOKEN": "secret", "PATH": "/bin"}) == {"HTTPS_PROXY": "http://p"}


def test_what_is_told_to_the_builder_is_what_it_hears(tmp_path: Path) -> None:
    from builder.__main__ import arguments

    told = Sources(index="https://a", extra=("https://b", "https://c"), links=("/d",), ca="/e", hosts=("f", "g:1"))
    needed = [
        part
        for name in ("code", "out", "envs", "cache", "wheels", "bases", "locks", "own")
        for part in (f"--{name}", "/x")
    ]
    heard = arguments().parse_args([*needed, *told.arguments()])
    assert (heard.index, heard.extra_index, heard.find_links, heard.ca, heard.host) == (
        "https://a",
        ["https://b", "https://c"],
        ["/d"],
        "/e",
        ["f", "g:1"],
    )


def test_local_folders_are_named_for_the_sandbox(tmp_path: Path) -> None:
    index, links = tmp_path / "pypi" / "simple", tmp_path / "wheels"
    index.mkdir(parents=True)
    links.mkdir()
    found = Sources(extra=(index.as_uri(),), links=(str(links), "https://x"), ca="/not/there").folders()
    assert set(found) == {str(index), str(index.parent), str(links)}
