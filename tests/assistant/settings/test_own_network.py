"""Only machines of one's own network are asked."""

from __future__ import annotations

import pytest

from assistant.settings.own_network import is_own, is_own_url, may_be_own
from assistant.settings.preferences import check

OWN = """
127.0.0.1 127.9.9.9 10.1.2.3 172.16.0.1 172.31.255.1 192.168.1.20 169.254.3.4 ::1 fd12::1 ::ffff:192.168.1.20
""".split()
OTHERS = """
8.8.8.8 172.32.0.1 172.15.0.1 192.169.0.1 100.64.0.1 0.0.0.0 192.0.2.1 198.18.0.1 224.0.0.1 255.255.255.255
:: 2001:db8::1 2a00:1450::1 fe80::1 ff02::1 ::ffff:8.8.8.8 x 10.1 0x7f.1 2130706433 127.0.0.1. 010.0.0.1
""".split()
OWN_NAMES = "gpu GPU-2.local gpu.lan a.b.internal x.home.arpa localhost gpu.lan.".split()
OTHER_NAMES = "api.openai.com local.example.org evillan.com home.arpa.com a..lan -a.lan . 10.1 8".split()
OWN_URLS = """
http://192.168.1.20:8000/v1 https://gpu.lan/v1 http://[::1]:8000/v1 http://localhost:8080 http://gpu:1/a/b/
""".split()
OTHER_URLS = r"""
ftp://192.168.1.20/v1 192.168.1.20:8000 http:// http:///v1 http://8.8.8.8/v1 https://api.openai.com/v1 file:///etc/passwd
http://user:word@192.168.1.20/v1 http://192.168.1.20@8.8.8.8/v1 http://10.0.0.1:99999/v1 http://10.0.0.1:0/
http://10.0.0.1/v1?x=1 http://10.0.0.1/v1#x http://10.0.0.1\@8.8.8.8/ http://[::1/v1 http://ｇpu/v1
""".split()


@pytest.mark.parametrize("address", OWN)
def test_addresses_of_ones_own_network(address: str) -> None:
    assert is_own(address)
    assert may_be_own(address)


@pytest.mark.parametrize("address", ["", *OTHERS])
def test_all_other_addresses(address: str) -> None:
    assert not is_own(address)


@pytest.mark.parametrize("name", OWN_NAMES)
def test_names_that_only_an_own_network_gives_out(name: str) -> None:
    assert may_be_own(name)


@pytest.mark.parametrize("name", ["", "a b", *OTHER_NAMES])
def test_names_that_may_be_anywhere(name: str) -> None:
    assert not may_be_own(name)


@pytest.mark.parametrize("url", OWN_URLS)
def test_addresses_of_servers(url: str) -> None:
    assert is_own_url(url)
    assert check({"server": {"address": url}})[1] == ()


@pytest.mark.parametrize("url", ["http://10.0.0.1/v 1", "http://10.0.0.1/\n", *OTHER_URLS])
def test_what_is_no_address_of_a_server_here_is_refused_with_what_is_allowed(url: str) -> None:
    assert not is_own_url(url)
    _, (problem,) = check({"server": {"address": url}})
    assert "give the http or https address of a machine in your own network" in str(problem)
    assert problem.spoken
