"""Encoders turn relation instances into vectors."""

from __future__ import annotations

from relscout.encoders.cache import VectorCache
from relscout.encoders.own import Encoder
from relscout.encoders.precomputed import loss_warnings
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder

__all__ = ["Encoder", "EncoderSettings", "OnLoss", "TransformerEncoder", "VectorCache", "loss_warnings"]
