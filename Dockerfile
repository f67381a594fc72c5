# syntax=docker/dockerfile:1

# One image for all roles; docker-compose.yml says which container is which.

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml setup.cfg README.md ./
COPY bulletin bulletin
COPY twisted twisted
# Everything comes from wheels, so nothing has to be compiled here; txZMQ alone has only a source archive, of plain Python.
RUN python -m venv /opt/bulletin \
    && pip wheel --no-cache-dir --wheel-dir /wheels . \
    && /opt/bulletin/bin/pip install --no-cache-dir --no-index --find-links /wheels bulletinboard \
    # Twisted keeps a list of its commands, which nobody can write once the image runs.
    && /opt/bulletin/bin/twistd --help > /dev/null \
    && /opt/bulletin/bin/pip uninstall --yes --quiet pip

FROM python:3.11-slim
LABEL org.opencontainers.image.title="BulletInBoard" \
      org.opencontainers.image.description="A distributed bulletin board: replicated by Raft, spoken to through any ZeroMQ socket" \
      org.opencontainers.image.documentation="docs/running.md"
COPY --from=build /opt/bulletin /opt/bulletin
# The user owns nothing but the data: a volume that is mounted here for the first time takes owner and mode from it.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/bulletin
ENV PATH=/opt/bulletin/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/var/lib/bulletin
WORKDIR /tmp
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["twistd", "-n", "--pidfile="]
CMD ["--help"]
