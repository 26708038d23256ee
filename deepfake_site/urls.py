"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

# allauth.urls has these too, and old names of them that nobody here ever used
accounts = [
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
    path("3rdparty/", include("allauth.socialaccount.urls")),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
]
urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("ml_app.api.urls")),
    path("", include("ml_app.web.urls")),
    path("accounts/", include(accounts)),
]

handler500 = "ml_app.web.views.errors.server_error"
