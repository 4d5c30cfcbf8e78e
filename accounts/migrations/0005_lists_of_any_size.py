"""Build indexes for the admin's lists, the queue and the purge, while the service runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

QUEUE = 'django_tasks_database_dbtaskresult'
# No model of ours can declare these. Indexes for patterns are PostgreSQL's; SQLite has none.
OTHERS = {
    'users_full_name': 'users (upper(full_name) text_pattern_ops)',
    'queue_enqueued_at': f'{QUEUE} (enqueued_at)',
    'queue_finished_at': f'{QUEUE} (finished_at)',
    'queue_not_sent': f"{QUEUE} (enqueued_at) WHERE status IN ('RUNNING', 'FAILED')",
}


def is_postgresql(schema_editor):
    return schema_editor.connection.vendor == 'postgresql'


class AddIndex(AddIndexConcurrently):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if not is_postgresql(schema_editor):
            return migrations.AddIndex.database_forwards(
                self, app_label, schema_editor, from_state, to_state
            )
        # An interrupted attempt may have left an invalid index.
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}')
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        kind = AddIndexConcurrently if is_postgresql(schema_editor) else migrations.AddIndex
        kind.database_backwards(self, app_label, schema_editor, from_state, to_state)


def be_patient(apps, schema_editor):
    # Building an index takes longer than the timeout of a statement. It blocks no one, so it may
    # also wait for locks.
    if is_postgresql(schema_editor):
        schema_editor.execute('SET statement_timeout = 0')
        schema_editor.execute('SET lock_timeout = 0')


def be_impatient(apps, schema_editor):
    if is_postgresql(schema_editor):
        schema_editor.execute('RESET statement_timeout')
        schema_editor.execute('RESET lock_timeout')


def add_others(apps, schema_editor):
    for name, definition in OTHERS.items():
        if is_postgresql(schema_editor):
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {name}')
            schema_editor.execute(f'CREATE INDEX CONCURRENTLY {name} ON {definition}')
        elif 'pattern' not in definition:
            schema_editor.execute(f'CREATE INDEX {name} ON {definition}')


def remove_others(apps, schema_editor):
    concurrently = 'CONCURRENTLY ' if is_postgresql(schema_editor) else ''
    for name in OTHERS:
        schema_editor.execute(f'DROP INDEX {concurrently}IF EXISTS {name}')


class Migration(migrations.Migration):

    atomic = False  # No index is built concurrently inside a transaction.

    dependencies = [
        ('accounts', '0004_links'),
        ('django_tasks_database', '0021_conditional_partial_index_ordering'),
    ]

    operations = [
        migrations.RunPython(be_patient, be_impatient),
        AddIndex(
            model_name='user',
            index=models.Index(fields=['created_at'], name='users_created_at'),
        ),
        AddIndex(
            model_name='user',
            index=models.Index(condition=models.Q(('is_active', False)), fields=['id'], name='users_inactive'),
        ),
        AddIndex(
            model_name='user',
            index=models.Index(condition=models.Q(('is_staff', True)), fields=['id'], name='users_staff'),
        ),
        AddIndex(
            model_name='user',
            index=models.Index(condition=models.Q(('is_superuser', True)), fields=['id'], name='users_superusers'),
        ),
        migrations.RunPython(add_others, remove_others),
        migrations.RunPython(be_impatient, be_patient),
    ]
