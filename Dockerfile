# syntax=docker/dockerfile:1
# The bot in a container. The end of a container ends the Terraform that runs in it, so let it finish its applies
# before you replace it: docs/OPERATIONS.md, "In a container".
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/innkeeper
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY commands ./commands
COPY state ./state
RUN /opt/innkeeper/bin/pip install '.[postgresql]'

FROM python:3.11-slim-bookworm
# git fetches a catalogue that LABS_PATH names as git+https://… or git+ssh://…
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin innkeeper \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/innkeeper
COPY --from=build /opt/innkeeper /opt/innkeeper
COPY labs /opt/labs
ENV PATH=/opt/innkeeper/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    LABS_PATH=/opt/labs \
    DATA_PATH=/var/lib/innkeeper/data \
    STATE_URL=sqlite:////var/lib/innkeeper/innkeeper.db
USER 10001:10001
WORKDIR /var/lib/innkeeper
VOLUME /var/lib/innkeeper
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["innkeeper"]
CMD ["serve"]
