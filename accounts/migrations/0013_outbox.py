"""Queue the mails that wait under the new name of their room."""

from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Replace


def rename(old, new):
    def forwards(apps, schema_editor):
        mails = apps.get_model('django_tasks_database', 'DBTaskResult').objects
        mails = mails.using(schema_editor.connection.alias)
        mails.exclude(status='SUCCESSFUL').filter(task_path__startswith=old).update(
            task_path=Replace(F('task_path'), Value(old), Value(new))
        )

    return forwards


NAMES = ('accounts.mails.', 'accounts.outbox.')


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_names_of_devices'),
    ]

    operations = [
        migrations.RunPython(rename(*NAMES), rename(*reversed(NAMES))),
    ]
