# Two images. `site`: web server, worker, sweeper and one-shot commands. `proxy`: nginx with the static files.
# Every requirement comes as a wheel, so that no stage needs a compiler.
ARG PYTHON_TAG=3.11-slim-bookworm
ARG NGINX_TAG=1.26

# The network's library is nearly all of the image and seldom changes: it gets a layer that depends on its own pins
# alone, so that an update of anything else neither installs nor ships it again.
FROM python:${PYTHON_TAG} AS pins
COPY requirements.txt /
RUN grep -E '^(torch|torchvision|numpy|pillow|setuptools)\b' /requirements.txt > /large.txt

FROM python:${PYTHON_TAG} AS packages
ARG PIP="pip --disable-pip-version-check --python /opt/venv/bin/python install --use-pep517"
WORKDIR /app
RUN python -m venv --without-pip /opt/venv
COPY --from=pins /large.txt ./
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked $PIP -r large.txt
COPY requirements.txt ./
COPY vendor/dlib vendor/dlib
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked $PIP -r requirements.txt
# For media in a bucket; and what else is wanted, such as sentry-sdk.
COPY requirements-s3.txt ./
ARG EXTRA_PACKAGES=
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked $PIP -r requirements-s3.txt $EXTRA_PACKAGES
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp

FROM packages AS code
COPY manage.py ./
COPY bin/prepare_volumes.py bin/
COPY deepfake_site deepfake_site
COPY ml_app ml_app
# The root file system is read-only, so this is the last chance to keep compiled modules.
RUN python -m compileall -q -j 0 deepfake_site ml_app manage.py

FROM code AS static
COPY static static
RUN DATA_DIR=/tmp/data python manage.py collectstatic --no-input --verbosity 0 && chmod -R a+rX staticfiles

FROM nginx:${NGINX_TAG} AS proxy
COPY nginx/nginx.conf /etc/nginx/nginx.conf
COPY nginx/snippets /etc/nginx/snippets
COPY nginx/errors /srv/errors
COPY --from=static /app/staticfiles /srv/static
COPY nginx/templates /etc/nginx/templates
COPY --chmod=755 nginx/start /usr/local/bin/start-proxy
USER nginx
EXPOSE 8080 8443
ENTRYPOINT []
CMD ["start-proxy"]

FROM code AS site
# What PDF reports need: Pango with its companions, and fonts for nearly all scripts.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 \
    libharfbuzz-subset0 fonts-noto-core fonts-noto-mono fonts-droid-fallback && rm -rf /var/lib/apt/lists/*
# A user of its own, and folders that volumes take their owner from.
RUN groupadd --gid 10001 site && useradd --uid 10001 --gid site --no-create-home --home-dir /tmp site \
    && install -d -o site -g site -m 755 /data/media /data/models \
    && install -d -o site -g site -m 755 /secrets/site /secrets/database /secrets/broker \
    && printf '#!/bin/sh\nexec /opt/venv/bin/python /app/manage.py "$@"\n' > /usr/local/bin/manage \
    && chmod 755 /usr/local/bin/manage
COPY models models
COPY --from=static /app/static static
COPY --from=static /app/staticfiles staticfiles
ENV DATA_DIR=/tmp/site MEDIA_ROOT=/data/media MODELS_DIR=/data/models HOST=0.0.0.0 PORT=8000
USER site
EXPOSE 8000
CMD ["gunicorn", "-c", "deepfake_site/gunicorn.py", "deepfake_site.wsgi"]
