"""The sets that cannot simply be downloaded: licensed, given on request, or without a size and a checksum to trust."""

from __future__ import annotations

from relscout.datasets.description import DataFile, DataSet


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
