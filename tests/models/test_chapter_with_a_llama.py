"""Chapter 10's last section, with a folder such as a reader downloads."""

import dataclasses
import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from safetensors.torch import save_file
from small_llama import ARCHITECTURE, CONFIG, drawn, tensors
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as kinds

ROOT = Path(__file__).parents[2]


def downloaded(folder):
    """A small Llama whose tokens are bytes, and whose context is long enough for the section."""
    config = CONFIG | {"vocab_size": 256, "max_position_embeddings": 256}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        tensors(drawn(dataclasses.replace(ARCHITECTURE, vocabulary=256, context=256))), folder / "model.safetensors"
    )
    tokenizer = Tokenizer(kinds.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=256, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.repository
def test_the_section_runs_with_a_folder(tmp_path):
    downloaded(tmp_path)
    notebook = nbformat.read(ROOT / "solutions" / "10_generation.ipynb", as_version=4)
    place = next(cell for cell in notebook.cells if cell.source.startswith("MODEL = None"))
    place.source = f"MODEL = {str(tmp_path)!r}"
    begin = (ROOT / "tests" / "short_trainings.py").read_text(encoding="utf-8")
    notebook.cells.insert(0, nbformat.v4.new_code_cell(begin))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": ROOT / "solutions"}}).execute()
    after = notebook.cells[notebook.cells.index(place) :]
    text = "".join(output.get("text", "") for cell in after if cell.cell_type == "code" for output in cell.outputs)
    for said in (
        "2 layers, a context of 256 tokens",
        "at 1.2: ",
        "best induction head is head",
        "tokens a second",
        "nats a token",
    ):
        assert said in text, (said, text)
    assert "With a folder" not in text
