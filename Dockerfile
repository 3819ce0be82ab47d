# Workers, gateways and commands of a deployment with Kafka and a ClickHouse server; the embedded engine is not in it.

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements/build.txt requirements/sbom.txt requirements/server.txt requirements/
RUN python -m venv /opt/build && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt
RUN python -m venv --without-pip /opt/journey && /opt/build/bin/python -m pip --python /opt/journey/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY journey journey
COPY schemas schemas
COPY streams streams
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /opt/wheels . && /opt/build/bin/python -m pip --python /opt/journey/bin/python install --no-cache-dir --no-index --no-deps /opt/wheels/*.whl
# What is in it, with licences, for whoever scans images.
RUN /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/sbom.txt && mkdir -p /opt/journey/share/doc/customer-journey-engine && /opt/build/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --no-validate -o /opt/journey/share/doc/customer-journey-engine/sbom.cdx.json /opt/journey/bin/python

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="customer-journey-engine" \
      org.opencontainers.image.description="Customer journeys on the A-Path, exact and explainable, from interaction events into ClickHouse" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/journey /opt/journey
# Only /tmp is written to, so the root may be read-only.
ENV PATH=/opt/journey/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    PYTHONUNBUFFERED=1 \
    TZ=UTC
USER 10001:10001
WORKDIR /tmp
EXPOSE 6066
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('JOURNEY_WEB_PORT', '6066') + '/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["journey"]
CMD ["--help"]
