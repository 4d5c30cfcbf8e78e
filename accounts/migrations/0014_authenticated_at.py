"""When a session's user last proved who they are; the version before leaves it to the database."""

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
