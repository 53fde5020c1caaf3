"""HiURE as an estimator."""

from __future__ import annotations

from typing import ClassVar

from relscout.encoders import EncoderSettings
from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.errors import SettingError
from relscout.methods.hiure.loop import HiURETraining
from relscout.methods.hiure.settings import HiURESettings
from relscout.methods.self_taught import SelfTaught, SelfTeaching
from relscout.progress import Progress
from relscout.training.work import Work


class HiURE(SelfTaught):
    """Contrast each instance with others and with prototypes at several granularities, then cluster by k-means.

    Args:
        encoder: Where the representations start, a :class:`TransformerEncoder`; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Draws everything random.
        **settings: Fields of :class:`HiURESettings`.
    """

    NAME: ClassVar[str] = "hiure"
    CITATION: ClassVar[str] = (
        "Liu, Hu, Zhang, Li, Wen, Yu: HiURE: Hierarchical Exemplar Contrastive Learning for Unsupervised Relation "
        "Extraction. NAACL 2022"
    )
    SETTINGS: ClassVar[type[HiURESettings]] = HiURESettings
    # as for Siamese URE; words between the mentions are sampled of the states that the layer which trains reads
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+between@4+types*0.6"
    )

    def _sampled(self) -> int:
        options: HiURESettings = self._settings
        return options.sampled_words

    def _teaching(
        self, encoder: TunableEncoder, prepared: Prepared, n_relations: int, progress: Progress, work: Work
    ) -> SelfTeaching:
        del n_relations  # the prototypes have granularities of their own
        options = self._settings
        if not any(part.name == "between" for part in encoder.base.parts) and not (
            options.dropout or options.vector_dropout
        ):
            raise SettingError(
                f"dropout and vector_dropout are 0, and the pooling {encoder.base.settings.pooling!r} has no 'between' "
                "of which words could be sampled, so that both views of an instance are the same; set one above 0"
            )
        return HiURETraining(self._settings, encoder, prepared, self.seed, progress, work)
