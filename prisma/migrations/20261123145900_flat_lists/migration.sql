-- DropIndex
DROP INDEX "deliveries_createdAt_idx";

-- CreateIndex
CREATE INDEX "deliveries_unsent_idx" ON "deliveries"("id") WHERE (status in ('FAILED', 'DEAD'));

-- CreateIndex
CREATE INDEX "deliveries_unsent_of_subscription_idx" ON "deliveries"("subscriptionId", "id") WHERE (status in ('FAILED', 'DEAD'));

-- Who has a PostgreSQL of their own has its usual autovacuum: a fifth of a table may be dead before it is cleaned, and
-- then slowly. These turn over all the time, and of a hundred million rows a fifth is a lot.
ALTER TABLE "events" SET (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 2000
);
ALTER TABLE "deliveries" SET (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 2000
);

-- Nearly empty at any moment, and all of it new: nothing to spare the machine from.
ALTER TABLE "outbox" SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE "tallies" SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);

-- A few rows that change with every request: the next version of each finds room beside it, and no index is written.
ALTER TABLE "rateLimits" SET (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
