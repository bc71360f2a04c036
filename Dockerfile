# dnsscan in a container:  docker build -t dnsscan . && docker run --rm -i dnsscan -r 192.0.2.53 < names.txt
# Files of yours: -v "$PWD:/data", readable (and for --output writable) for user 10001; passwords of proxies: -e PROXY_PASSWORD.

FROM python:3.13-slim-bookworm AS build
# the compiler that Debian has today will do
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY examples examples
COPY man man
COPY wordlists wordlists
COPY scanner scanner
RUN python -m venv /opt/dnsscan && /opt/dnsscan/bin/pip install --no-cache-dir '.[registries]'

FROM python:3.13-slim-bookworm
COPY --from=build /opt/dnsscan /opt/dnsscan
ENV PATH=/opt/dnsscan/bin:$PATH
RUN useradd --uid 10001 --user-group --no-create-home dnsscan && install --directory --owner=dnsscan --group=dnsscan /data
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["dnsscan"]
CMD ["--help"]
