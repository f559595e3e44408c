"""`cascade.toml`: what may stand in it, and how it is told of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automix_core.cascade_file.building import build
from automix_core.cascade_file.reading import read_cascade_file
from automix_core.cascade_file.settings import CascadeFile, CheckSettings, ModelSettings, ServeSettings
from automix_core.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "cascade-file.md").read_text("utf-8")


def test_the_page_shows_every_setting_and_is_one_that_can_be_read(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "cascade.toml"
    path.write_text(shown, "utf-8")
    read = read_cascade_file(path)
    assert set(CascadeFile.model_fields) - read.model_fields_set == {"app"}
    assert "`app = " in PAGE
    assert read.model[0].model_fields_set == set(ModelSettings.model_fields)
    assert read.verify.model_fields_set == set(CheckSettings.model_fields)
    assert read.serve.model_fields_set == set(ServeSettings.model_fields)
    defaults = {"without_context", "errands", "structured_output", "on_failure", "on_last_failure", "when_out", "hedge"}
    for name in (*defaults, "verify_concurrency", "scorer", "texts", "signals", "verify"):
        assert getattr(read, name) == CascadeFile.model_fields[name].get_default(), name
    left_out = {"keys_file", "per_minute"}
    assert read.serve.model_dump(exclude=left_out) == ServeSettings().model_dump(exclude=left_out)


def test_one_that_was_made_in_python_names_no_file() -> None:
    models = (ModelSettings(name="s", url="http://h#s"), ModelSettings(name="l"))
    made = CascadeFile(model=models)
    assert (made.at("model", 1), made.folder) == ("", Path())
    with pytest.raises(ConfigError, match=r"^l has no url"):
        build(dict, made, lambda *_, **__: None, dict)


def test_what_is_built_is_what_stands_there() -> None:
    models = (
        ModelSettings(name="s", url="http://h#s", price="1/2", temperature=0.5, max_tokens=9),
        ModelSettings(name="l", url="http://h#l", price="3/4"),
    )
    made = CascadeFile(model=models, policy=0.5, hedge=True, verify=CheckSettings(k=3, max_tokens=50))
    found = build(dict, made, lambda endpoint, **more: (endpoint.model, more), dict)
    assert found["models"] == [("s", {"temperature": 0.5, "max_tokens": 9}), ("l", {"temperature": None})]
    assert found["verifier"] == {"k": 3, "max_tokens": 50}
    assert (found["hedge"], repr(found["policy"]), len(found["prices"])) == (True, "Threshold(0.5)", 2)
    assert "without_context" not in found
    own = build(dict, made, lambda *_, **__: None, dict, {"models": [1, 2], "verifier": None})
    assert (own["models"], own["verifier"]) == ([1, 2], None)


def test_some_prices_only(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        '[[model]]\nname = "s"\nurl = "http://h#s"\nprice = "1/2"\n[[model]]\nname = "l"\nurl = "http://h#l"\n'
    )
    with pytest.raises(ConfigError, match=r"c\.toml, line 4: Prices are given for some models only; l has none\."):
        build(dict, read_cascade_file(path), lambda *_, **__: None, dict)
    path.write_text(path.read_text() + 'price = "1/x"\n')
    with pytest.raises(ConfigError, match=r"c\.toml, line 8: The price of l must be IN/OUT"):
        build(dict, read_cascade_file(path), lambda *_, **__: None, dict)
