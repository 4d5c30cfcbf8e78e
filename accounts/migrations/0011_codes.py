"""Add a code of six digits to the link of a mail."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0010_refresh_grace'),
    ]

    operations = [
        migrations.AddField(
            'link', 'code_digest', models.CharField(blank=True, db_default='', max_length=64)
        ),
        migrations.AddField(
            'link', 'code_attempts', models.PositiveSmallIntegerField(db_default=0, default=0)
        ),
    ]
