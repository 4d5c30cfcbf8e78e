"""Set the time of authentication of older sessions to the time of their creation."""

from django.db import migrations
from django.db.models import F

BATCH = 10_000


def take_over_created_at(apps, schema_editor):
    sessions = apps.get_model('accounts', 'Session').objects.using(schema_editor.connection.alias)
    # Sessions that the previous version starts meanwhile have nearly the right time already.
    remaining = sessions.filter(authenticated_at__gt=F('created_at')).order_by('pk')
    while ids := list(remaining.values_list('pk', flat=True)[:BATCH]):
        sessions.filter(pk__in=ids).update(authenticated_at=F('created_at'))
        remaining = remaining.filter(pk__gt=ids[-1])


class Migration(migrations.Migration):

    # In batches: one transaction with millions of rows would block the refreshes of the sessions.
    atomic = False

    dependencies = [
        ('accounts', '0014_authenticated_at'),
    ]

    operations = [
        migrations.RunPython(take_over_created_at, migrations.RunPython.noop),
    ]
