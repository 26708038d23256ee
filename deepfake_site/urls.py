"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("ml_app.api.urls")),
    path("", include("ml_app.web.urls")),
]

handler500 = "ml_app.web.views.errors.server_error"
