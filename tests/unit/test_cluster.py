"""A cluster that cannot be joined is one line, in seconds; what Ray itself would say takes minutes."""

import pytest

from selfcodealign.cluster import connect
from selfcodealign.errors import InputError


@pytest.mark.parametrize("address", ["ray://host:10001", "host", "host:", ":6379", "host:port", "http://host:8265"])
def test_what_is_no_address_is_told_so_with_an_example(address: str):
    with pytest.raises(InputError, match=r"write host:port, such as 10\.0\.0\.1:6379") as caught, connect(address):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999999", "nowhere.invalid:6379"])
def test_an_address_at_which_nobody_listens_is_one_line_with_the_way_out(address: str):
    with pytest.raises(InputError, match=rf"^no Ray cluster at {address} .*ray start") as caught, connect(address):
        pass
    assert "\n" not in str(caught.value)
