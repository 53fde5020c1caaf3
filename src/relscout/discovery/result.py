"""The result of a discovery."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, InputWarning, SettingError
from relscout.core.instances import Entity, Fact, RelationInstance, Triple
from relscout.core.progress import Progress, silent
from relscout.core.wording import counted, pieces
from relscout.discovery import storage
from relscout.discovery.relation import (
    SHOWN_EXAMPLES,
    Assignments,
    Facts,
    ParentRelation,
    Relation,
    find_facts,
    fingerprint,
    minimum_confidences,
    polarities_of,
)
from relscout.encoders import (
    Encoder,
    OnLoss,
    cache_of,
    check_share,
    known_share,
    loss_warnings,
    name_of,
    readable_share,
    unknown_token_warning,
)
from relscout.io.readers.given import Given, as_instances
from relscout.methods import Estimator

if TYPE_CHECKING:
    import pandas

    from relscout.discovery.corrections import Corrections, Of
    from relscout.discovery.decisions import Decisions
    from relscout.discovery.evaluation import Evaluation
    from relscout.io.writers.sparql import QueryResult
    from relscout.methods.unrelated import RelatednessDetector
    from relscout.naming.endpoint import NamingEndpoint
    from relscout.naming.vocabulary import Vocabulary
    from relscout.text.entities import MergedEntities


@dataclass(frozen=True, eq=False)
class Scores:
    """What a fitted model says of instances, before they are assigned to relations.

    Args:
        instances: N instances, with a parse if the run needs it.
        probabilities: Probability of each relation of the model and, with ``none_``, of no relation (N, K′), float32.
        related: Probability that each pair is related (N,), float32; ``None`` if it is not estimated.
        lost: Number of instances of which the encoder cut something, by what was cut.
    """

    instances: Sequence[RelationInstance]
    probabilities: NDArray[np.float32]
    related: NDArray[np.float32] | None
    lost: Counter[str]


@dataclass(frozen=True, eq=False)
class Discovery:
    """The relations found in a corpus, and the relation of each instance.

    A discovery is never changed: :meth:`rename`, :meth:`merge` and :meth:`drop` return a new one with unchanged ids.

    Args:
        relations: The relations, largest first when found.
        assignments: The relation assigned to each instance of the corpus.
        model: The fitted method, which classifies unseen text.
        run: Settings, seed, versions, timings, counts and warnings, as JSON values.
        merged: Number of a relation in the model → id, if they differ: after a merge, with the number of an earlier
        run,
            or -1 after a drop.
    """

    relations: tuple[Relation, ...]
    assignments: Assignments
    model: Estimator
    run: Mapping[str, Any]
    merged: Mapping[int, int] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied or pickled: all but the facts, which may be in temporary files of this process."""
        return {name: value for name, value in vars(self).items() if name != "found_facts"}

    def __repr__(self) -> str:
        instances = counted(len(self.assignments.instances), "instance")
        return f"<Discovery of {counted(len(self.relations), 'relation')} in {instances}>"

    def _repr_html_(self) -> str:
        """Return the largest relations and most supported facts as HTML, which notebooks show."""
        from relscout.discovery.notebook import MOST_INSTANCES, as_html

        known = len(self.assignments.instances) <= MOST_INSTANCES or "found_facts" in vars(self)
        return as_html(self.relations, self.assignments, self.examples, self.facts() if known else ())

    def relation(self, id: int) -> Relation:
        """Return a relation by its id.

        Raises:
            InputError: There is no such relation.
        """
        for relation in self.relations:
            if relation.id == id:
                return relation
        if id in self.names:
            raise InputError(
                f"relation {id} is the pre-defined {self.names[id]!r}, which has no instance in the corpus, only "
                "in new text"
            )
        raise InputError(
            f"there is no relation {id}; the ids are {', '.join(str(relation.id) for relation in self.relations)}"
        )

    @property
    def names(self) -> dict[int, str]:
        """Names of the relations that the model can predict, by id.

        These are the relations found in the corpus, followed by pre-defined ones that the model knows and the corpus
        lacks.
        """
        names = {relation.id: relation.name for relation in self.relations}
        final = self._corrections.final
        ids = {final(self.merged.get(label, label)): name for label, name in self.model.names_.items()}
        return names | {id: name for id, name in ids.items() if id >= 0 and id not in names}

    @property
    def next_number(self) -> int:
        """The lowest number that no relation has, or had before a merge or drop."""
        return max(
            self.model.n_relations_,
            int(self.run.get("next_number", 0)),
            *(relation.id + 1 for relation in self.relations),
        )

    @property
    def model_version(self) -> str:
        """What predictions are attributed to: version of relscout, method, and a hash of the relations."""
        relscout = self.run.get("versions", {}).get("relscout", "")
        return " ".join(f"relscout {relscout} {self.run['method']} {fingerprint(self.relations)}".split())

    @property
    def parents(self) -> tuple[ParentRelation, ...]:
        """The hierarchy of the relations as discovered, empty unless it was requested."""
        return tuple(ParentRelation.from_dict(record) for record in self.run.get("hierarchy", ()))

    def triples(self) -> Iterator[Triple]:
        """Yield the triples with provenance in input order; instances without a relation have none."""
        return self.triples_of(self.assignments)

    def facts(self) -> tuple[Fact, ...]:
        """Return the facts of the corpus, one per head, relation and tail, most supported first.

        See :func:`relscout.discovery.relation.find_facts` for the rules and the confidence.
        """
        return tuple(self.found_facts.facts)

    def entities(self) -> tuple[Entity, ...]:
        """Return all entities of the corpus, most mentioned first; see :mod:`relscout.text.entities`."""
        return self.merged_entities.entities

    def examples(self, id: int, limit: int = 5) -> list[RelationInstance]:
        """Return representative instances of a relation with different wording, the most central first.

        Raises:
            InputError: There is no such relation.
        """
        return [self._by_id[example] for example in self.relation(id).examples[:limit]]

    def predict(
        self,
        instances: Given,
        *,
        precision: float | None = None,
        allow_unknown_tokens: bool = False,
        unknown_tokens: float | None = None,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> Assignments:
        """Assign unseen instances to the relations, ignoring gold relations.

        Args:
            instances: Instances in any form that :func:`relscout.discover` accepts.
            precision: For text in which every pair of entities is an instance: expected share of related pairs among
                those that get a relation, in (0, 1]; ``None`` keeps the thresholds of the run, if it has any.
            allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
            unknown_tokens: Share of tokens that the encoder does not know, in [0, 1], of the corpus that the instances
                are a part of, which is then not checked; by default that of the instances.
            progress: Progress callback.
            on_loss: Called with each truncated instance and what was lost.

        Raises:
            InputError: The encoder does not know over half of the tokens, or an instance is wrong.
        """
        bare = [instance.without_relation() for instance in as_instances(instances)]
        if not bare:
            return Assignments([], np.empty(0, np.int64), np.empty(0, np.float32))
        if unknown_tokens is not None:
            readable, warning = readable_share(unknown_tokens), None
        else:
            readable, warning = self._readable(bare, allow_unknown_tokens=allow_unknown_tokens)
        scores = self.score(bare, relatedness=precision is not None, progress=progress, on_loss=on_loss)
        return self._assigned(scores, precision, readable, warning)

    def predict_scored(
        self, scores: Scores, *, precision: float | None = None, allow_unknown_tokens: bool = False
    ) -> Assignments:
        """Assign pairs whose scores are known; see :meth:`predict`.

        Args:
            scores: The scores, for the same choice of ``precision`` or none.
            precision: As in :meth:`predict`.
            allow_unknown_tokens: As in :meth:`predict`.

        Raises:
            InputError: The encoder does not know over half of the tokens.
            SettingError: The scores were made without an expected precision.
        """
        if precision is not None and scores.related is None:
            raise SettingError(
                "these scores were made without an expected precision; pass with_precision to score_together"
            )
        readable, warning = self._readable(scores.instances, allow_unknown_tokens=allow_unknown_tokens)
        return self._assigned(scores, precision, readable, warning)

    def _assigned(
        self, scores: Scores, precision: float | None, readable: float, warning: str | None
    ) -> Assignments:
        line = None
        if precision is not None and scores.related is not None:
            from relscout.methods.unrelated import is_connected

            line = self.relatedness_line(
                scores.related, precision=precision, connected=is_connected(scores.instances)
            )
        assigned = self.assign(scores, readable=readable, line=line)
        warnings = [*([warning] if warning else []), *loss_warnings(scores.lost)]
        return dataclasses.replace(assigned, warnings=warnings)

    def _readable(
        self, instances: Sequence[RelationInstance], *, allow_unknown_tokens: bool
    ) -> tuple[float, str | None]:
        """Return the share of the tokens that the encoder knows, and a warning if that is too low."""
        encoder = self.model.encoder
        readable = known_share(encoder, [instance.text for instance in instances])
        if warning := unknown_token_warning(1 - readable, name_of(encoder)):
            check_share(1 - readable, warning, allow_unknown_tokens=allow_unknown_tokens)
        return readable, warning

    def needs_syntax(self, *, relatedness: bool) -> bool:
        """Return whether new instances are parsed; without syntax in the corpus, new pairs must not have it, either.

        Args:
            relatedness: Whether a precision is given for new text.
        """
        judged = self.run.get("relatedness")
        return relatedness if judged is None else judged.get("precision") is not None

    def score(
        self,
        instances: Sequence[RelationInstance],
        *,
        relatedness: bool = False,
        english: bool | None = None,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> Scores:
        """Return what the model says of each instance, which depends on no instance of another document.

        Args:
            instances: Instances without gold relations (N).
            relatedness: Whether to estimate which pairs are related, also if the run does not.
            english: Whether the texts are English, and parsed if the run needs the syntax; by default decided by these
                texts.
            progress: Progress callback.
            on_loss: Called with each truncated instance and what was lost.
        """
        lost: Counter[str] = Counter()

        def note_loss(instance: RelationInstance, what: str) -> None:
            lost[what] += 1
            if on_loss is not None:
                on_loss(instance, what)

        own = self._parsed(instances, relatedness=relatedness, english=english)
        (scores,) = self._scored([own], [relatedness], [lost], progress, note_loss)
        return scores

    def score_together(
        self,
        requests: Sequence[Sequence[RelationInstance]],
        *,
        with_precision: Sequence[bool],
        progress: Progress = silent,
    ) -> list[Scores]:
        """Score the pairs of several requests in one pass, each as if it were alone, up to rounding.

        Args:
            requests: The pairs of each request, without gold relations; no object is in two requests.
            with_precision: Whether each request will have an expected precision.
            progress: Progress callback.

        Raises:
            InputError: An instance is wrong.
        """
        own = [
            self._parsed(request, relatedness=wanted)
            for request, wanted in zip(requests, with_precision, strict=True)
        ]
        request_of = {id(instance): number for number, request in enumerate(own) for instance in request}
        lost: list[Counter[str]] = [Counter() for _ in own]

        def note_loss(instance: RelationInstance, what: str) -> None:
            lost[request_of[id(instance)]][what] += 1

        return self._scored(own, with_precision, lost, progress, note_loss)

    def _parsed(
        self, instances: Sequence[RelationInstance], *, relatedness: bool, english: bool | None = None
    ) -> Sequence[RelationInstance]:
        """Return instances with a parse, if the run needs the syntax."""
        if not self.needs_syntax(relatedness=relatedness):
            return instances
        from relscout.text.spacy_pipeline import with_syntax

        return with_syntax(instances, english=english)

    def _scored(
        self,
        requests: Sequence[Sequence[RelationInstance]],
        with_precision: Sequence[bool],
        lost: Sequence[Counter[str]],
        progress: Progress,
        on_loss: OnLoss,
    ) -> list[Scores]:
        """Return the scores of the parsed pairs of each request; ``on_loss`` counts in ``lost`` what is cut of them."""
        pairs = [instance for request in requests for instance in request]
        sizes = [len(request) for request in requests]
        sets = np.repeat(np.arange(len(requests), dtype=np.int64), sizes)
        by_model = self.run.get("relatedness") is not None
        related = self.model.relatedness(pairs, sets=sets, progress=progress) if by_model else None
        known = {} if related is None else {"related": related}
        probabilities = self.model.predict_proba(pairs, progress=progress, on_loss=on_loss, **known)
        if not by_model and len(rows := np.flatnonzero(np.array(with_precision)[sets])):
            related = np.full(len(pairs), np.nan, dtype=np.float32)
            related[rows] = self._bundled_detector.probabilities(
                [pairs[row] for row in rows.tolist()],
                encoder=self.model.encoder,
                progress=progress,
                sets=sets[rows],
            )
        scores, start = [], 0
        for request, size, wanted, cut in zip(requests, sizes, with_precision, lost, strict=True):
            of_request = slice(start, start + size)
            of_pairs = related[of_request] if related is not None and (by_model or wanted) else None
            scores.append(Scores(request, probabilities[of_request], of_pairs, cut))
            start += size
        return scores

    def relatedness_line(
        self, related: NDArray[np.float32], *, precision: float, connected: bool
    ) -> np.float64:
        """Return the lowest probability of a kept pair with which the kept pairs reach an expected precision.

        Args:
            related: Probabilities that the pairs are related (N,), float32.
            precision: Expected share of related pairs among the kept ones, in (0, 1].
            connected: Whether the pairs are from connected text; see
                :func:`relscout.methods.unrelated.is_connected`.

        Raises:
            SettingError: The precision is invalid.
        """
        detector = self._bundled_detector.expecting(precision, connected=connected)
        detector.set_threshold(related, None)
        return np.float64(detector.thresholds[0])

    def assign(self, scores: Scores, *, readable: float = 1.0, line: np.float64 | None = None) -> Assignments:
        """Assign scored instances to the relations.

        Args:
            scores: What :meth:`score` returned.
            readable: Share of the tokens that the encoder knows, in [0, 1], by which confidences are lowered.
            line: Lowest probability of a related pair, in place of the thresholds of the run; ``None`` keeps these.
        """
        bare, probabilities, related = scores.instances, scores.probabilities, scores.related
        by_model = self.run.get("relatedness") is not None
        # a merge only relabels, so that corpus and new text agree
        table = np.array([self.merged.get(label, label) for label in range(probabilities.shape[1])])
        if self.model.none_ is not None:
            table[self.model.none_] = -1
        labels = probabilities.argmax(axis=1)
        kept = np.full(len(bare), True) if self.model.none_ is None else labels != self.model.none_
        if line is not None:
            if by_model:  # in place of the thresholds of the run
                labels, kept[:] = probabilities[:, :-1].argmax(axis=1), True
            if related is not None:
                kept &= related >= line
        # clusters that are no relations get numbers below -1: the words of a pair may still name its relation
        clusters = np.where(table < 0, -2 - np.arange(len(table)), table)
        of_clusters = np.where(kept, clusters[labels], -1).astype(np.int64)
        from relscout.discovery.refinement import Refinement, connections_of, phrases_of

        links = connections_of(bare, of_clusters)
        stored = self.run.get("refinement")
        refinement = Refinement({}) if stored is None else Refinement.from_json(stored)
        ids = refinement.applied(bare, of_clusters, links)
        if "corrections" in self.run:
            ids = self._corrections.applied(bare, ids, self.model.transform)
        without = np.where(table < 0, probabilities, 0).sum(axis=1)
        if by_model:
            of_relations = probabilities[:, :-1].sum(axis=1, keepdims=True)
            probabilities = np.pad(probabilities[:, :-1] / np.maximum(of_relations, 1e-12), ((0, 0), (0, 1)))
        within = np.where(clusters[None, :] == of_clusters[:, None], probabilities, 0).sum(axis=1)
        confidences = readable * np.where((ids < 0) & (of_clusters < 0), without, within)
        return Assignments(
            bare,
            ids,
            np.minimum(confidences, 1).astype(np.float32),
            related,
            polarities_of(bare, ids),
            phrases_of(links, ids),
        )

    def extract(
        self,
        instances: Given,
        *,
        min_confidence: float | Mapping[str, float] = 0.0,
        allow_unknown_tokens: bool = False,
        progress: Progress = silent,
    ) -> Iterator[Triple]:
        """Yield the triples of unseen instances, with an InputWarning for what the encoder cannot read.

        Args:
            instances: Instances in any form that :func:`relscout.discover` accepts.
            min_confidence: Least confidence of a triple, in [0, 1]: one for all relations, or name of a relation →
                least confidence, with ``"*"`` for all others (default 0).
            allow_unknown_tokens: Whether to continue if the encoder does not know over half of the tokens.
            progress: Progress callback.

        Raises:
            InputError: The encoder does not know over half of the tokens, or an instance is wrong.
            UnknownNameError: ``min_confidence`` names a relation that does not exist.
            SettingError: A minimum confidence is not in [0, 1].
        """
        least = minimum_confidences(min_confidence, self.names.values())
        assigned = self.predict(instances, allow_unknown_tokens=allow_unknown_tokens, progress=progress)
        for warning in assigned.warnings:
            warnings.warn(warning, InputWarning, stacklevel=2)
        triples = self.triples_of(assigned)
        return (triple for triple in triples if triple.confidence >= least[triple.relation])

    def triples_of(self, assignments: Assignments) -> Iterator[Triple]:
        """Yield the triples of assignments; instances without a relation have none."""
        return (row for row in self._rows_of(assignments) if isinstance(row, Triple))

    def _rows_of(self, assignments: Assignments) -> Iterator[Triple | RelationInstance]:
        """Yield the triples of assignments, and the instances without a relation."""
        names = self.names
        matches = {relation.id: relation.matches or () for relation in self.relations}
        for instance, id, confidence, related, polarity, phrase in assignments.rows():
            if id < 0:
                yield instance
            else:
                yield Triple(
                    instance, id, names[id], confidence, related, polarity, phrase, matches.get(id, ())
                )

    def evaluate(self, gold: Given | Sequence[str | None]) -> Evaluation:
        """Score the discovery against gold relations: B³, V-measure, ARI and others.

        Args:
            gold: Instances with gold relations, matched by their ids, or the gold relation of each instance of the
                corpus in order. Instances without a gold relation are left out and counted; instances without a
                discovered relation count as one cluster.

        Raises:
            InputError: Nothing can be scored, or the number of labels differs from that of the instances.
        """
        from relscout.discovery.evaluation import evaluate

        return evaluate(self.assignments, gold)

    def query(self, sparql: str, *, time_limit: float = 60.0) -> QueryResult:
        """Return the answer to a SPARQL query on the facts and triples, as the RDF writers write them.

        Facts are in the default graph, triples in the graph ``graph:triples``. The prefixes of the Turtle files need no
        declaration. See :mod:`relscout.io.writers.sparql`.

        Args:
            sparql: A SELECT, ASK, CONSTRUCT or DESCRIBE query.
            time_limit: Most seconds for the answer, above 0.

        Raises:
            MissingExtraError: Oxigraph is not installed.
            RecordError: The query is not valid, changes data or asks another server; says in which line and column.
            InputError: There was no answer within the time limit, or not enough memory for it.
        """
        from relscout.io.writers.sparql import run_query

        return run_query(sparql, facts=self.facts, triples=self.triples, time_limit=time_limit)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the triples as a pandas frame in input order; see :meth:`triples`.

        The columns are those of the Parquet files that :func:`relscout.write` writes.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from relscout.io.writers.parquet import frame_of

        return frame_of(self.triples())

    def rename(self, id: int, name: str) -> Discovery:
        """Return the discovery with another name for one relation.

        Raises:
            InputError: There is no such relation, the name is blank, or another relation has it.
        """
        old = self.relation(id)
        if not name.strip():
            raise InputError(f"the new name of relation {id} is blank")
        if any(called == name and number != id for number, called in self.names.items()):
            raise InputError(
                f"another relation is already called {name!r}; merge them, or choose another name"
            )
        pattern = f"HEAD {name} TAIL"
        renamed = dataclasses.replace(old, name=name, pattern=pattern)
        return dataclasses.replace(
            self, relations=tuple(renamed if relation.id == id else relation for relation in self.relations)
        )

    def match(self, vocabulary: Vocabulary, *, progress: Progress = silent) -> Discovery:
        """Return the discovery with each relation matched to the entries of a vocabulary that fit it.

        The result is in ``matches`` of each relation, and of its triples and facts. A relation that no entry fits is
        new and has an empty tuple. Matches to another vocabulary are replaced. A relation that is merged with others
        keeps the matches of the largest. See :mod:`relscout.discovery.matching` for the method and the scores.

        Args:
            vocabulary: For example, what :func:`relscout.naming.vocabulary.read_vocabulary` returns.
            progress: Called with the number of texts encoded, stage ``"encode"``.
        """
        from relscout.discovery.matching import match_relations

        matches = match_relations(
            self.relations, self._by_id, vocabulary, cache=cache_of(self.model.encoder), progress=progress
        )
        relations = tuple(
            dataclasses.replace(relation, matches=matches[relation.id]) for relation in self.relations
        )
        record = {
            "source": vocabulary.source,
            "entries": len(vocabulary),
            "fingerprint": vocabulary.fingerprint,
            "matched": sum(bool(relation.matches) for relation in relations),
        }
        return dataclasses.replace(self.with_run({"vocabulary": record}), relations=relations)

    def with_names_from(self, endpoint: NamingEndpoint, *, progress: Progress = silent) -> Discovery:
        """Return the discovery with names from a language model.

        Of each relation, the :data:`relscout.discovery.relation.SHOWN_EXAMPLES` sentences that the report shows first
        are sent to the endpoint, with head and tail marked, and nothing else. Relations with names of labels or of
        earlier runs keep them. Whatever fails is a warning in ``run``, and the relation keeps its name; asked again,
        the same model names only the relations that it failed to name before. An interruption
        (``KeyboardInterrupt``) keeps the names so far.

        ``run["names_from"]`` has the ``url``, the ``model``, the ``earlier_names`` by id, and the ``failures``:
        reason → number of relations that were not named for it.

        Args:
            endpoint: The endpoint.
            progress: Called with the number of relations done, stage ``"names"``.
        """
        from relscout.naming.endpoint import names_from

        named = {*self.model.names_.values(), *self.run.get("after", {}).values()}
        before = self.run.get("names_from", {})
        resumed = bool(before.get("failures")) and (before["url"], before["model"]) == (
            endpoint.url,
            endpoint.model,
        )
        kept: Mapping[str, str] = before["earlier_names"] if resumed else {}
        asked = [
            relation
            for relation in self.relations
            if relation.name not in named and str(relation.id) not in kept
        ]
        sentences = {
            relation.id: [_marked(instance) for instance in self.examples(relation.id, SHOWN_EXAMPLES)]
            for relation in asked
        }
        answered = names_from(endpoint, sentences, progress=progress)
        names = answered.names
        used = {name for id, name in self.names.items() if id not in names}
        renamed: dict[int, Relation] = {}
        for relation in asked:
            if relation.id in names:
                name, number = names[relation.id], 2
                while name in used:
                    name, number = f"{names[relation.id]} ({number})", number + 1
                used.add(name)
                renamed[relation.id] = dataclasses.replace(relation, name=name, pattern=f"HEAD {name} TAIL")
        record = {
            "url": endpoint.url,
            "model": endpoint.model,
            "earlier_names": {
                **kept,
                **{str(relation.id): relation.name for relation in asked if relation.id in names},
            },
            "failures": {reason: len(ids) for reason, ids in answered.failures.items()},
        }
        outdated = tuple(
            f"kept the name from the sentences: {reason}" for reason in before.get("failures", ())
        )
        earlier = [text for text in self.run.get("warnings", ()) if not text.endswith(outdated)]
        changed = self.with_run({"names_from": record, "warnings": [*earlier, *answered.notes]})
        relations = tuple(renamed.get(relation.id, relation) for relation in self.relations)
        return dataclasses.replace(changed, relations=relations)

    def merge(self, ids: Sequence[int]) -> Discovery:
        """Return the discovery with several relations merged under the id and name of the largest.

        Raises:
            InputError: There are fewer than two different ids, or an id is unknown.
        """
        parts = [self.relation(id) for id in dict.fromkeys(ids)]
        if len(parts) < 2:
            raise InputError(f"merging needs at least two different relations, got {list(ids)}")
        parts.sort(key=lambda part: (-part.size, part.id))
        largest, others = parts[0], {part.id for part in parts[1:]}
        size = sum(part.size for part in parts)
        whole = others | {largest.id}
        inverses = [part.inverse for part in parts if part.inverse is not None and part.inverse not in whole]
        joined = dataclasses.replace(
            largest,
            size=size,
            confidence=round(sum(part.confidence * part.size for part in parts) / max(size, 1), 4),
            head_first=round(sum(part.head_first * part.size for part in parts) / max(size, 1), 4),
            type_share=round(
                sum(part.type_share * part.size for part in parts if part.types == largest.types)
                / max(size, 1),
                4,
            ),
            inverse=inverses[0] if inverses else None,
            examples=tuple(dict.fromkeys(example for part in parts for example in part.examples))[:12],
        )
        relations = tuple(
            joined
            if relation.id == largest.id
            else dataclasses.replace(
                relation, inverse=largest.id if relation.inverse in others else relation.inverse
            )
            for relation in self.relations
            if relation.id not in others
        )
        ids_now = np.where(
            np.isin(self.assignments.relation_ids, list(others)), largest.id, self.assignments.relation_ids
        )
        return dataclasses.replace(
            self,
            relations=relations,
            merged=self._moved(dict.fromkeys(others, largest.id)),
            run=self._run_moved(dict.fromkeys(others, largest.id)),
            assignments=dataclasses.replace(self.assignments, relation_ids=ids_now),
        )

    def drop(self, id: int) -> Discovery:
        """Return the discovery without a relation: its instances, and new text nearest to it, have none.

        Raises:
            InputError: There is no such relation, or it is the only one.
        """
        gone = self.relation(id)
        if len(self.relations) == 1:
            raise InputError(f"relation {id} is the only one, so it cannot be dropped")
        left = self.assignments.relation_ids == gone.id
        ids_now = np.where(left, -1, self.assignments.relation_ids)
        relations = tuple(
            dataclasses.replace(relation, inverse=None if relation.inverse == gone.id else relation.inverse)
            for relation in self.relations
            if relation.id != gone.id
        )
        return dataclasses.replace(
            self,
            relations=relations,
            merged=self._moved({gone.id: -1}),
            run=self._run_moved({gone.id: -1}),
            assignments=dataclasses.replace(self.assignments, relation_ids=ids_now),
        )

    def confirm(
        self, instances: Sequence[str], relation: int, name: str | None = None, *, of: Of = "sentence"
    ) -> Discovery:
        """Return the discovery in which instances certainly express a relation, whichever they had before.

        The same instances get this relation as new text, too.

        Args:
            instances: Ids of instances of the corpus.
            relation: The relation.
            name: Name of the relation if it is a new one, with an unused id.
            of: What was judged: each ``"sentence"``, or a ``"fact"`` as a whole, of which not every sentence need
                express it. See :meth:`recalibrate`.

        Raises:
            InputError: There is no such relation or instance, or for a new relation the id or the name is in use.
        """
        if name is None:
            return self._judged(instances, self.relation(relation).id, of)
        from relscout.discovery.corrections import fresh

        self._check_new(relation, name, self.next_number, self.names.values())
        changed = dataclasses.replace(
            self.with_run({"next_number": relation + 1}),
            relations=(*self.relations, fresh(relation, name)),
        )
        return changed._judged(instances, relation, of)

    def reject(self, instances: Sequence[str], relation: int, *, of: Of = "sentence") -> Discovery:
        """Return the discovery in which instances of a relation certainly express no relation.

        Args:
            instances: Ids of instances of the relation.
            relation: The relation that they have; -1 to confirm that they have none.
            of: What was judged: each ``"sentence"``, or a ``"fact"`` as a whole, which may only have the wrong
                relation. See :meth:`recalibrate`.

        Raises:
            InputError: There is no such relation, or an instance has another.
        """
        from relscout.discovery.corrections import rows_of

        wrong, assignments = -1 if relation == -1 else self.relation(relation).id, self.assignments
        for row in rows_of(assignments, instances).tolist():
            if assignments.relation_ids[row] != wrong:
                raise InputError(
                    f"the instance {assignments.instances[row].id!r} is not in relation {relation}, so this cannot be "
                    "rejected"
                )
        return self._judged(instances, -1, of)

    def split(self, id: int, parts: Sequence[Mapping[str, Any]]) -> Discovery:
        """Return the discovery with parts of a relation as relations of their own.

        New text of the relation gets the part with the nearest mean vector.

        Args:
            id: The relation; it keeps the instances that are in no part.
            parts: Each has an unused ``id``, a ``name``, and the ids of its ``instances``.

        Raises:
            InputError: There is no such relation, an id or a name is in use, a name is blank, an instance is not in the
                relation, or none would stay in it.
        """
        from relscout.discovery.corrections import Part, split

        relation, free = self.relation(id), self.next_number
        used = set(self.names.values())
        made: list[Part] = []
        for part in parts:
            made.append(Part(part["id"], part["name"], part["instances"]))
            self._check_new(made[-1].id, made[-1].name, free, used)
            used.add(made[-1].name)
            free = made[-1].id + 1
        relations, assignments, remembered = split(
            self.relations, self.assignments, relation, made, self.model.transform
        )
        before = self._corrections
        new_part = {instance: part.id for part in made for instance in part.instances}
        judged = {
            instance: new_part.get(instance, old) if old == id else old
            for instance, old in before.judged.items()
        }
        now = dataclasses.replace(before, judged=judged, changes=[*before.changes, remembered])
        return dataclasses.replace(
            self.with_run({"corrections": now.as_json(), "next_number": free}),
            relations=relations,
            assignments=assignments,
        )

    def _check_new(self, id: int, name: str, free: int, used: Collection[str]) -> None:
        if id < free:
            raise InputError(f"the id {id} of a new relation is or was in use; use {free}")
        if not name.strip():
            raise InputError(f"the name of the new relation {id} is blank")
        if name in used:
            raise InputError(f"another relation is already called {name!r}; choose another name")

    def transfer(self, least: float) -> Discovery:
        """Return the discovery in which similar sentences take over what was confirmed and rejected, as new text does.

        Args:
            least: Least cosine of a sentence with a judged sentence, in (0, 1].

        Raises:
            InputError: No sentence was judged.
            SettingError: ``least`` is not in (0, 1].
        """
        from relscout.discovery.corrections import transfer

        if not 0 < least <= 1:
            raise SettingError(
                f"the least cosine of a transfer is {least}; expected a number above 0 and up to 1"
            )
        before = self._corrections
        relations, assignments, made = transfer(
            self.relations, self.assignments, before.judged, least, self.model.transform
        )
        now = dataclasses.replace(before, changes=[*before.changes, made])
        changed = self.with_run({"corrections": now.as_json()})
        return dataclasses.replace(changed, relations=relations, assignments=assignments)

    def recalibrate(self) -> Discovery:
        """Return the discovery with relatedness recalibrated by what was confirmed and rejected, as for new text.

        The probabilities that pairs are related change, and the thresholds move to where the pairs that are kept reach
        the expected precision by the new ones: some pairs lose their relation, or get one. What was judged stays. Only
        judgements of sentences count. Their selection matters: if only related pairs are judged, all pairs look more
        related. See :mod:`relscout.discovery.recalibration`.

        Raises:
            InputError: Relatedness is not estimated in this run, or no sentence was judged.
        """
        from relscout.discovery.recalibration import Recalibration, reassigned

        assignments = self.assignments
        made = Recalibration.of(self.model, assignments, self._corrections)
        changed = dataclasses.replace(
            self.with_run(
                {
                    "corrections": made.corrections.as_json(),
                    "relatedness": made.record(self.run["relatedness"]),
                }
            ),
            model=made.model,
            assignments=dataclasses.replace(assignments, related=made.related),
        )
        rows = made.rows(assignments.instances)
        if not len(rows):
            return changed
        pairs = [assignments.instances[row].without_relation() for row in rows.tolist()]
        if self.needs_syntax(relatedness=False):
            from relscout.text.spacy_pipeline import looks_english, with_syntax

            # whether a text is parsed is decided by the corpus, not by these pairs
            pairs = with_syntax(pairs, english=looks_english(each.text for each in assignments.instances))
        shares = made.model.method.predict_proba(pairs)
        readable = known_share(self.model.encoder, [each.text for each in assignments.instances])
        old, new = (
            run.assign(
                Scores(pairs, model.with_no_relation(shares, related), related, Counter()), readable=readable
            )
            for run, model, related in (
                (self, made.old_model, made.before[rows]),
                (changed, made.model, made.after[rows]),
            )
        )
        relations, assigned = reassigned(self.relations, changed.assignments, rows, old, new, self.names)
        return dataclasses.replace(changed, relations=relations, assignments=assigned)

    def _judged(self, instances: Sequence[str], relation: int, of: Of) -> Discovery:
        from relscout.discovery.corrections import judge

        relations, assignments, now = judge(
            self.relations, self.assignments, self._corrections, instances, relation, of
        )
        changed = self.with_run({"corrections": now.as_json()})
        return dataclasses.replace(changed, relations=relations, assignments=assignments)

    def merge_entities(self, ids: Sequence[str]) -> Discovery:
        """Return the discovery with several entities merged under the id of the most frequent.

        Raises:
            InputError: There are fewer than two different ids, or an id is unknown.
        """
        return self._with_entities({"merge_entities": list(ids)})

    def split_entity(self, id: str, names: Sequence[str]) -> Discovery:
        """Return the discovery with some aliases of an entity as a new entity.

        Args:
            id: The entity.
            names: Some of its aliases.

        Raises:
            InputError: There is no such entity or alias, or none or all of the aliases are named.
        """
        return self._with_entities({"split_entity": id, "names": list(names)})

    def _with_entities(self, decision: Mapping[str, Any]) -> Discovery:
        changed = self.with_run({"entity_decisions": [*self.run.get("entity_decisions", ()), dict(decision)]})
        changed.entities()  # raises an error if the decision is invalid
        return changed

    def apply(self, decisions: Decisions) -> Discovery:
        """Return the discovery after decisions about relations and entities.

        Ids stay the same, and ``run["decisions"]`` records the decisions.

        Raises:
            SettingError: The decisions are about another run.
            InputError: A decision is invalid.
        """
        here = fingerprint(self.relations)
        if decisions.run and decisions.run != here:
            raise SettingError(
                f"these decisions are about the run {decisions.run}, and this is the run {here}: its relations are "
                "others, or decisions were applied to it already; export them from the report of this run"
            )
        changed = self
        for number, step in enumerate(decisions.steps, 1):
            try:
                changed = changed.decided(step)
            except InputError as error:
                shown = json.dumps(dict(step), ensure_ascii=False)
                raise InputError(f"decision {number} ({shown}): {error}") from error
        if not decisions.steps:
            return self
        done = {"run": here, "decisions": [dict(step) for step in decisions.steps]}
        return changed.with_run({"decisions": [*self.run.get("decisions", ()), done]})

    def decided(self, step: Mapping[str, Any]) -> Discovery:
        """Return the discovery after one decision in the form of :class:`Decisions`; :meth:`apply` records it.

        Raises:
            InputError: The decision is invalid.
        """
        from relscout.discovery.decisions import is_about_entities

        if is_about_entities(step):
            return self._with_entities(step)
        if "rename" in step:
            changed = self.rename(step["rename"], step["to"])
        elif "merge" in step:
            changed = self.merge(step["merge"])
        elif "confirm" in step:
            of = step.get("of", "sentence")
            changed = self.confirm(step["confirm"], step["relation"], step.get("name"), of=of)
        elif "reject" in step:
            changed = self.reject(step["reject"], step["relation"], of=step.get("of", "sentence"))
        elif "split" in step:
            changed = self.split(step["split"], step["parts"])
        elif "transfer" in step:
            changed = self.transfer(step["transfer"])
        elif "recalibrate" in step:
            changed = self.recalibrate()
        else:
            changed = self.drop(step["drop"])
        if "merged_entities" in vars(self):  # which depend on the corpus only
            vars(changed)["merged_entities"] = self.merged_entities
        return changed

    def with_run(self, what: Mapping[str, Any]) -> Discovery:
        """Return the discovery with JSON values added to, or replaced in, its ``run``."""
        return dataclasses.replace(self, run={**self.run, **what})

    def save(self, folder: str | Path, *, shard_above: int | None = None) -> None:
        """Write the discovery to a folder: assignments, relations, triples, facts, entities, run record and model.

        Args:
            folder: The folder.
            shard_above: Number of instances above which instances, assignments, triples and facts are sharded Parquet
                (:mod:`relscout.io.shards`) in place of JSON Lines; 200,000 if left out, or 0 if the discovery was
                loaded from shards.

        Raises:
            OutputError: The folder holds something else or cannot be written.
            SettingError: ``shard_above`` is below 0.
        """
        storage.save(
            Path(folder),
            storage.Parts(self.relations, self.assignments, self.model, self.run, self.merged),
            self.triples(),
            self.found_facts,
            shard_above=shard_above,
        )

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: Encoder | None = None,
        method: type[Estimator] | None = None,
    ) -> Discovery:
        """Read a discovery from the folder that :meth:`save` wrote.

        Args:
            folder: The folder, or ``hf://owner/name`` for a repository of the Hugging Face hub; see :meth:`from_hub`.
            encoder: Its encoder; required if you wrote the encoder.
            method: The class of its method; required if no installed package registers the method.

        Raises:
            ArtifactError: The folder does not hold a complete discovery, or the encoder is missing or another one.
            DownloadError: It cannot be downloaded from the hub.
        """
        if str(folder).startswith("hf:/"):
            from relscout.discovery.hub import address

            if (place := address(folder)) is not None:
                return cls.from_hub(place.repo, revision=place.revision, encoder=encoder, method=method)
        parts = storage.load(Path(folder), encoder=encoder, kind=method)
        return cls(parts.relations, parts.assignments, parts.model, parts.run, parts.merged)

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool | None = None,
        license: str | None = None,
        revision: str | None = None,
        message: str | None = None,
        token: str | None = None,
    ) -> str:
        """Send the discovery to a repository of the Hugging Face hub, with a model card, and return its address.

        The repository is created if it does not exist; an earlier run in it is replaced by one commit. Everyone who
        can read the repository can read the sentences of the corpus.

        Args:
            repo: ``owner/name``.
            private: Whether a new repository is private (default: that of the owner's account, usually public). An
                existing public one is refused if it is true.
            license: Identifier of a licence for the card, such as ``cc-by-4.0``.
            revision: Branch, which is created if it does not exist (default: the main branch).
            message: Message of the commit.
            token: Token of the hub (default: the one that ``hf auth login`` stored, or that of ``HF_TOKEN``).

        Raises:
            SettingError: The name of the repository is wrong, the repository is public although ``private`` is true,
                or the discovery has paths of this machine: an encoder in a local folder, for example.
            OutputError: The hub refused it or cannot be reached. The repository then has no part of it.
        """
        from relscout.discovery.hub import push

        return push(
            self,
            repo,
            private=private,
            license=license,
            revision=revision,
            message=message,
            token=token,
        )

    @classmethod
    def from_hub(
        cls,
        repo: str,
        *,
        revision: str | None = None,
        token: str | None = None,
        encoder: Encoder | None = None,
        method: type[Estimator] | None = None,
    ) -> Discovery:
        """Read a discovery from a repository of the Hugging Face hub, which :meth:`push_to_hub` wrote.

        The files are kept in the cache of the hub, and compared with their checksums as by :meth:`load`.

        Args:
            repo: ``owner/name``.
            revision: Branch, tag or hash of a commit (default: the main branch).
            token: Token of the hub (default: the one that ``hf auth login`` stored, or that of ``HF_TOKEN``).
            encoder: As for :meth:`load`.
            method: As for :meth:`load`.

        Raises:
            DownloadError: There is no such repository or revision, it cannot be read, or the hub cannot be reached.
            ArtifactError: The repository does not hold a complete discovery.
        """
        from relscout.discovery.hub import fetch

        return cls.load(fetch(repo, revision=revision, token=token), encoder=encoder, method=method)

    def _run_moved(self, to: Mapping[int, int]) -> Mapping[str, Any]:
        """Return ``run`` with the relations of its refinement and its corrections moved to others."""
        moved, corrections = dict(self.run), self._corrections
        if "refinement" in self.run and not corrections.changes:
            from relscout.discovery.refinement import Refinement

            moved["refinement"] = Refinement.from_json(self.run["refinement"]).moved(to).as_json()
        if "corrections" in self.run:
            moved["corrections"] = corrections.moved(to).as_json()
        return moved

    def _moved(self, to: Mapping[int, int]) -> dict[int, int]:
        """Return ``merged`` with ids moved to others; after a split, its corrections move them."""
        if self._corrections.changes:
            return dict(self.merged)
        now = {label: self.merged.get(label, label) for label in range(self.model.n_relations_)}
        return {label: to.get(id, id) for label, id in now.items() if to.get(id, id) != label}

    @cached_property
    def found_facts(self) -> Facts:
        """The facts with all entities, and the number of facts of each; on disk if the instances are."""
        from relscout.io.shards import ShardedRows
        from relscout.text.entities import MergedEntities

        instances = self.assignments.instances
        if isinstance(instances, ShardedRows) and not self.run.get("entity_decisions"):
            from relscout.discovery.grouping import facts_on_disk

            return facts_on_disk(self._rows_of(self.assignments), len(instances))
        merged = self.merged_entities
        rows = np.flatnonzero(self.assignments.relation_ids >= 0).tolist()
        ends = MergedEntities(
            merged.entities,
            tuple(merged.heads[row] for row in rows),
            tuple(merged.tails[row] for row in rows),
        )
        return find_facts(self.triples(), ends)

    @cached_property
    def _corrections(self) -> Corrections:
        from relscout.discovery.corrections import Corrections

        return Corrections.from_json(self.run.get("corrections"))

    @cached_property
    def merged_entities(self) -> MergedEntities:
        """The entities of the corpus, after all decisions, with head and tail of each instance."""
        from relscout.text.entities import merge_mentions

        return merge_mentions(self.assignments.instances, decisions=self.run.get("entity_decisions", ()))

    @cached_property
    def _bundled_detector(self) -> RelatednessDetector:
        """The relatedness model for new text, which is loaded once however often :meth:`predict` is called."""
        from relscout.methods.unrelated import RelatednessDetector

        return RelatednessDetector.bundled()

    @cached_property
    def _by_id(self) -> dict[str, RelationInstance]:
        """The examples of the relations, by id."""
        shown = {id for relation in self.relations for id in relation.examples}
        return {instance.id: instance for instance in self.assignments.instances if instance.id in shown}


def _marked(instance: RelationInstance) -> str:
    """Return a sentence as the report shows it, with ``[H: …]`` around the head and ``[T: …]`` around the tail."""
    marks = {"": "{}", "h": "[H: {}]", "t": "[T: {}]", "ht": "[H: [T: {}]]"}
    return "".join(marks[piece.role].format(piece.text) for piece in pieces(instance))


def load(
    folder: str | Path, *, encoder: Encoder | None = None, method: type[Estimator] | None = None
) -> Discovery:
    """Read a discovery from the folder that :meth:`Discovery.save` wrote; see :meth:`Discovery.load`."""
    return Discovery.load(folder, encoder=encoder, method=method)
