"""The public data sets: where they are published, size and licence, and how to get those on request.

GitHub addresses name a commit where the file's later versions differ, so that what they lead to never changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from relscout.core.errors import UnknownNameError


@dataclass(frozen=True)
class DataFile:
    """One file of a data set."""

    name: str
    """Name in the folder of the set; for files that are put there by hand, a pattern such as ``*.json`` will do."""

    address: str | None = None
    """Where it is published, or ``None`` where nobody may or can simply fetch it."""

    size: int | None = None
    """Bytes, or ``None`` where that is not known."""

    sha256: str | None = None
    """Checksum in hexadecimal digits, or ``None`` where none is known."""


@dataclass(frozen=True)
class DataSet:
    """A public data set."""

    name: str
    """How commands and presets call it, and its folder in the data folder."""

    title: str
    """What it is, in a few words."""

    licence: str
    """The terms under which the data may be used, as far as its publishers state them."""

    page: str
    """Address of its web page."""

    citation: str
    """The paper that describes it."""

    files: tuple[DataFile, ...]
    """Its files."""

    reads: str
    """The relscout command that reads it; ``{folder}`` stands for the folder of the set."""

    steps: tuple[str, ...] = ()
    """How to obtain and convert it, where it cannot be downloaded; ``{folder}`` as above."""

    parts: tuple[str, ...] = ()
    """What to make of the files when they are there, for protocols that read a part of them; ``{folder}`` as above."""

    @property
    def downloadable(self) -> bool:
        """Whether all files have an address."""
        return all(file.address is not None for file in self.files)

    @property
    def size(self) -> int | None:
        """Bytes of all files, or ``None`` where that is not known of each."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


_RAW = "https://raw.githubusercontent.com"
_FEWREL = f"{_RAW}/thunlp/FewRel/master/data"
_OPENNRE = "https://thunlp.oss-cn-qingdao.aliyuncs.com/opennre/benchmark"
_CONTEXT_OR_NAMES = f"{_RAW}/thunlp/RE-Context-or-Names"
_SUPERVISED = "finetune/supervisedRE/data"
_PARTS = f"{_CONTEXT_OR_NAMES}/a0930dd4fc8a69878a7a972de1e202b8c2689f8d/{_SUPERVISED}"
_CHEMPROT = (
    f"{_RAW}/allenai/scibert/8d55680cf424898df48656d69002c7366c9c6ba1/data/text_classification/chemprot"
)
_HIURE = f"{_RAW}/THU-BPM/HiURE/2b2a2357636470bcdaf700e1f0ad2f2694935034/data_sample_for_exemple"

_FEWREL_LICENCE = "CC BY-SA 4.0"
_FEWREL_PAGE = "https://thunlp.github.io/1/fewrel1.html"
_FEWREL_CITATION = "Han, Zhu, Yu, Wang, Yao, Liu, Sun: FewRel. EMNLP 2018"
_WIKI80_LICENCE = "MIT (thunlp/OpenNRE); sentences of Wikipedia"
_WIKI80_CITATION = "Han, Gao, Yao, Ye, Liu, Sun: OpenNRE. EMNLP 2019, demonstrations"

FEWREL = DataSet(
    name="fewrel",
    title="FewRel: validation relations on Wikipedia (16) and on New York Times text (25)",
    licence=_FEWREL_LICENCE,
    page=_FEWREL_PAGE,
    citation=_FEWREL_CITATION,
    files=(
        DataFile(
            "val_wiki.json",
            f"{_FEWREL}/val_wiki.json",
            3_534_147,
            "76bb44c2485b6faed358a3ce040eadafcc8a8835245cd7e6afc1bef672d4a0bf",
        ),
        DataFile(
            "val_nyt.json",
            f"{_FEWREL}/val_nyt.json",
            1_032_006,
            "b519adc61a2bab0f05178e33a3cd8f284338b635629493e9e09616ba81bb428e",
        ),
        DataFile(
            "pid2name.json",
            f"{_FEWREL}/pid2name.json",
            80_278,
            "eeedd25512a8e4c2bc06b78009836d27de81807bcba6ed929debd5cd713c07ea",
        ),
    ),
    reads="relscout inspect {folder}/val_wiki.json --relation-names {folder}/pid2name.json",
)

FEWREL_TRAIN = DataSet(
    name="fewrel_train",
    title="FewRel: the 64 training relations, on Wikipedia",
    licence=_FEWREL_LICENCE,
    page=_FEWREL_PAGE,
    citation=_FEWREL_CITATION,
    files=(
        DataFile(
            "train_wiki.json",
            f"{_FEWREL}/train_wiki.json",
            14_298_985,
            "8e9e58a05d559be773cbe18a8d4a16ba17e6d397663f9f05a056f894a94b92c1",
        ),
    ),
    reads="relscout inspect {folder}/train_wiki.json",
)

WIKI80 = DataSet(
    name="wiki80",
    title="Wiki80: 80 relations of FewRel by name; validation set and a tenth of the training set",
    licence=_WIKI80_LICENCE,
    page="https://github.com/thunlp/RE-Context-or-Names",
    citation="Peng, Gao, Han, Lin, Li, Liu, Sun, Zhou: Learning from Context or Names? EMNLP 2020",
    files=(
        DataFile(
            "dev.txt",
            f"{_PARTS}/wiki80/dev.txt",
            2_346_457,
            "f27fccbaa96f9c4f25fde1cd2e414bdc14e4fce872462e049a0d23a4d3541804",
        ),
        DataFile(
            "train_0.1.txt",
            f"{_CONTEXT_OR_NAMES}/cb6151ae74a6f4c769fb5b09e948c49c9e08a705/{_SUPERVISED}/wiki80/train_0.1.txt",
            1_633_246,
            "3cd866c89112915adeef7144eed079545a4fef6a4de74edcb8d2a3a69ab3bb95",
        ),
        DataFile(
            "train_0.01.txt",
            f"{_CONTEXT_OR_NAMES}/cb6151ae74a6f4c769fb5b09e948c49c9e08a705/{_SUPERVISED}/wiki80/train_0.01.txt",
            168_747,
            "ea53601af25c8a86155a8f38076ea72b369f7237f15b7b1b5582f6602ac88544",
        ),
        # an earlier state of the tenth: other instances, without entity types
        DataFile(
            "train_0.1_untyped.txt",
            f"{_CONTEXT_OR_NAMES}/d0fcbdde74d01f4e7ff1da0a144496a89e72eff2/{_SUPERVISED}/wiki80/train_0.1.txt",
            1_501_258,
            "c6da6c4840f675774c0fecedc95005c863cf44b72f71d4d84b6fc571766897b9",
        ),
    ),
    reads="relscout inspect {folder}/dev.txt",
)

WIKI80_FULL = DataSet(
    name="wiki80_full",
    title="Wiki80: all of it, as OpenNRE publishes it",
    licence=_WIKI80_LICENCE,
    page="https://github.com/thunlp/OpenNRE",
    citation=_WIKI80_CITATION,
    files=(
        DataFile(
            "wiki80_train.txt",
            f"{_OPENNRE}/wiki80/wiki80_train.txt",
            19_344_470,
            "d15ad5d2ff60b58f619f77dec3ffeca0e2daac7a443369872c3c8c555d5c1021",
        ),
        DataFile(
            "wiki80_val.txt",
            f"{_OPENNRE}/wiki80/wiki80_val.txt",
            2_160_138,
            "ca5ba11c06b67a143f24d8dc8de531476f1df8bf8e1499a7eadf5e94e67148d8",
        ),
    ),
    reads="relscout inspect {folder}/wiki80_train.txt",
)

SEMEVAL = DataSet(
    name="semeval",
    title="SemEval-2010 Task 8: relations of nominals, 19 with Other",
    licence="CC BY 3.0",
    page="https://github.com/thunlp/OpenNRE",
    citation="Hendrickx, Kim, Kozareva, Nakov, Ó Séaghdha, Padó et al.: SemEval-2010 Task 8. SemEval 2010",
    files=(
        DataFile(
            "train.txt",
            f"{_OPENNRE}/semeval/semeval_train.txt",
            1_903_726,
            "5a53be5e2dfbf865f77c287deec7b9e8a12be333ffb6157bfb5a692250a06220",
        ),
        DataFile(
            "dev.txt",
            f"{_OPENNRE}/semeval/semeval_val.txt",
            435_442,
            "a91170e7c19354a895a58e582bf7fad43994467a0d27a8632319a70840b88e02",
        ),
        DataFile(
            "test.txt",
            f"{_OPENNRE}/semeval/semeval_test.txt",
            793_305,
            "1f33efe3db4dc6ff99f52416331682f3ec6759de526786d3629e6b43f8020795",
        ),
        DataFile(
            "train_0.1.txt",
            f"{_PARTS}/semeval/train_0.1.txt",
            195_389,
            "6d41bc49468c5bf0259b08a04ddd615bd98a4d69586ece3618b43451d0d95ddd",
        ),
        DataFile(
            "train_0.01.txt",
            f"{_CONTEXT_OR_NAMES}/d0fcbdde74d01f4e7ff1da0a144496a89e72eff2/{_SUPERVISED}/semeval/train_0.01.txt",
            21_065,
            "a335781b0c30925bfc35f1ab8a6696fe57db865e6ff11cfb1affb2e7a41a8004",
        ),
    ),
    reads="relscout inspect {folder}/train.txt",
)

CHEMPROT = DataSet(
    name="chemprot",
    title="ChemProt: chemicals and proteins in PubMed abstracts, 13 relations",
    licence="task data of BioCreative VI; none stated with the files",
    page="https://github.com/allenai/scibert",
    citation="Krallinger, Rabal, Akhondi et al.: … the BioCreative VI chemical-protein interaction track. 2017",
    files=(
        DataFile(
            "train.txt",
            f"{_CHEMPROT}/train.txt",
            1_121_208,
            "ab17b85c4fb869b2338d7c9617414e63f3c7225e5005920b18d9cd996f1049d8",
        ),
        DataFile(
            "dev.txt",
            f"{_CHEMPROT}/dev.txt",
            678_657,
            "bfe8f39e5146ad4bb16b23707dade850546a305047bc666f6f6824c6a7e3df2f",
        ),
        DataFile(
            "test.txt",
            f"{_CHEMPROT}/test.txt",
            960_369,
            "372249c85ffea6d9a18dc5168cf45841b3d79b03412d6c620381cfc0dd3d6d49",
        ),
        DataFile(
            "train_0.1.txt",
            f"{_PARTS}/chemprot/train_0.1.txt",
            112_856,
            "386b33045f6e95debc3b1caf3ec7039df95eff49a1e40d40213e8e144ba14e95",
        ),
        DataFile(
            "train_0.01.txt",
            f"{_PARTS}/chemprot/train_0.01.txt",
            12_826,
            "ff4f6f7cb1c627fce252dff8a20bd2c11bd5c328f5ec1315bf94d4e0e1b4ccae",
        ),
    ),
    reads="relscout inspect {folder}/train.txt",
)

NYT_FB = DataSet(
    name="nyt_fb",
    title="NYT+FB: a sample, as HiURE publishes it",
    licence="terms of THU-BPM/HiURE; sentences of The New York Times",
    page="https://github.com/THU-BPM/HiURE",
    citation="Liu, Hu, Zhang, Li, Wen, Yu: HiURE. NAACL 2022",
    files=(
        DataFile(
            "train_sentence.json",
            f"{_HIURE}/train_sentence.json",
            2_665_937,
            "bb38b47ee8eb48f616e084e27b410ff6d8c95bd5ab0c55a24d8ee40694b51604",
        ),
        DataFile(
            "train_label_id.json",
            f"{_HIURE}/train_label_id.json",
            73_897,
            "3cd5f411f6c168f926e1534780afd1fa1d736bc8796588df6fe2a122ce1ac8cf",
        ),
        DataFile(
            "validate_sentence.json",
            f"{_HIURE}/validate_sentence.json",
            3_389_218,
            "a00de1eb9d732ea998e1d0c086d7ba3b3cab34434ebed6b2d65fad2b315c5fc9",
        ),
        DataFile(
            "validate_label_id.json",
            f"{_HIURE}/validate_label_id.json",
            54_312,
            "843dfccadc288ebe24833ccb555928f033fd6ed4c29921d2fcd1571896d47f9a",
        ),
    ),
    reads="relscout inspect {folder}/validate_sentence.json",
)

PUBLISHED = (FEWREL, FEWREL_TRAIN, WIKI80, WIKI80_FULL, SEMEVAL, CHEMPROT, NYT_FB)


def _trex_part(protocol: str, part: str, annotator: str, condition: str) -> str:
    keep = f"[.[] | .triples |= map(select(.annotator {condition}))]"
    return (
        f"For the protocol {protocol}, write the triples whose annotator {annotator} into {{folder}}-{part}: "
        f"mkdir -p {{folder}}-{part}; for file in {{folder}}/*.json; do "
        f"jq '{keep}' $file > {{folder}}-{part}/$(basename $file); done"
    )


NYT_FB_FULL = DataSet(
    name="nyt_fb_full",
    title="NYT+FB: all of it, on request from its authors",
    licence="on request; The New York Times Annotated Corpus needs LDC2008T19",
    page="https://github.com/diegma/relation-autoencoder",
    citation="Marcheggiani, Titov: Discrete-State Variational Autoencoders … TACL 2016",
    files=(DataFile("nyt_fb.tsv"),),
    reads="relscout convert {folder}/nyt_fb.tsv --on-error skip --out nyt_fb.jsonl",
    steps=(
        "Ask Diego Marcheggiani (https://diegma.github.io) for the file; "
        "https://github.com/diegma/relation-autoencoder shows a sample of it, data-sample.txt.",
        "It has nine columns, no header, and is Latin-1. Write it as {folder}/nyt_fb.tsv in UTF-8 with the header line "
        "path, head, tail, types, trigger, article, text, tags, relation (tabs between): "
        "(printf 'path\\thead\\ttail\\ttypes\\ttrigger\\tarticle\\ttext\\ttags\\trelation\\n'; "
        "iconv -f latin1 -t utf-8 FILE) > {folder}/nyt_fb.tsv",
        "Rows whose entity occurs in the sentence more than once are skipped: the file does not say which is meant.",
    ),
)

TACRED = DataSet(
    name="tacred",
    title="TACRED: 106,264 examples from newswire and web text",
    licence="LDC User Agreement",
    page="https://catalog.ldc.upenn.edu/LDC2018T24",
    citation="Zhang, Zhong, Chen, Angeli, Manning: Position-aware Attention … EMNLP 2017",
    files=(DataFile("train.json"), DataFile("dev.json"), DataFile("test.json")),
    reads="relscout inspect {folder}/train.json",
    steps=(
        "Get LDC2018T24 from the Linguistic Data Consortium: https://catalog.ldc.upenn.edu/LDC2018T24",
        "Unpack it and put train.json, dev.json and test.json of tacred/data/json into {folder}",
    ),
)

TREX = DataSet(
    name="trex",
    title="T-REx: Wikipedia abstracts aligned with Wikidata, 11 million triples",
    licence="CC BY-SA 4.0",
    page="https://hadyelsahar.github.io/t-rex/",
    citation="Elsahar, Vougiouklis, Remaci, Gravier, Hare, Laforest, Simperl: T-REx. LREC 2018",
    files=(DataFile("*.json"),),
    reads="relscout convert {folder}/*.json --on-error skip --out trex.jsonl",
    steps=(
        "Download the archive in JSON from https://hadyelsahar.github.io/t-rex/downloads/ "
        "(on figshare: https://figshare.com/ndownloader/files/8760241). relscout does not fetch it, for neither its "
        "size nor a checksum of it is published.",
        "Unzip it and put the files, re-nlg_0-10000.json and so on, into {folder}",
    ),
    parts=(
        _trex_part("trex-spo", "spo", "is SPOAligner", '== "SPOAligner"'),
        _trex_part("trex-ds", "ds", "is not NoSubject-Triple-aligner", '!= "NoSubject-Triple-aligner"'),
    ),
)

ON_REQUEST = (NYT_FB_FULL, TACRED, TREX)


#: Name → data set.
DATASETS: dict[str, DataSet] = {known.name: known for known in (*PUBLISHED, *ON_REQUEST)}


def dataset(name: str) -> DataSet:
    """Return what is known of a data set.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]
