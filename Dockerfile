# Needs BuildKit, the default builder since Docker 23.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY engine engine
COPY plugins plugins
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    CGO_ENABLED=0 GOCACHE=/cache go build -trimpath -ldflags='-s -w' -o /out/app/engine ./engine
# The final image has no shell to make folders with. A new volume takes its mode from the folder
# it covers, so these two are open to whatever user the container is started as.
RUN mkdir -m 0777 /out/app/.engine /out/app/output

# Nothing but the binary, which is static, and CA certificates for brokers with TLS.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/app /app
USER 65532:65532
COPY configs /app/configs
WORKDIR /app
VOLUME ["/app/.engine", "/app/output"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
    CMD ["/app/engine", "lint", "configs/tickets.yaml"]
ENTRYPOINT ["/app/engine"]
CMD ["run", "configs/tickets.yaml"]
