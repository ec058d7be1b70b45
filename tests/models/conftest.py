import pytest
from small_llama import downloaded


@pytest.fixture
def folder(tmp_path):
    """A folder with a small Llama in one file of weights, without a tokenizer."""
    downloaded(tmp_path)
    return tmp_path
