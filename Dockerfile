# Two programs in one image: `pond`, and the example `ingest` that docker-compose.yml runs.
#
#     docker build -t millpond .
#     docker run --rm millpond --help

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis-dev libsqlite3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The manifest first, so that a change of the sources does not fetch the dependencies again.
COPY Package.swift ./
RUN swift package resolve
COPY . .
# Workers are started often, and a program with Swift's own libraries inside starts faster.
RUN swift build -c release --static-swift-stdlib --product pond \
    && swift build -c release --static-swift-stdlib --product ingest \
    && install -D -t /out "$(swift build -c release --static-swift-stdlib --show-bin-path)/pond" \
    && install -D -t /out "$(swift build -c release --static-swift-stdlib --show-bin-path)/ingest"

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libhiredis0.14 libsqlite3-0 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/millpond millpond
COPY --from=build /out/ /usr/local/bin/
COPY packaging/docker/healthy /usr/local/bin/
COPY LICENSE /usr/share/doc/millpond/LICENSE
USER millpond
WORKDIR /var/lib/millpond
# Quiet, drain, hand back: what SIGTERM means to a worker and to a supervisor.
STOPSIGNAL SIGTERM
# A process that a handler leaves behind is a child of process 1, which has to reap it.
ENTRYPOINT ["tini", "--", "pond"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["healthy"]
