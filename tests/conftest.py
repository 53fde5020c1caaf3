"""What tests of several rooms share: small real models on disk, and the bundled corpus."""

from __future__ import annotations

import os

# before anything imports transformers: no test may reach the network, and forked tokenizers must not warn
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # each with its share of the processors, or they would wait for each other
    share = str(max((os.cpu_count() or 1) // workers, 1))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, share)

import gc
import shutil
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder, VectorCache
from relscout.text.corpus import bundled_corpus

# few examples of each property; `make test-thorough` tries many
settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("quick")

UNUSED = [f"[unused{i}]" for i in range(10)]
WORDS = (
    "the a an of in on at by is was were and to from with who that he she it his her city person entity country "
    "born died lives works wrote founded capital river company university ma ##rie cu ##rie war ##saw par ##is "
    "new york john mary paris berlin london ##s ##ed ##ing ##er"
)


@pytest.fixture(scope="module", autouse=True)
def _frozen_heap() -> None:
    """Keep the garbage collector from visiting what libraries and earlier modules hold.

    A full collection, such as an experiment starts before it measures memory, otherwise takes half a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def corpus() -> list[RelationInstance]:
    """The bundled corpus, with gold relations."""
    return list(bundled_corpus())


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random BERT of 3 layers and 32 dimensions, whose WordPiece vocabulary has ``[unused…]`` tokens."""
    return save_bert(tmp_path_factory.mktemp("tiny-bert"), unused=UNUSED)


@pytest.fixture(scope="session")
def tiny_bert_without_unused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without ``[unused…]`` tokens: markers need new embeddings."""
    return save_bert(tmp_path_factory.mktemp("tiny-bert-without-unused"), unused=[])


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory, corpus: list[RelationInstance]) -> Path:
    """Folder of a random RoBERTa of 2 layers and 32 dimensions with a byte-level BPE vocabulary."""
    return save_roberta(tmp_path_factory.mktemp("tiny-roberta"), [instance.text for instance in corpus])


def save_bert(folder: Path, *, unused: list[str]) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    characters = [*string.ascii_lowercase, *string.digits]
    tokens = ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *characters]
    tokens += [f"##{character}" for character in characters] + WORDS.split()
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    around = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    # an initialisation wide enough to tell sentences apart
    config = BertConfig(vocab_size=len(vocabulary), initializer_range=0.3, **shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def save_roberta(folder: Path, texts: list[str]) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    names = dict(
        zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), special, strict=True)
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        RobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium without a window, Debian's or the one that Playwright has.

    Playwright runs an event loop in this thread as long as it is started, so that no other module may run one.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as started:
        if path is None and not Path(started.chromium.executable_path).is_file():
            pytest.skip("there is no Chromium: neither Debian's package nor Playwright's own")
        # tests may run as root, and no proxy is to be asked for a file
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--no-proxy-server"])
        yield chromium
        chromium.close()


PEOPLE = ("Anna Berg", "Carl Dahl", "Maria Costa", "John Miller")
TOWNS = ("Oslo", "Rome", "Paris", "Berlin")
FIRMS = ("Norwind Energy", "Dahl Motors", "Costa Foods", "Miller Bank")


def texts() -> Iterator[str]:
    for person, town, firm in zip(PEOPLE, TOWNS, FIRMS, strict=True):
        yield f"{person} was born in {town} and wrote to Laura Rossi in Madrid."
        yield f"{firm} was founded by {person} in 1984."
    yield "Peter Novak was not born in Vienna."


@pytest.fixture(scope="session")
def text_pairs() -> list[RelationInstance]:
    """Every pair of entities of a few texts."""
    from relscout.text.pairs import mark_texts
    from relscout.text.spacy_pipeline import SpacyPipeline

    return list(mark_texts(texts(), annotator=SpacyPipeline.load()))


@pytest.fixture(scope="session")
def text_encoder() -> TransformerEncoder:
    """The bundled encoder, read as it is where every pair is an instance; it encodes nothing twice."""
    from relscout.discovery import default_encoder
    from relscout.encoders.settings import RELATION, settings_for
    from relscout.methods.hac import HAC

    settings = settings_for(RELATION, default=default_encoder(HAC, every_pair=True))
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="session")
def plain(text_pairs: list[RelationInstance], text_encoder: TransformerEncoder) -> Discovery:
    """A run in which every pair of entities of a text is an instance."""
    return discover(text_pairs, precision=0.7, encoder=text_encoder)
