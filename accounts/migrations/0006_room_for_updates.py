"""Leave space in each page for frequent updates, so that they need not change an index."""

from django.db import migrations

PERCENT = 90


def set_fillfactor(schema_editor, value):
    # It applies to new pages, and its lock allows reads and writes.
    if schema_editor.connection.vendor == 'postgresql':
        for table in ('sessions', 'counters'):
            schema_editor.execute(f'ALTER TABLE {table} SET (fillfactor = {value})')


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_lists_of_any_size'),
    ]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: set_fillfactor(schema_editor, PERCENT),
            lambda apps, schema_editor: set_fillfactor(schema_editor, 100),
        ),
    ]
