-- What tokens of tenants are signed with. 244 random bits: PostgreSQL has no other source of them without an extension.
ALTER TABLE "installation" ADD COLUMN "tokenSecret" BYTEA NOT NULL
    DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
