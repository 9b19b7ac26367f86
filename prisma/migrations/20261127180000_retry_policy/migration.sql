-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "maxInFlight" INTEGER,
ADD COLUMN     "retryPolicy" JSONB,
ADD COLUMN     "timeoutMs" INTEGER;
