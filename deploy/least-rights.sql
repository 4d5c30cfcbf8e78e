-- The service reads and writes rows and adds to the audit log; accounts-owner owns the tables.
-- Run it as postgres in the database of the service, and again after a restore, which creates the
-- tables again. docs/deploy.md has the other steps.
BEGIN;
REASSIGN OWNED BY accounts TO "accounts-owner";
GRANT USAGE, CREATE ON SCHEMA public TO "accounts-owner";
GRANT USAGE ON SCHEMA public TO accounts;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO accounts;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO accounts;
-- Tables of later migrations.
ALTER DEFAULT PRIVILEGES FOR ROLE "accounts-owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO accounts;
ALTER DEFAULT PRIVILEGES FOR ROLE "accounts-owner" IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO accounts;
-- The service only adds to the first; only migrations write the others.
REVOKE UPDATE, DELETE, TRUNCATE ON events FROM accounts;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON django_migrations, django_content_type, auth_permission
    FROM accounts;
COMMIT;
