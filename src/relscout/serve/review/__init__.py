"""The review application: people look at a run, judge and correct it, and get a better run.

:mod:`~relscout.serve.review.log` keeps every decision, :mod:`~relscout.serve.review.state` applies them and refuses
what conflicts, :mod:`~relscout.serve.review.views` is what the page shows, and :mod:`~relscout.serve.review.api` its
interface. The files of the page are in the folder ``templates``.
"""
