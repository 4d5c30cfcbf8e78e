"""Store when a session's user last authenticated; the previous version uses the default."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0013_outbox'),
    ]

    operations = [
        migrations.AddField(
            'session', 'authenticated_at', models.DateTimeField(db_default=Now())
        ),
    ]
