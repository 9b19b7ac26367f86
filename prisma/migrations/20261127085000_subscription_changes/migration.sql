-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "changedIn" BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint;

-- CreateIndex
CREATE INDEX "subscriptions_changedIn_idx" ON "subscriptions"("changedIn");

-- A trigger, so that a change by hand, or by a process of an earlier version, counts like any other.
CREATE FUNCTION mark_subscription_change()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  NEW."changedIn" := (pg_current_xact_id()::text)::bigint;
  RETURN NEW;
END
$$;

CREATE TRIGGER "subscriptions_mark_change"
BEFORE INSERT OR UPDATE ON "subscriptions"
FOR EACH ROW EXECUTE FUNCTION mark_subscription_change();
