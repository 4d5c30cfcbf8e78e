"""Which admin site Django runs."""

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    default_site = "accounts.auth.admin.AdminSite"
