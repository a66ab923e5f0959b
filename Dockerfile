# One recipe for every process: docker build --build-arg PACKAGE=pos --tag lunarfront/pos .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The whole workspace at once, so that all images share this layer.
RUN cargo build --release --locked --workspace --bins
# A volume for files takes over whose directory it is.
RUN mkdir /files

FROM gcr.io/distroless/cc-debian12:nonroot
ARG PACKAGE
COPY --from=build /src/target/release/${PACKAGE} /service
COPY --from=build --chown=65532:65532 /files /files
USER 65532:65532
ENTRYPOINT ["/service"]
