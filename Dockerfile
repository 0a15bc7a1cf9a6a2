# The carrier as an image: `docker run -p 8443:8443 -p 8080:8080 smdp`. Environment variables configure all of it.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/image.txt requirements/
# One environment makes the wheel, the other is what ships: nothing but hashed dependencies and the wheel, not even pip.
RUN python -m venv /build \
 && /build/bin/pip install --no-cache-dir --quiet --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/smdp \
 && /build/bin/pip --python /opt/smdp/bin/python install --no-cache-dir --quiet --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY certs certs
COPY smdp smdp
RUN /build/bin/pip wheel --no-cache-dir --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && /build/bin/pip --python /opt/smdp/bin/python install --no-cache-dir --quiet --no-deps dist/*.whl \
 && install -d -o 65532 -g 65532 /state

FROM python:3.13-slim
LABEL org.opencontainers.image.title="smdp" \
      org.opencontainers.image.description="A mock mobile carrier: an SM-DP+ that speaks SGP.22, and simulated Apple devices. Not for production." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /opt/smdp /opt/smdp
COPY --from=build --chown=65532:65532 /state /state
ENV PATH=/opt/smdp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SMDP_HOST=0.0.0.0,:: \
    SMDP_STATE=/state
# The base image has no bytecode of the standard library, and a read-only root keeps none: write what a start uses, once.
RUN python -c 'import smdp.cli, smdp.server'
USER 65532:65532
VOLUME /state
EXPOSE 8443 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["smdp", "ready"]
ENTRYPOINT ["smdp"]
CMD ["serve"]
