# syntax=docker/dockerfile:1
# sa2va in a container: docs/guides/containers.md
#   docker build --target cpu  -t sa2va:cpu .
#   docker build --target cuda -t sa2va:cuda .

FROM python:3.12-slim-bookworm AS wheel
WORKDIR /source
RUN pip install --no-cache-dir build==1.6.1
COPY . .
RUN python -m build --wheel --outdir /wheel

# What both have: a user without rights, one folder for files and one for downloaded weights.
FROM python:3.12-slim-bookworm AS base
ENV HF_HOME=/weights \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 sa2va \
    && mkdir /weights /data \
    && chown sa2va:sa2va /weights /data
WORKDIR /data
VOLUME /weights
ENTRYPOINT ["sa2va"]
CMD ["--help"]

# torch without CUDA, 200 MB instead of several GB.
FROM base AS cpu
COPY --from=wheel /wheel /wheel
# The wheel says which versions it takes.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "torch>=2.11,<2.14" \
    && wheel="$(find /wheel -name '*.whl')" \
    && pip install --no-cache-dir "${wheel}[review,watch]"
USER 1000

# torch from PyPI brings CUDA's libraries; the host needs its driver and the NVIDIA Container Toolkit, no more.
FROM base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=wheel /wheel /wheel
# hadolint ignore=DL3013
RUN wheel="$(find /wheel -name '*.whl')" \
    && pip install --no-cache-dir "${wheel}[review,watch,quant]"
USER 1000
