-- CreateEnum
CREATE TYPE "DisabledReason" AS ENUM ('MANUAL', 'GONE', 'FAILING');

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "disabledAt" TIMESTAMPTZ(3),
ADD COLUMN     "disabledReason" "DisabledReason";
