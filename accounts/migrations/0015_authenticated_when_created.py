"""Sessions of before were authenticated when they were created."""

from django.db import migrations
from django.db.models import F

BATCH = 10_000


def take_over_created_at(apps, schema_editor):
    sessions = apps.get_model('accounts', 'Session').objects.using(schema_editor.connection.alias)
    # Those that the version before starts meanwhile have the right time already, or nearly so.
    remaining = sessions.filter(authenticated_at__gt=F('created_at')).order_by('pk')
    while ids := list(remaining.values_list('pk', flat=True)[:BATCH]):
        sessions.filter(pk__in=ids).update(authenticated_at=F('created_at'))
        remaining = remaining.filter(pk__gt=ids[-1])


class Migration(migrations.Migration):

    # In batches: millions of rows in one transaction would keep their refreshes waiting.
    atomic = False

    dependencies = [
        ('accounts', '0014_authenticated_at'),
    ]

    operations = [
        migrations.RunPython(take_over_created_at, migrations.RunPython.noop),
    ]
