-- CreateTable
CREATE TABLE "endpointHealth" (
    "subscriptionId" UUID NOT NULL,
    "endpointVersion" INTEGER NOT NULL,
    "consecutiveFailures" INTEGER NOT NULL DEFAULT 0,
    "failingSince" TIMESTAMPTZ(3),
    "lastSuccessAt" TIMESTAMPTZ(3),
    "lastFailureAt" TIMESTAMPTZ(3),
    "probeAt" TIMESTAMPTZ(3),
    "pauses" INTEGER NOT NULL DEFAULT 0,
    "pace" INTEGER,

    CONSTRAINT "endpointHealth_pkey" PRIMARY KEY ("subscriptionId")
);

-- CreateIndex
CREATE INDEX "endpointHealth_paused_idx" ON "endpointHealth"("subscriptionId") WHERE ("probeAt" is not null);
