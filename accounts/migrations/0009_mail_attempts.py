"""Count attempts to send mails, index the mails that wait, and remove recipients from errors."""

from importlib import import_module

from django.db import migrations, models

indexes = import_module('accounts.migrations.0005_lists_of_any_size')
QUEUE = indexes.QUEUE
WAITING = f"queue_waiting ON {QUEUE} (enqueued_at) WHERE status IN ('READY', 'RUNNING')"


def remove_index(apps, schema_editor):
    schema_editor.execute(f'DROP INDEX {concurrently(schema_editor)} IF EXISTS queue_waiting')


def add_index(apps, schema_editor):
    remove_index(apps, schema_editor)  # An interrupted attempt may have left an invalid one.
    schema_editor.execute(f'CREATE INDEX {concurrently(schema_editor)} {WAITING}')


def concurrently(schema_editor):
    return 'CONCURRENTLY' if indexes.is_postgresql(schema_editor) else ''


def forget_tracebacks(apps, schema_editor):
    # The last line of each named the recipient.
    tasks = apps.get_model('django_tasks_database', 'DBTaskResult')
    tasks.objects.exclude(traceback='').update(traceback='')


def keep_permissions(apps, schema_editor):
    """Give the permission to see mails to users with the permission to see tasks."""
    Permission = apps.get_model('auth', 'Permission')
    known = Permission.objects.filter(
        codename='view_dbtaskresult', content_type__app_label='django_tasks_database'
    ).first()
    if known is None:
        return  # A new database: Django creates the permissions after the migrations.
    ContentType = apps.get_model('contenttypes', 'ContentType')
    kind, _ = ContentType.objects.get_or_create(app_label='accounts', model='mail')
    view, _ = Permission.objects.get_or_create(
        codename='view_mail', content_type=kind, defaults={'name': 'Can view mail'}
    )
    for group in known.group_set.all():
        group.permissions.add(view)
    for user in apps.get_model('accounts', 'User').objects.filter(user_permissions=known):
        user.user_permissions.add(view)


class Migration(migrations.Migration):

    atomic = False  # No index is built concurrently inside a transaction.

    dependencies = [
        ('accounts', '0008_names_that_can_be_seen'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('django_tasks_database', '0021_conditional_partial_index_ordering'),
    ]

    # The table is created last: after an interruption, all steps before it can be repeated.
    operations = [
        migrations.RunPython(indexes.be_patient, indexes.be_impatient),
        migrations.RunPython(add_index, remove_index),
        migrations.RunPython(forget_tracebacks, migrations.RunPython.noop),
        migrations.RunPython(indexes.be_impatient, indexes.be_patient),
        migrations.CreateModel(
            name='Mail',
            fields=[
            ],
            options={
                'verbose_name': 'mail',
                'proxy': True,
                'default_permissions': ('view',),
                'indexes': [],
                'constraints': [],
            },
            bases=('django_tasks_database.dbtaskresult',),
        ),
        migrations.RunPython(keep_permissions, migrations.RunPython.noop),
        migrations.CreateModel(
            name='Attempts',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent', models.PositiveBigIntegerField(default=0)),
                ('delayed', models.PositiveBigIntegerField(default=0)),
                ('failed', models.PositiveBigIntegerField(default=0)),
                ('failed_in_a_row', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'db_table': 'mail_attempts',
                'default_permissions': (),
            },
        ),
    ]
