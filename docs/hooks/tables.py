"""For mkdocs: tables and navigation that are made from the code, so that no page repeats what the code says.

A page asks for a table by a line ``<!-- table: NAME -->``; the names are those of :data:`TABLES`, and
``METHOD-settings`` for every method.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_OUTSIDE_CODE = re.compile(r"(`[^`]*`)|[|<>]")
_ESCAPED = {"|": "\\|", "<": "&lt;", ">": "&gt;"}
_MARK = re.compile(r"^<!-- table: ([\w-]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in place: mkdocs calls this with the text of every page."""
    return _MARK.sub(lambda mark: _table_of(mark[1]), markdown)


def on_config(config: Any) -> Any:
    """List the pages of the methods in the navigation: mkdocs calls this with its configuration."""
    from relscout.methods import METHODS

    (section,) = [entry["Methods"] for entry in config["nav"] if "Methods" in entry]
    section[:0] = [{name: f"methods/{name}.md"} for name in METHODS]
    return config


def _table_of(name: str) -> str:
    return TABLES[name]() if name in TABLES else settings_of(name.removesuffix("-settings"))


def methods() -> str:
    """Return the methods with their papers."""
    from relscout.methods import METHODS, method

    return _table(
        ("method", "paper"),
        ((f"[{name}](../methods/{name}.md)", method(name).CITATION) for name in METHODS),
    )


def method_classes() -> str:
    """Return what mkdocstrings replaces by the documentation of each method and its settings."""
    from relscout.methods import METHODS, method

    parts = []
    for name, place in METHODS.items():
        module, _, estimator = place.partition(":")
        kind = method(name).SETTINGS
        parts.append(f"::: {module}.{estimator}\n    options:\n      inherited_members: true\n\n")
        parts.append(f"::: {kind.__module__}.{kind.__qualname__}\n\n")
    return "".join(parts)


def formats() -> str:
    """Return the input formats."""
    from relscout.io.readers import FORMATS, reader

    return _table(("format", "what"), ((f"`{name}`", reader(name).DESCRIPTION) for name in FORMATS))


def markings() -> str:
    """Return the marking schemes."""
    from relscout.encoders.marking import MARKINGS

    return _table(("marking", "shows the encoder"), ((f"`{name}`", text) for name, text in MARKINGS.items()))


def poolings() -> str:
    """Return the parts of a pooling."""
    from relscout.encoders.pooling import POOLINGS

    return _table(("part", "reads"), ((f"`{name}`", text) for name, text in POOLINGS.items()))


def encoder_settings() -> str:
    """Return the settings of an encoder."""
    from relscout.encoders import EncoderSettings

    return _settings(EncoderSettings)


def fewshot_settings() -> str:
    """Return the settings of few-shot classification."""
    from relscout.finetuning.fewshot_training import FewShotSettings

    return _settings(FewShotSettings)


def selfore_settings() -> str:
    """Return the settings of the method selfore, with the step that each belongs to."""
    from relscout.clustering.adaptive import AdaptiveSettings
    from relscout.core.settings import documentation
    from relscout.methods import method
    from relscout.training.classification import ClassificationSettings

    steps = {
        "clustering": documentation(AdaptiveSettings),
        "classification": documentation(ClassificationSettings),
    }
    rows = [
        (next((step for step, known in steps.items() if name in known), "loop"), name, default, text)
        for name, (_, default, text) in documentation(method("selfore").SETTINGS).items()
    ]
    order = ("loop", *steps)
    return _table(
        ("setting", "step", "default", "meaning"),
        (
            (f"`{name}`", step, f"`{default}`", text)
            for step, name, default, text in sorted(rows, key=lambda row: order.index(row[0]))
        ),
    )


def alignment_settings() -> str:
    """Return the settings of distant alignment."""
    from relscout.alignment import AlignmentSettings

    return _settings(AlignmentSettings)


def settings_of(name: str) -> str:
    """Return the settings of a method."""
    from relscout.methods import method

    return _settings(method(name).SETTINGS)


def supervised_settings() -> str:
    """Return the settings of supervised fine-tuning."""
    from relscout.finetuning.supervised import SupervisedSettings

    return _settings(SupervisedSettings)


def cnn_settings() -> str:
    """Return the settings of the convolutional network."""
    from relscout.finetuning.cnn import CNNSettings

    return _settings(CNNSettings)


def transfer_settings() -> str:
    """Return the settings of the method transfer that selfore does not have."""
    from relscout.methods import method

    return _settings(method("transfer").SETTINGS, but=method("selfore").SETTINGS)


def taught_settings() -> str:
    """Return the settings of an adapter that labels teach."""
    from relscout.pretraining.adapter import AdapterSettings

    return _settings(AdapterSettings)


def pretraining_settings() -> str:
    """Return the settings of contrastive pre-training."""
    from relscout.pretraining import PretrainingSettings

    return _settings(PretrainingSettings)


def presets() -> str:
    """Return the presets that come with relscout."""
    from relscout.lab.preset import preset, presets

    found = map(preset, presets())
    return _table(
        ("preset", "what", "protocol", "rows"),
        (
            (
                f"`{one.name}`",
                one.title,
                ", ".join(f"`{under.protocol}`" for under in one.each()),
                str(len(one.rows)),
            )
            for one in found
        ),
    )


def protocols() -> str:
    """Return the protocols."""
    from relscout.lab.protocols import PROTOCOLS

    return _table(
        ("protocol", "what", "data sets"),
        (
            (f"`{name}`", known.description, ", ".join(f"`{one}`" for one in known.datasets) or "none")
            for name, known in PROTOCOLS.items()
        ),
    )


def preset_keys() -> str:
    """Return the keys of a preset, and of what stands inside it."""
    from relscout.lab import schema
    from relscout.lab.learners import EPISODES
    from relscout.lab.schema import SCORES

    scores = (
        ", ".join(f"`{name}`" for name in SCORES),
        "",
        "The figures, in percent as printed; at least one. Where relations are given, they are called like protocols "
        f"or kinds of episodes ({', '.join(EPISODES)}).",
    )
    parts = {
        "The file": (_keys(schema.Preset, "name"), ()),
        "Each of `rows`": (_keys(schema.Row), ()),
        "`sweep`": (_keys(schema.Sweep), ()),
        "`probes`": (_keys(schema.Probes), ()),
        "Each of `figures`": (_keys(schema.Figure), ()),
        "Each of `published`": (_keys(schema.Published, "scores"), (scores,)),
    }
    return "\n".join(
        f"**{title}**\n\n" + _table(("key", "default", "meaning"), [*rows, *more])
        for title, (rows, more) in parts.items()
    )


def commands() -> str:
    """Return every command with its arguments and options."""
    from typer.main import get_command

    from relscout.cli.app import app

    return "\n".join(_command(name, command) for name, command in _leaves(get_command(app)))


def datasets() -> str:
    """Return the public data sets."""
    from relscout.io.datasets import DATASETS

    return _table(
        ("name", "what", "licence", "size", "paper"),
        (
            (
                f"`{name}`",
                f"[{known.title}]({known.page})",
                known.licence,
                _megabytes(known.size),
                known.citation,
            )
            for name, known in DATASETS.items()
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
    "alignment-settings": alignment_settings,
    "cnn-settings": cnn_settings,
    "commands": commands,
    "datasets": datasets,
    "encoder-settings": encoder_settings,
    "fewshot-settings": fewshot_settings,
    "formats": formats,
    "markings": markings,
    "method-classes": method_classes,
    "methods": methods,
    "poolings": poolings,
    "preset-keys": preset_keys,
    "presets": presets,
    "pretraining-settings": pretraining_settings,
    "protocols": protocols,
    "selfore-settings": selfore_settings,
    "supervised-settings": supervised_settings,
    "taught-settings": taught_settings,
    "transfer-settings": transfer_settings,
}


def _settings(kind: type[Any], *, but: type[Any] | None = None) -> str:
    from relscout.core.settings import documentation

    left_out = documentation(but) if but else {}
    rows = (
        (f"`{name}`", f"`{default}`", text)
        for name, (_, default, text) in documentation(kind).items()
        if name not in left_out
    )
    return _table(("setting", "default", "meaning"), rows)


def _keys(kind: type[Any], *left_out: str) -> list[tuple[str, str, str]]:
    """Return the keys of a mapping in a YAML file with their defaults."""
    from relscout.core.settings import documentation

    texts = {name: text for name, (_, _, text) in documentation(kind).items()}
    fields = [field for field in dataclasses.fields(kind) if field.name not in left_out]
    return [(f"`{field.name}`", _default(field), texts[field.name]) for field in fields]


def _default(field: dataclasses.Field[Any]) -> str:
    """Return the default of a key as YAML has it; nothing where the key adds nothing by default."""
    if field.default is dataclasses.MISSING:
        return "required" if field.default_factory is dataclasses.MISSING else ""
    if field.default in (None, "", ()):
        return ""
    return f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`"


def _leaves(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all commands with their names, those of a group after its name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _megabytes(size: int | None) -> str:
    return "not known" if size is None else f"{size / 1_000_000:.1f} MB"


def _command(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = " ".join(["relscout", name, *map(_spelled, arguments), "[OPTIONS]"])
    told = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = ((f"`{_spelled(param)}`", _explained(param)) for param in command.params)
    return f"## relscout {name}\n\n```text\n{usage}\n```\n\n{told}\n\n" + _table(("option", "meaning"), rows)


def _spelled(param: Any) -> str:
    if param.param_type_name == "argument":
        spelled = str(param.metavar or param.name.upper())
        return spelled if param.required else f"[{spelled}]"
    longest = str(max(param.opts, key=len))
    return longest if param.is_flag else f"{longest} {param.metavar or 'TEXT'}"


def _explained(param: Any) -> str:
    shown = param.show_default if isinstance(getattr(param, "show_default", None), str) else param.default
    is_told = shown not in (None, False) and not getattr(param, "is_flag", False) and not param.required
    return f"{param.help or ''} Default: `{shown}`." if is_told else param.help or ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    return "\n".join(_lines([titles, ["---"] * len(titles), *rows])) + "\n"


def _lines(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"


def _cell(text: str) -> str:
    shown = " ".join(text.split()).replace("``", "`")
    # in code, signs stand for themselves
    return _OUTSIDE_CODE.sub(lambda found: found[1] or _ESCAPED[found[0]], shown)
