-- CreateEnum
CREATE TYPE "SubscriptionKind" AS ENUM ('WEBHOOK', 'PULL');

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "kind" "SubscriptionKind" NOT NULL DEFAULT 'WEBHOOK',
ALTER COLUMN "endpointUrl" DROP NOT NULL;
