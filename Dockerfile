# metisd in a container. PID 1 is the node, so `docker stop` is a clean stop; data is in
# /var/lib/metisd. scripts/dockerfile.sh runs these steps without a container engine.
FROM debian:12-slim AS build
COPY scripts/lib.sh scripts/setup.sh /src/scripts/
RUN /src/scripts/setup.sh --package
COPY . /src
RUN cd /src && scripts/build.sh release && scripts/package.sh

FROM debian:12-slim
COPY --from=build /src/build/metisd.deb /tmp/metisd.deb
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/metisd.deb && rm -rf /tmp/metisd.deb /var/lib/apt/lists/*
EXPOSE 8545
VOLUME /var/lib/metisd
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/metisd"]
CMD ["run", "--config", "/etc/metisd/metisd.conf", "--network", "andromeda", "--datadir", "/var/lib/metisd", "--rpc.host", "0.0.0.0"]
