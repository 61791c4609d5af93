# Two images. `base`: what Spaces without a Dockerfile of their own start from. `platform`: base and the platform.
# An environment that the platform prepares names its interpreter by path: standing on base, it finds the very same one
# inside the Space.
#
#   deploy/images.sh      builds both; behind a private CA, too
#
# BASE_IMAGE: Debian 12 (bookworm), which has Python 3.11. CLIENT_IMAGE: where docker and buildx come from;
# debian-client takes Debian's instead, which no registry is needed for.
ARG BASE_IMAGE=debian:bookworm-slim
ARG CLIENT_IMAGE=docker:28-cli

FROM ${BASE_IMAGE} AS base
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
LABEL org.opencontainers.image.title="Spaces Runtime: base of Spaces"

FROM base AS packages
WORKDIR /build
COPY requirements-runtime.lock requirements-test.lock ./
# The secret `ca` is the host's bundle of certificates. It is there for this command alone, never in a layer.
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi \
    && export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_NO_CACHE=1 VIRTUAL_ENV=/opt/spaces \
    && python3 -m venv /build/tools \
    && /build/tools/bin/pip install -q "$(grep '^uv==' requirements-runtime.lock)" hatchling \
    && /build/tools/bin/uv venv -q /opt/spaces \
    && /build/tools/bin/uv pip install -q --compile-bytecode -r requirements-runtime.lock \
    && /build/tools/bin/uv pip install -q --compile-bytecode -c requirements-test.lock "psycopg[binary]"
COPY pyproject.toml README.md LICENSE ./
COPY spaces_runtime spaces_runtime
COPY builder builder
RUN /build/tools/bin/pip wheel -q --no-index --no-deps --no-build-isolation -w /build . \
    && /build/tools/bin/uv pip install -q --offline --no-cache --compile-bytecode -p /opt/spaces/bin/python --no-deps *.whl

FROM base AS debian-client
COPY deploy/client.sh /
RUN sh /client.sh

FROM ${CLIENT_IMAGE} AS client

FROM base AS platform
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
        e2fsprogs git iproute2 iptables \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
COPY --from=client /usr/local/bin/docker /usr/local/bin/docker
COPY --from=client /usr/local/libexec/docker/cli-plugins /usr/local/libexec/docker/cli-plugins
COPY --from=packages /opt/spaces /opt/spaces
ENV PATH=/opt/spaces/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    SPACES_DATA=/var/lib/spaces
LABEL org.opencontainers.image.title="Spaces Runtime" org.opencontainers.image.licenses="Apache-2.0"
# Starts as root to make the data folder; then every process but the node becomes a numeric user of its own.
VOLUME /var/lib/spaces
EXPOSE 7800
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "spaces_runtime.cli.health"]
CMD ["spaces", "up"]
