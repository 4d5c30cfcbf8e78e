"""Index of the admin: which rooms have a part in a user's page."""

from django.contrib import admin

from accounts.passwords.admin import SetPasswordForm
from accounts.sessions.admin import SessionInline
from accounts.users.admin import UserAdmin
from accounts.users.models import User

admin.site.site_header = admin.site.site_title = "Lazy Rabbit accounts"
admin.site.register(User, UserAdmin, inlines=[SessionInline], change_password_form=SetPasswordForm)
