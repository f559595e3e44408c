"""A cascade described in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from automix_core import Always, ConfigError, Price, Threshold, save_policy
from tests.loopback import OpenAIServer

from .adapter import DRAFT, KEY, LARGE, NO, WAYS, YES, Adapter, Way, script

MODELS = '[[model]]\nname = "{0}"\nurl = "{2}#small"\n[[model]]\nname = "{1}"\nurl = "{2}#large"\n'


def written(folder: Path, text: str, url: str = "http://127.0.0.1:9/v1", names: tuple[str, str] = ("s", "l")) -> Path:
    path = folder / "cascade.toml"
    path.write_text(text + MODELS.format(*names, url), "utf-8")
    return path


class Described(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_file_makes_the_cascade_that_its_keywords_make(
        self, server: OpenAIServer, tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        script(server, NO)
        path = tmp_path / "cascade.toml"
        model = '[[model]]\nname = "{0}"\nurl = "' + server.url + '#{0}"\nprice = "{1}"\n'
        path.write_text("policy = 0.6\n[verify]\nk = 3\n" + model.format("small", "1/2") + model.format("large", "9/9"))
        found = self.get(self.from_config(path), way)
        by_hand = self.get(
            self.small_and_large(
                server, policy=Threshold(0.6), prices=[Price(1, 2), Price(9, 9)], verifier=self.verifier(k=3)
            ),
            way,
        )
        assert found.text == by_hand.text == LARGE
        own = ("id", "seconds", "steps")
        alike = [{n: v for n, v in a.route.to_dict().items() if n not in own} for a in (found, by_hand)]
        assert alike[0] == alike[1]

    def test_keys_are_the_models_own_and_shown_nowhere(
        self, server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("S_API_KEY", "sk-of-the-small")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        script(server, NO)
        model = self.from_config(written(tmp_path, "", server.url))
        self.get(model, "ask")
        sent = {request.model: request.headers["authorization"] for request in server.requests}
        assert sent == {"small": "Bearer sk-of-the-small", "large": f"Bearer {KEY}"}
        assert not any(key in f"{model!r} {model}" for key in ("sk-of-the-small", KEY))

    def test_keywords_win_and_what_the_file_leaves_out_is_the_hosts_own(
        self, server: OpenAIServer, tmp_path: Path
    ) -> None:
        script(server, YES)
        plain = self.cascade([self.child(server, "small"), self.child(server, "large")])
        silent = self.from_config(written(tmp_path, "", server.url))
        assert silent.without_context == plain.without_context
        assert silent.policy == plain.policy
        path = written(tmp_path, 'policy = 0.9\nwithout_context = "raise"\nerrands = "small"\n', server.url)
        model = self.from_config(path, policy=Threshold(0.1))
        assert (model.policy, model.without_context, model.errands) == (Threshold(0.1), "raise", "small")
        assert self.get(model, "ask").text == DRAFT

    def test_a_policys_path_is_seen_from_the_file_and_taken_up_anew(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        save_policy(Threshold(0.5), tmp_path / "policy.json")
        model = self.from_config(written(tmp_path, 'policy = "policy.json"\n', server.url))
        route = self.get(model, "ask").route
        assert route.policy == "Threshold(0.5)"
        assert route.policy_version is not None

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("policy = 1.5\n", "line 1: Threshold"),
            ("policy = 'nowhere.json'\n", "line 1: "),
            ("hegde = true\n", "line 1: hegde: there is no such setting; is hedge meant?"),
            ("timeout = 5\nmax_cost = 1.0\n", "line 2: "),
            ("app = 'my:app'\n", "line 1: app is for collecting"),
            ("[verify]\nk = 0\n", "line 2: verify.k"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(self, tmp_path: Path, text: str, words: str) -> None:
        path = written(tmp_path, text)
        with pytest.raises(ConfigError) as refused:
            self.from_config(path)
        assert f"{path}, {words}" in str(refused.value)

    @pytest.mark.parametrize(
        ("names", "url", "words"),
        [
            (("s", "s"), "http://h/v1", "line 5: Two models have the same name, s."),
            (("s", "l"), "nowhere", "line 3: s must be URL#model"),
            (("s", "l"), "embedded:0.5b", "line 3: s is embedded"),
            (("s", "l"), "http://me:hunter2@h/v1", "line 3: s must not carry a key in its URL; set S_API_KEY"),
        ],
    )
    def test_a_wrong_model_is_named_with_its_line(
        self, tmp_path: Path, names: tuple[str, str], url: str, words: str
    ) -> None:
        with pytest.raises(ConfigError) as refused:
            self.from_config(written(tmp_path, "", url, names))
        assert words in str(refused.value)
        assert "hunter2" not in str(refused.value)

    def test_a_policy_for_more_models_blames_the_policy(self, tmp_path: Path) -> None:
        save_policy(Always(2), tmp_path / "policy.json")
        path = written(tmp_path, 'timeout = 9\npolicy = "policy.json"\n')
        with pytest.raises(ConfigError) as refused:
            self.from_config(path)
        assert str(refused.value).startswith(f"{path}, line 2: ")

    def test_a_client_that_is_not_installed_is_named_with_its_extra(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("langchain_openai", "llama_index.llms.openai_like"):
            monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ConfigError, match=r"is missing: pip install .*automix-rag\[all\]"):
            self.from_config(written(tmp_path, ""))

    def test_an_unknown_keyword_is_warned_of_at_the_callers_line(self, tmp_path: Path) -> None:
        unknown: dict[str, Any] = {"threshold": 0.5}
        with pytest.warns(UserWarning, match="threshold") as told:
            self.from_config(written(tmp_path, ""), **unknown)
        assert told[0].filename.endswith(("test_contract.py", "describing.py"))
