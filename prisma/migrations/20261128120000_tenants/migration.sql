-- AlterTable
ALTER TABLE "events" ADD COLUMN     "tenant" TEXT;

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "tenant" TEXT;

-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "tenant" TEXT;

-- A process of the version before matches by type and filter, and takes the tenant of every event as null. So the filter
-- of a tenant's subscription asks for the tenant, too: such a process delivers nothing to it. See `src/model/tenant.ts`.
CREATE OR REPLACE FUNCTION mark_subscription_change()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  NEW."changedIn" := (pg_current_xact_id()::text)::bigint;
  IF NEW."tenant" IS NOT NULL AND (TG_OP = 'INSERT' OR NEW."filter" IS DISTINCT FROM OLD."filter") THEN
    NEW."filter" := 'tenant == "' || NEW."tenant" || '"' || coalesce(E' && (\n' || NEW."filter" || E'\n)', '');
  END IF;
  RETURN NEW;
END
$$;
