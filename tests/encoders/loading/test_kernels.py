"""An encoder's files choose no code: neither which attention runs, nor anything that would be fetched."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import BertConfig, CLIPConfig, EncoderDecoderConfig, modeling_utils

from encore.encoders import Encoder, load_encoder
from encore.encoders.loading.kernels import choose_kernels, nested_configs, without_hub
from tests.encoders.editing import edit_json
from tests.encoders.refusal import refused
from tests.models import tiny_bert

NAMES = ["kernels-community/flash-attn2", "evil/kernel:run", "flash_attention_2", "flex_attention", "sdpa", None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Attentions that transformers sets out to fetch or to import."""
    asked: list[str] = []
    monkeypatch.setattr(modeling_utils, "lazy_import_flash_attention", lambda name, **_: asked.append(name))
    return asked


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Allow requests to the hub, as without HF_HUB_OFFLINE. Gives the hosts that code asked for; it reaches none."""
    asked: list[object] = []

    def reach(host: object, *_: Any, **__: Any) -> NoReturn:
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", reach)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: reach(address))
    return asked


@pytest.mark.parametrize("setting", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("name", [*NAMES, {"": "evil/kernel"}, 3])
def test_no_attention_is_fetched_whatever_the_settings_name(
    path: Path, bert: Encoder, fetched: list[str], setting: str, name: object
) -> None:
    edit_json(path / "config.json", **{setting: name})
    encoder = load_encoder(str(path), device="cpu", trainable=True)
    assert encoder.model.config._attn_implementation == "sdpa"
    assert encoder.spec == bert.spec
    assert fetched == []


def test_plain_attention_is_taken_where_the_settings_ask_for_it(path: Path, bert: Encoder) -> None:
    edit_json(path / "config.json", attn_implementation="eager")
    encoder = load_encoder(str(path), device="cpu")
    assert (encoder.model.config._attn_implementation, encoder.spec) == ("eager", bert.spec)


@pytest.mark.parametrize(
    "config",
    [
        CLIPConfig(),
        CLIPConfig(text_config={"attn_implementation": "evil/kernel"}, attn_implementation="evil/kernel"),
        EncoderDecoderConfig(encoder=BertConfig().to_dict(), decoder=BertConfig().to_dict()),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_parts_with_an_architecture_of_their_own_are_chosen_for_alike(config: Any, name: str | None) -> None:
    parts = list(nested_configs(config))
    assert len(parts) == 3
    for part in parts:
        part._attn_implementation_internal = name
        part._experts_implementation_internal = "sonicmoe"
    choose_kernels(config)
    assert {part._attn_implementation for part in parts} == {None}
    assert {part._experts_implementation for part in parts} == {None}


@pytest.mark.parametrize(("name", "chosen"), [("eager", "eager"), ("batched_mm", "batched_mm"), ("deepgemm", None)])
def test_mixtures_of_experts_run_what_is_written_in_torch(name: str, chosen: str | None) -> None:
    config = BertConfig(experts_implementation=name)
    choose_kernels(config)
    assert config._experts_implementation == chosen


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"auto_map": {"AutoConfig": "evil/x--x.Config", "AutoModel": "evil/x--x.Model"}}),
        ("config.json", {"_name_or_path": "evil/x", "name_or_path": "evil/x", "use_kernels": True}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil/x--x.Tokenizer", None]}}),
        ("tokenizer_config.json", {"name_or_path": "evil/x", "is_local": False, "fix_mistral_regex": True}),
        ("tokenizer_config.json", {"vocab_file": "evil/x", "tokenizer_class": "evil/x--x.Tokenizer"}),
        ("modules.json", {"path": "evil/x", "type": "evil.Module"}),
        ("generation_config.json", {"custom_generate": "evil/x"}),
    ],
)
def test_a_folder_that_names_repositories_has_none_of_them_asked_for(
    path: Path, online: list[object], file: str, settings: dict[str, object]
) -> None:
    edit_json(path / file, **settings)
    load_encoder(str(path), device="cpu")
    assert online == []


def test_the_hub_is_out_of_reach_while_an_encoder_is_loaded(
    path: Path, online: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Exception] = []
    run = torch.nn.Module.__call__

    def fetching(self: torch.nn.Module, *args: Any, **options: Any) -> Any:
        try:
            huggingface_hub.snapshot_download("evil/kernel")
        except LocalEntryNotFoundError as error:
            given.append(error)
        return run(self, *args, **options)

    monkeypatch.setattr(torch.nn.Module, "__call__", fetching)
    load_encoder(str(path), device="cpu")
    assert given
    assert online == []
    assert not huggingface_hub.is_offline_mode()


@pytest.mark.parametrize("before", [True, False])
def test_the_setting_of_the_process_is_put_back(monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", before)
    with without_hub():
        assert huggingface_hub.is_offline_mode()
    assert huggingface_hub.is_offline_mode() is before


def test_the_setting_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(KeyboardInterrupt), without_hub():
        raise KeyboardInterrupt
    assert not huggingface_hub.is_offline_mode()


def test_layers_that_settings_want_replaced_are_refused(path: Path) -> None:
    edit_json(path / "config.json", fusion_config={"patch_embeddings": True})
    assert "its config.json has fusion_config, which Encore does not follow" in refused(path)
