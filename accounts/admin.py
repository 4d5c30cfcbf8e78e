"""Registers the pages of the admin, which are in ``staff``."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django_tasks_db.models import DBTaskResult

from accounts.events.models import Event
from accounts.outbox.models import Mail
from accounts.staff.events import EventAdmin
from accounts.staff.groups import GroupAdmin
from accounts.staff.outbox import MailAdmin
from accounts.staff.users import UserAdmin
from accounts.users.models import User

admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)
admin.site.register(Event, EventAdmin)
admin.site.unregister(DBTaskResult)
admin.site.register(Mail, MailAdmin)
admin.site.register(User, UserAdmin)
