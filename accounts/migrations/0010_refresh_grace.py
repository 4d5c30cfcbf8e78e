"""Store when a session's current tokens were first used, and the network of the refresh."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_mail_attempts'),
    ]

    operations = [
        migrations.AddField('session', 'first_used_at', models.DateTimeField(null=True)),
        migrations.AddField(
            'session',
            'refresh_network',
            models.CharField(blank=True, db_default='', max_length=43),
        ),
    ]
