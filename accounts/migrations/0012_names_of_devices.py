"""Store the name of the device with its user agent; older rows get the database's default."""

from django.db import migrations, models

UNKNOWN = 'Unknown device'


def device():
    return models.CharField(max_length=64, default=UNKNOWN, db_default=UNKNOWN)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0011_codes'),
    ]

    operations = [
        migrations.AddField('session', 'device', device()),
        migrations.AddField('event', 'device', device()),
    ]
