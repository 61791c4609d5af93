"""A Space's names are legal, stable and its own."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces_runtime.domain.hosts import loopback, names, subdomain

NAME = st.text("abcXYZ019-_.", min_size=1, max_size=96)


@pytest.mark.parametrize(
    ("full", "label"),
    [("NimaBoscarino/hotdog-gradio", "nimaboscarino-hotdog-gradio"), ("microsoft/TRELLIS.2", "microsoft-trellis-2")],
)
def test_the_label_is_the_one_that_the_contract_documents(full, label):
    assert subdomain(*full.split("/"), taken=False) == label


@given(NAME, NAME, st.booleans())
def test_every_label_is_legal_and_no_hot_reload_name(namespace, name, taken):
    label = subdomain(namespace, name, taken=taken)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    assert "--" not in label


def test_two_spaces_that_would_share_a_label_get_different_ones():
    assert subdomain("a", "b-c", taken=True) != subdomain("a-b", "c", taken=False)


@given(st.integers(0, 254 * 256 * 254 - 1))
def test_every_loopback_address_is_one_and_not_the_machines_own(number):
    address = ipaddress.ip_address(loopback(number))
    assert address.is_loopback
    assert not str(address).startswith("127.0.")


def test_neighbours_have_different_addresses():
    assert len({loopback(n) for n in range(200_000)}) == 200_000


def test_programs_get_a_loopback_address_where_the_name_does_not_resolve():
    local = names(port=7800, public_url="", spaces_domain="", resolves=False)
    assert local.url("ann-hello") == "http://ann-hello.localhost:7800"
    assert local.client_url("ann-hello", "127.1.0.1") == "http://127.1.0.1:7800"
    public = names(port=1, public_url="https://hub.example.org/", spaces_domain="demos.example.net", resolves=False)
    assert public.client_url("ann-hello", "127.1.0.1") == "https://ann-hello.demos.example.net"
    assert public.hub_url == "https://hub.example.org"


def test_an_app_without_internet_is_told_where_the_hub_is_relayed():
    public = names(port=7800, public_url="https://hub.lab", spaces_domain="", resolves=True)
    assert public.hub_for(internet=True) == "https://hub.lab"
    assert public.hub_for(internet=False) == "http://localhost:7800"
    offline = names(port=7800, public_url="https://hub.lab", spaces_domain="", resolves=True, online=False)
    assert offline.hub_for(internet=True) == "http://localhost:7800"
    local = names(port=7800, public_url="", spaces_domain="", resolves=False)
    assert {local.hub_for(internet=each) for each in (True, False)} == {"http://localhost:7800"}
