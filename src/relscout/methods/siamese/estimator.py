"""Siamese URE as an estimator."""

from __future__ import annotations

from typing import ClassVar

from relscout.encoders import EncoderSettings
from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.merging import checked_n_clusters
from relscout.methods.self_taught import SelfTaught, SelfTeaching
from relscout.methods.siamese.loop import SiameseTraining
from relscout.methods.siamese.network import Network
from relscout.methods.siamese.settings import SiameseSettings
from relscout.progress import Progress
from relscout.training.work import Work


class Siamese(SelfTaught):
    """Learn representations from two views of each instance and from its neighbours, then cluster them by k-means.

    Args:
        encoder: Where the representations start, a :class:`TransformerEncoder`; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Draws everything random.
        **settings: Fields of :class:`SiameseSettings`.
    """

    NAME: ClassVar[str] = "siamese"
    CITATION: ClassVar[str] = (
        "Zhang, Chen: Siamese Representation Learning for Unsupervised Relation Extraction. ECAI 2023"
    )
    SETTINGS: ClassVar[type[SiameseSettings]] = SiameseSettings
    # one layer trains, read at the mentions only, and all else lies below it, as for RoCORE. Types stand where the
    # paper marks them: markers that are words of the vocabulary disturb an encoder that has never seen them
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+between@4+types*0.6"
    )

    def _teaching(
        self, encoder: TunableEncoder, prepared: Prepared, n_relations: int, progress: Progress, work: Work
    ) -> SelfTeaching:
        options = self._settings
        n_clusters = checked_n_clusters(options.n_clusters, n_relations, len(prepared.row_of))
        network = Network(encoder, n_clusters, settings=options, seed=self.seed)
        return SiameseTraining(options, network, prepared, self.seed, progress, work)
