"""Addresses of the application."""

from django.urls import URLPattern, URLResolver

app_name = "ml_app"
urlpatterns: list[URLPattern | URLResolver] = []
