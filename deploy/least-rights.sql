-- The service reads and writes rows, and adds to the audit log; what it owned is accounts-owner's.
-- Run it as postgres in the database of the service; again after a restore, which makes the
-- tables anew. docs/deploy.md says what belongs to it.
BEGIN;
REASSIGN OWNED BY accounts TO "accounts-owner";
GRANT USAGE, CREATE ON SCHEMA public TO "accounts-owner";
GRANT USAGE ON SCHEMA public TO accounts;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO accounts;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO accounts;
-- What migrations make later.
ALTER DEFAULT PRIVILEGES FOR ROLE "accounts-owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO accounts;
ALTER DEFAULT PRIVILEGES FOR ROLE "accounts-owner" IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO accounts;
-- What the service only adds to, and what only migrations write.
REVOKE UPDATE, DELETE, TRUNCATE ON events FROM accounts;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON django_migrations, django_content_type, auth_permission
    FROM accounts;
COMMIT;
