# An image that answers requests over HTTP: docs/how-to/container.md.
# The models are part of the packages, so that a container needs no network.

FROM python:3.12-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# The version, for a build without the history of git.
ARG VERSION=0.1.0.dev0
WORKDIR /build
RUN ["python", "-m", "venv", "/opt/relscout"]
ENV PATH=/opt/relscout/bin:$PATH
COPY constraints.txt ./
RUN pip install --no-cache-dir --extra-index-url $TORCH_INDEX -c constraints.txt torch
COPY pyproject.toml README.md CHANGELOG.md CITATION.cff LICENSE ./
COPY src src
RUN SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION \
    pip install --no-cache-dir --extra-index-url $TORCH_INDEX -c constraints.txt '.[html,pdf,query,serve]'
RUN ["relscout", "demo", "--out", "/opt/demo-run"]

FROM python:3.12-slim
COPY --from=build /opt/relscout /opt/relscout
COPY --from=build /opt/demo-run /opt/demo-run
# Nothing is written outside /tmp and the directories that you mount.
ENV PATH=/opt/relscout/bin:$PATH \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    HF_HOME=/tmp/huggingface \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torchinductor \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN ["useradd", "--uid", "10001", "--no-create-home", "--shell", "/usr/sbin/nologin", "relscout"]
USER 10001:10001
WORKDIR /runs
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["relscout"]
CMD ["serve", "/opt/demo-run", "--host", "0.0.0.0", "--port", "8000"]
