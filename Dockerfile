# The program in a container of Debian 12:
#   docker build --tag dgl .
#   docker run --rm --volume "$PWD:/work" dgl profile --model model.safetensors
FROM debian:12-slim AS build
COPY . /source
WORKDIR /source
RUN apt-get update && ./packages.sh build package
RUN cmake --preset release -DDGL_TESTS=OFF && cmake --build --preset release && \
    (cd build && cpack -G DEB)

FROM debian:12-slim
COPY --from=build /source/build/dgl_*.deb /tmp/
RUN apt-get update && apt-get install --yes --no-install-recommends /tmp/dgl_*.deb && \
    rm -rf /tmp/dgl_*.deb /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["dgl"]
