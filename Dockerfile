# Needs BuildKit, the default builder since Docker 23.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY engine engine
COPY plugins plugins
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    CGO_ENABLED=0 GOCACHE=/cache go build -trimpath -ldflags='-s -w' -o /out/bin/engine ./engine
# The final image has no shell to make folders with. A new volume takes its owner and mode from the
# folder it covers: these two are the engine's user's, and nobody else's.
RUN mkdir -p /out/app/.engine /out/app/output && chmod 0700 /out/app/.engine

# Nothing but the binary, which is static, and CA certificates for brokers with TLS.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The binary is root's: the user that the engine runs as cannot change it.
COPY --from=build /out/bin/engine /usr/local/bin/engine
COPY --from=build --chown=65532:65532 /out/app /app
USER 65532:65532
COPY configs /app/configs
WORKDIR /app
VOLUME ["/app/.engine", "/app/output"]
# It asks the engine that runs. With another config, state that in a health check of your own.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/engine", "health", "configs/tickets.yaml"]
ENTRYPOINT ["/usr/local/bin/engine"]
CMD ["run", "configs/tickets.yaml"]
