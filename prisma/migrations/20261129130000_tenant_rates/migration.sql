-- What it holds is of the last second only: a crash may empty it.
CREATE UNLOGGED TABLE "tenantRates" (
    "tenant" TEXT NOT NULL,
    "spentUntil" TIMESTAMPTZ(6) NOT NULL,
    "asked" INTEGER NOT NULL,
    "taken" INTEGER NOT NULL,

    CONSTRAINT "tenantRates_pkey" PRIMARY KEY ("tenant")
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
