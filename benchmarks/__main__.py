"""Run the measurements; ``python -m benchmarks --help`` lists them."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

PROTOCOLS = ("fewrel-unsupervised", "fewrel-nyt-unsupervised", "nytfb-unsupervised", "dev")
_CORPORA = ("wiki80", "redocred", "nyt-fb", "semeval", "chemprot")


def main() -> None:
    """Parse the command line and run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    quality = commands.add_parser("quality", help="scores on public data")
    quality.add_argument("--data", type=Path, required=True, help="folder with fewrel/, wiki80/ and nyt_fb/")
    quality.add_argument("--seeds", type=int, default=5)
    quality.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    quality.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    encoding = commands.add_parser("encoding", help="speed of encoding, against padding to 128")
    encoding.add_argument("--data", type=Path, required=True)
    encoding.add_argument("--instances", type=int, default=1024)
    encoding.add_argument("--rounds", type=int, default=5)
    shared = commands.add_parser("one-pass", help="all pairs of a sentence in one pass, against pair by pair")
    shared.add_argument("--data", type=Path, help="folder with redocred/; the bundled corpus when left out")
    shared.add_argument("--sentences", type=int, default=300)
    shared.add_argument("--rounds", type=int, default=5)
    dtypes = commands.add_parser("dtypes", help="does bfloat16 change the clusters?")
    dtypes.add_argument("--data", type=Path, required=True)
    dtypes.add_argument("--seeds", type=int, default=3)
    dtypes.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    backends = commands.add_parser("backends", help="PyTorch, its compiler, OpenVINO and ONNX Runtime")
    backends.add_argument("--data", type=Path, required=True)
    backends.add_argument("--instances", type=int, default=1500)
    backends.add_argument("--rounds", type=int, default=5)
    backends.add_argument("--seeds", type=int, default=5)
    backends.add_argument("--supported", action="store_true", help="only the backends that relscout has")
    million = commands.add_parser("million", help="k-means, metrics and names on up to a million vectors")
    million.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    streamed = commands.add_parser(
        "streamed", help="cluster, score, name and write up to five million instances in shards"
    )
    streamed.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 5_000_000])
    streamed.add_argument("--folder", type=Path, help="for vectors and shards, 3.4 KB for each instance")
    on_ray = commands.add_parser("on-ray", help="extract --ray, against one process, and killed on the way")
    on_ray.add_argument("--sentences", type=int, default=20_000)
    on_ray.add_argument("--killed-sentences", type=int, default=2_000)
    on_ray.add_argument("--kills", type=int, default=20)
    on_ray.add_argument("--seed", type=int, default=0)
    trained = commands.add_parser("trained", help="time and memory of methods that train, on many sentences")
    trained.add_argument("--methods", nargs="+", default=["siamese", "selfore"])
    trained.add_argument("--sentences", type=int, nargs="+", default=[10_000, 100_000])
    trained.add_argument("--fit-on", type=int, help="instances that are fitted on (default: all)")
    trained.add_argument("--relations", default="auto")
    trained.add_argument("--settings", default="", help="as of discover --set")
    trained.add_argument("--seed", type=int, default=0)
    speed = commands.add_parser("selfore-speed", help="a loop of SelfORE, against whole passes padded to 128")
    speed.add_argument("--data", type=Path, required=True)
    speed.add_argument("--instances", type=int, default=768)
    speed.add_argument("--rounds", type=int, default=5)
    passes = commands.add_parser(
        "rocore-speed", help="an epoch of RoCORE, against whole passes padded to 128"
    )
    passes.add_argument("--data", type=Path, required=True)
    passes.add_argument("--instances", type=int, default=600)
    passes.add_argument("--rounds", type=int, default=5)
    memory = commands.add_parser(
        "selfore-memory", help="memory of SelfORE on up to a hundred thousand sentences"
    )
    memory.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    opened = commands.add_parser("open-world", help="pre-defined, novel and no relations in one corpus")
    opened.add_argument("--data", type=Path, required=True)
    opened.add_argument("--draws", nargs="+", choices=("A", "B", "C"), default=("A", "B", "C"))
    opened.add_argument("--seeds", type=int, default=1)
    opened.add_argument("--none", type=int, default=1000, help="number of unlabelled pairs")
    opened.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    matched = commands.add_parser("vocabulary", help="matching relations to Wikidata's properties")
    matched.add_argument("--data", type=Path, required=True, help="folder with fewrel/, wiki80/, redocred/")
    matched.add_argument("--instances", type=int, default=40, help="most instances of a relation")
    matched.add_argument("--seeds", type=int, default=3)
    matched.add_argument("--kmeans", action="store_true", help="also cluster, instead of gold clusters only")
    matched.add_argument("--fit", action="store_true", help="print the fitted constants instead")
    matched.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    grown = commands.add_parser("incremental", help="one classifier for pre-defined and novel relations")
    grown.add_argument("--data", type=Path, required=True)
    grown.add_argument("--draws", nargs="+", choices=("A", "B", "C"), default=("A",))
    grown.add_argument("--seeds", type=int, default=1)
    grown.add_argument("--shares", nargs="+", type=float, default=(0.1, 0.25, 1.0))
    grown.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    unrelated = commands.add_parser("no-relation", help="rejecting unrelated pairs without labels")
    unrelated.add_argument("--data", type=Path, required=True)
    unrelated.add_argument("--protocols", nargs="+", default=("fewrel-unsupervised",))
    unrelated.add_argument("--kinds", nargs="+", default=("redrawn", "capitalised", "other", "pure"))
    unrelated.add_argument("--seeds", type=int, default=3)
    unrelated.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    page = commands.add_parser("report", help="the page of a run: time to build, size, time in a browser")
    page.add_argument("--data", type=Path, required=True)
    page.add_argument("--instances", type=int, default=10_000)
    page.add_argument("--runs", type=int, default=3)
    page.add_argument("--cache", type=Path, help="file that keeps encoded vectors between runs")
    judged = commands.add_parser(
        "relatedness", help="is a pair related at all? on unseen documents and relations"
    )
    judged.add_argument("--data", type=Path, required=True, help="folder with redocred/ and conll04/")
    judged.add_argument("--seeds", type=int, default=1)
    judged.add_argument("--folds", nargs="+", type=int, default=range(5), help="folds over the documents")
    judged.add_argument(
        "--unseen", nargs="*", type=int, default=range(5), help="folds over documents and relations"
    )
    judged.add_argument(
        "--ablated", nargs="*", type=int, default=(), help="folds that ablations are scored on"
    )
    judged.add_argument(
        "--cache", type=Path, default=Path("build/relatedness"), help="folder of vectors and scored folds"
    )
    plain = commands.add_parser(
        "plain-text", help="from documents as plain text to facts, compared with gold"
    )
    plain.add_argument("--data", type=Path, required=True, help="folder with redocred/ and conll04/")
    plain.add_argument("--fold", type=int, default=0)
    plain.add_argument("--seeds", type=int, default=1)
    plain.add_argument("--precisions", nargs="+", type=float, default=[0.8])
    plain.add_argument("--cache", type=Path, default=Path("build/relatedness"), help="folder of vectors")
    left = commands.add_parser("leave-one-out", help="an adapter on the corpus that it has not learnt from")
    left.add_argument("--data", type=Path, required=True, help="folder with the five corpora and fewrel/")
    left.add_argument("--adapter", choices=("relation", "relation-base"), default="relation")
    left.add_argument("--most", type=int, default=2_500, help="instances of each corpus to learn from")
    left.add_argument("--seeds", type=int, default=3)
    left.add_argument("--corpora", nargs="+", choices=_CORPORA, default=_CORPORA, metavar="CORPUS")
    left.add_argument("--work", type=Path, default=Path("build/leave-one-out"), help="folder of the adapters")
    pretraining = commands.add_parser(
        "pretraining-speed", help="a step of pre-training, against padding to the maximum length"
    )
    pretraining.add_argument("--data", type=Path, required=True)
    pretraining.add_argument("--pairs", type=int, default=64)
    pretraining.add_argument("--rounds", type=int, default=5)
    commands.add_parser("examples", help="what the commands print whose output the pages show")
    shown = commands.add_parser("gallery", help="the analyses of the gallery, and their pages")
    shown.add_argument("names", nargs="*", help="some of them (default: all)")
    commands.add_parser(
        "results-page",
        help="draw pictures, write docs/results.md and the figures of other pages from the records",
    )
    demo = commands.add_parser("demo", help="time and memory of 'relscout demo'")
    demo.add_argument("--runs", type=int, default=5)
    load = commands.add_parser("serve-load", help="latency and memory of 'relscout serve' under load")
    load.add_argument("--run", type=Path, help="run to serve; one of the bundled plain text when left out")
    load.add_argument("--clients", type=int, default=32)
    load.add_argument("--seconds", type=float, default=120)
    load.add_argument(
        "--rate",
        type=float,
        nargs="*",
        default=[60.0, 200.0],
        help="requests per second, whatever the answers take",
    )
    load.add_argument(
        "--closed", action=argparse.BooleanOptionalAction, default=True, help="also clients without a pause"
    )
    load.add_argument(
        "--slow", type=int, default=1000, help="also the first rate next to so many slow clients"
    )
    load.add_argument(
        "--options",
        action="append",
        help="options of 'relscout serve', such as '--max-wait 0.2'; given again, all is measured again with others",
    )
    played = commands.add_parser(
        "review", help="what thirty judgements of a review do to the run, in a browser"
    )
    played.add_argument("--run", type=Path, help="run of 'relscout demo'; made first when left out")
    played.add_argument("--answers", type=int, default=30)
    killed = commands.add_parser(
        "review-kill", help="kill the server of a review, and look for lost decisions"
    )
    killed.add_argument("--run", type=Path, help="run to review; one of the bundled plain text when left out")
    killed.add_argument("--kills", type=int, default=100)
    killed.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.command == "quality":
        from benchmarks import quality as measured
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            measured.run(options.data, cache, seeds=range(options.seeds), protocols=options.protocols)
    elif options.command == "dtypes":
        from benchmarks import dtypes as compared
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            compared.run(options.data, cache, seeds=range(options.seeds))
    elif options.command == "backends":
        from benchmarks import backends as alternatives

        alternatives.run(
            options.data,
            n_instances=options.instances,
            rounds=options.rounds,
            seeds=range(options.seeds),
            supported_only=options.supported,
        )
    elif options.command == "no-relation":
        from benchmarks import no_relation
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            no_relation.run(
                options.data,
                cache,
                protocols=options.protocols,
                kinds=options.kinds,
                seeds=range(options.seeds),
            )
    elif options.command == "encoding":
        from benchmarks import encoding as timed

        timed.run(options.data, n_instances=options.instances, rounds=options.rounds)
    elif options.command == "one-pass":
        from benchmarks import one_pass

        one_pass.run(options.data, n_sentences=options.sentences, rounds=options.rounds)
    elif options.command == "selfore-speed":
        from benchmarks import selfore_speed

        selfore_speed.run(options.data, n_instances=options.instances, rounds=options.rounds)
    elif options.command == "rocore-speed":
        from benchmarks import rocore_speed

        rocore_speed.run(options.data, n_instances=options.instances, rounds=options.rounds)
    elif options.command == "selfore-memory":
        from benchmarks import selfore_memory

        selfore_memory.run(options.sizes)
    elif options.command == "open-world":
        from benchmarks import open_world
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            seeds = range(options.seeds)
            open_world.run(options.data, cache, draws=options.draws, seeds=seeds, n_none=options.none)
    elif options.command == "vocabulary":
        from benchmarks import vocabulary
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            vocabulary.run(
                options.data,
                VectorCache(options.cache or Path(folder) / "vectors.sqlite"),
                instances=options.instances,
                seeds=options.seeds,
                kmeans=options.kmeans,
                fitting=options.fit,
            )
    elif options.command == "incremental":
        from benchmarks import incremental
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            seeds = range(options.seeds)
            incremental.run(options.data, cache, draws=options.draws, seeds=seeds, shares=options.shares)
    elif options.command == "report":
        from benchmarks import report_speed
        from relscout import VectorCache

        with tempfile.TemporaryDirectory() as folder:
            cache = VectorCache(options.cache or Path(folder) / "vectors.sqlite")
            report_speed.run(options.data, cache, instances=options.instances, runs=options.runs)
    elif options.command == "relatedness":
        from benchmarks import related_pairs

        seeds = range(options.seeds)
        related_pairs.run(
            options.data,
            seeds=seeds,
            folds=options.folds,
            unseen=options.unseen,
            ablated=options.ablated,
            cache=options.cache,
        )
    elif options.command == "plain-text":
        from benchmarks import plain_text

        plain_text.run(
            options.data,
            fold=options.fold,
            seeds=range(options.seeds),
            precisions=options.precisions,
            cache=options.cache,
        )
    elif options.command == "leave-one-out":
        from benchmarks import leave_one_out

        leave_one_out.run(
            options.data,
            options.work,
            adapter=options.adapter,
            most=options.most,
            seeds=range(options.seeds),
            corpora=options.corpora,
        )
    elif options.command == "pretraining-speed":
        from benchmarks import pretraining_speed

        pretraining_speed.run(options.data, pairs=options.pairs, rounds=options.rounds)
    elif options.command == "results-page":
        from benchmarks import results_page

        results_page.draw_pictures()
        results_page.write_page()
        results_page.write_figures()
    elif options.command == "examples":
        from benchmarks import examples

        examples.run()
    elif options.command == "gallery":
        from benchmarks import analyses, gallery

        gallery.run(analyses.ANALYSES, options.names)
    elif options.command == "serve-load":
        from benchmarks import serve_load

        loads = []
        for given in options.options or [""]:
            base = serve_load.Load(options.clients, options.seconds, options=tuple(given.split()))
            rates = [replace(base, rate=rate) for rate in options.rate]
            loads += rates
            loads += [replace(each, slow=options.slow) for each in rates[:1] if options.slow]
            loads += [base] if options.closed else []
        serve_load.run(options.run, loads)
    elif options.command == "review":
        from benchmarks import review

        review.run(options.run, answers=options.answers)
    elif options.command == "review-kill":
        from benchmarks import review_kill

        review_kill.run(options.run, kills=options.kills, seed=options.seed)
    elif options.command == "demo":
        from benchmarks import demo_time

        demo_time.run(options.runs)
    elif options.command == "on-ray":
        from benchmarks import on_ray

        on_ray.run((options.sentences, options.killed_sentences), kills=options.kills, seed=options.seed)
    elif options.command == "trained":
        from benchmarks import trained

        trained.run(
            options.methods,
            options.sentences,
            fit_on=options.fit_on,
            relations=options.relations,
            seed=options.seed,
            settings=options.settings,
        )
    elif options.command == "streamed":
        from benchmarks import streamed

        streamed.run(options.sizes, folder=options.folder)
    else:
        from benchmarks import million as scaled

        scaled.run(options.sizes)


if __name__ == "__main__":
    main()
