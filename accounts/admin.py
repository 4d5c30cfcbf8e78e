"""Index of the admin: which rooms have a part in a user's page."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django_tasks_db.models import DBTaskResult

from accounts.email_addresses.admin import UserAdmin
from accounts.events.admin import EventAdmin
from accounts.events.models import Event
from accounts.outbox.admin import MailAdmin
from accounts.outbox.models import Mail
from accounts.passwords.admin import SetPasswordForm
from accounts.sessions.admin import (
    SessionInline,
    deactivate_and_sign_out,
    sign_out_everywhere,
)
from accounts.users.admin import GroupAdmin, approve
from accounts.users.models import User

admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)
admin.site.register(Event, EventAdmin)
admin.site.unregister(DBTaskResult)
admin.site.register(Mail, MailAdmin)
admin.site.register(
    User,
    UserAdmin,
    inlines=[SessionInline],
    actions=[approve, sign_out_everywhere, deactivate_and_sign_out],
    change_password_form=SetPasswordForm,
)
